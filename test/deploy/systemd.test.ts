/** deploy/systemd: units that systemd accepts, whose commands run as they stand there. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { containersProblem, readImage, startContainers, type Containers, type ContainerSpec } from '../helpers/containers.js';
import { unknownFlags } from '../helpers/flags.js';
import { eventually } from '../helpers/prometheus.js';
import { ROOT } from '../helpers/stack.js';

const UNITS = path.join(ROOT, 'deploy/systemd');
const START_MS = 120_000;
const units = readdirSync(UNITS).map((file) => readUnit(file));

function readUnit(file: string) {
  const text = readFileSync(path.join(UNITS, file), 'utf8');
  const all = (key: string): string[] => [...text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value);
  return { file, name: file.replace('.service', ''), all, command: (all('ExecStart')[0] ?? '').split(' ') };
}

describe.each(units)('$file', ({ file, all, command }) => {
  it('starts a program that is there, with flags that it knows', () => {
    const [node, script = '', ...flags] = command;

    expect(node).toBe('/usr/bin/node');
    expect(script).toMatch(/^\/opt\/stoa\/bin\//);
    expect(unknownFlags([script.replace('/opt/stoa/', ''), ...flags])).toEqual([]);
  });

  it('has each secret as a credential, and names the file of it', () => {
    const credentials = all('LoadCredential').map((value) => value.split(':')[0]);
    const files = all('Environment').flatMap((value) => /_FILE=%d\/(\w+)$/.exec(value)?.[1] ?? []);

    expect(files.sort()).toEqual(credentials.sort());
    expect(all('LoadCredential').filter((value) => !/^(\w+):\/etc\/stoa\/\1$/.test(value))).toEqual([]);
  });

  it('keeps its files where systemd makes a directory for it, and has time to drain', () => {
    expect(command).toContain(`--data-dir=/var/lib/${all('StateDirectory')[0] ?? ''}`);
    expect(Number(all('TimeoutStopSec')[0])).toBeGreaterThan(10);
  });

  it.skipIf(spawnSync('systemd-analyze', ['--version']).status !== 0)('is accepted by systemd, and exposes little', () => {
    const verify = spawnSync('systemd-analyze', ['verify', '--man=no', path.join(UNITS, file)], { encoding: 'utf8' });
    const security = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=15', '--no-pager', path.join(UNITS, file)], {
      encoding: 'utf8',
    });

    expect(verify.stderr.split('\n').filter((line) => line !== '' && !line.includes('/usr/bin/node is not executable'))).toEqual([]);
    expect([security.status, /exposure level.*/.exec(security.stdout)?.[0]]).toEqual([0, expect.stringContaining('OK')]);
  });
});

const problem = containersProblem();
if (problem !== undefined) console.warn(`Namespaces cannot be made here (${problem}): the units are not run.`);

describe.skipIf(problem !== undefined)('the units together', () => {
  const secretOf = (name: string): string => createHash('sha256').update(name).digest('hex');
  let services: Containers;

  /** What systemd makes of a unit: the view of files, the user and the credentials. The filter of system calls is not tried. */
  const specOf = ({ name, all, command }: (typeof units)[number]): ContainerSpec => {
    const directory = `/run/credentials/${name}.service`;
    const variables = all('Environment').map((value) => value.replaceAll('%d', directory).split('=') as [string, string]);
    const credentials = all('LoadCredential').map((value) => value.split(':')[0] ?? '');
    return {
      name,
      command,
      environment: Object.fromEntries(variables),
      user: 61_184,
      files: Object.fromEntries(credentials.map((credential) => [`${directory}/${credential}`, secretOf(credential)])),
      writable: ['/tmp', `/var/lib/${all('StateDirectory')[0] ?? ''}`],
      procOptions: 'subset=pid,hidepid=invisible',
    };
  };

  beforeAll(async () => {
    const product = { copies: readImage().copies, environment: {}, entrypoint: [], workdir: '/opt/stoa' };
    services = await startContainers(units.map(specOf), [], product);
    for (const { name } of units) services.start(name);
  }, 60_000);
  afterAll(() => services.end());

  it('serve, and the gateway follows the control plane', { timeout: START_MS }, async () => {
    const get = (url: string) => services.exec('stoa-gateway', ['curl', '-s', url]).stdout;

    await eventually(
      () => Promise.resolve(get('http://127.0.0.1:3001/health/ready')),
      '{"status":"ready","control_plane":"connected"}',
      START_MS,
    );
    expect(get('http://127.0.0.1:8000/health/ready')).toBe('{"status":"UP"}');
    for (const { name } of units) expect(services.output(name)).not.toContain('"level":"error"');
  });
});
