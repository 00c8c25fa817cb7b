/** docs/deploy.md: its commands run, its alerts and files are there. */
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readCompose } from '../helpers/compose.js';
import { cleanEnv, ROOT } from '../helpers/stack.js';

const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');
const page = read('docs/deploy.md');
const section = (title: string): string => page.split(`## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
const blocks = [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, text = '']) => text);
const isMissing = (text: string): boolean => /^promtool/m.test(text) && spawnSync('promtool', ['--version']).status !== 0;
if (blocks.some(isMissing)) console.warn('promtool is not installed: its commands in docs/deploy.md are skipped.');

describe('docs/deploy.md', () => {
  it.each(blocks.filter((text) => !isMissing(text)))('runs as it stands there: %s', async (text) => {
    const copy = mkdtempSync(path.join(tmpdir(), 'stoa-deploy-'));
    onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
    cpSync(path.join(ROOT, 'deploy'), path.join(copy, 'deploy'), {
      recursive: true,
      filter: (file) => !/compose\/(secrets|\.env)$/.test(file),
    });
    for (const name of ['bin', 'dist', 'node_modules', 'package.json']) symlinkSync(path.join(ROOT, name), path.join(copy, name));

    const { stdout } = await promisify(execFile)('bash', ['-e', '-c', text], { cwd: copy, env: cleanEnv() });

    expect(stdout).not.toBe('');
  });

  it('names each alert, and each service of the compose file with its ports', () => {
    const alerts = [...read('deploy/prometheus/alerts.yml').matchAll(/alert: (\w+)/g)].map(([, name = '']) => name);
    const named = [...section('Alerts and dashboards').matchAll(/`(Stoa\w+)`/g)].map(([, name = '']) => name);
    const { services } = readCompose();
    const { aliases } = services['control-plane-api']?.networks?.default ?? { aliases: [] };

    expect(named.sort()).toEqual(alerts.sort());
    for (const name of ['control-plane-api', 'stoa-gateway', ...aliases]) expect(section('What is what')).toContain(`| \`${name}\` `);
  });

  it('and every other page names services that Compose knows', () => {
    const pages = readdirSync(path.join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md'));
    const commands = pages.flatMap((file) => [
      ...read(path.join('docs', file)).matchAll(/docker compose (?:logs|restart|exec|ps|stop) (?<service>[\w-]+)/g),
    ]);

    expect(commands.length).toBeGreaterThan(2);
    const names = Object.keys(readCompose().services);
    expect(commands.filter(({ groups }) => !names.includes(groups?.['service'] ?? '')).map(([command]) => command)).toEqual([]);
  });

  it('names files that are there', () => {
    const files = [...page.matchAll(/\bdeploy\/(?:compose|systemd|kubernetes|prometheus)\/[\w.-]*\w/g)].map(([file]) => file);

    expect(files.length).toBeGreaterThan(5);
    expect(files.filter((file) => !existsSync(path.join(ROOT, file)) && !/compose\/(secrets|\.env)$/.test(file))).toEqual([]);
  });
});
