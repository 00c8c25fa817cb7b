/** `stoactl dev ps|logs|restart|stop|start` against a running `stoactl dev`, as another terminal of the same directory sees it. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, removeDirectory, runStoactl, startStack, type CommandResult, type TestStack } from '../helpers/stack.js';

interface Listed {
  readonly services: readonly {
    readonly service: string;
    readonly state: string;
    readonly health: string;
    readonly url: string;
    readonly pid: number | null;
  }[];
  readonly milliseconds: number;
}

let root: string;
let dataDir: string;
let stack: TestStack;

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'stoa-dev-commands-')));
  // Longer than the address of a socket may be.
  dataDir = join(root, 'a-directory-with-a-long-name'.repeat(4), '.stoa');
  mkdirSync(join(dataDir, '..'));
  stack = await startStack({ dataDir });
});
afterAll(async () => {
  await stack.stop();
  await removeDirectory(root);
});

const dev = (...args: string[]): Promise<CommandResult> => runStoactl(['dev', ...args], { cwd: join(dataDir, '..') });
async function devJson(...args: string[]): Promise<Listed> {
  const { stdout, stderr, exitCode } = await dev(...args, '-o', 'json');
  expect([stderr, exitCode]).toEqual(['', 0]);
  return JSON.parse(stdout) as Listed;
}
const call = async (key = stack.sample?.apiKey ?? ''): Promise<number> =>
  (await fetch(stack.sample?.url ?? '', { headers: { 'x-api-key': key } }).catch(() => ({ status: 0 }))).status;
async function eventually(read: () => Promise<unknown>, wanted: unknown): Promise<void> {
  const end = Date.now() + 8000;
  while ((await read()) !== wanted && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await read()).toBe(wanted);
}

describe('dev ps', () => {
  it('shows each service up and healthy, with the names of containers (OP1)', async () => {
    const { stdout, exitCode } = await dev('ps');

    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^control-plane +Up \d+s +healthy +http:\/\/127\.0\.0\.1:\d+ +\d+ +control-plane-api, .*keycloak, postgres$/m);
    expect(stdout).toMatch(/^gateway +Up \d+s +healthy .* stoa-gateway$/m);
    expect(stdout).toMatch(/^echo-upstream +Up \d+s +healthy/m);
  });

  it('shows the one that is named, also as a container (OP13)', async () => {
    const { stdout, exitCode } = await dev('ps', 'postgres');

    expect(exitCode).toBe(0);
    expect(stdout.trim().split('\n')).toEqual([
      expect.stringMatching(/^SERVICE /),
      expect.stringMatching(/^control-plane +Up \S+ +healthy /),
    ]);
    expect(await dev('ps', 'postgre')).toMatchObject({ exitCode: 64, stderr: expect.stringContaining('Did you mean "postgres"?') });
  });

  it('is possible for this user alone: the socket and the logs have mode 0600', () => {
    expect(statSync(join(dataDir, 'dev.sock')).mode & 0o777).toBe(0o600);
    for (const name of readdirSync(join(dataDir, 'logs'))) expect(statSync(join(dataDir, 'logs', name)).mode & 0o777).toBe(0o600);
  });

  it('says so where no dev runs', async () => {
    const { exitCode, stderr } = await runStoactl(['dev', 'ps', '--data-dir', join(root, 'nothing')]);

    expect(exitCode).toBe(4);
    expect(stderr).toContain(`No "stoactl dev" runs on the data directory ${join(root, 'nothing')}.`);
  });
});

describe('dev restart, stop and start', () => {
  it('restarts the gateway within ten seconds and loses no request (OP10)', async () => {
    const before = (await devJson('ps')).services.find(({ service }) => service === 'gateway');
    const slow = fetch(`${stack.urls.gateway}/apis/acme/payments/delay/700`, { headers: { 'x-api-key': stack.sample?.apiKey ?? '' } });
    await new Promise((resolve) => setTimeout(resolve, 200));

    const { milliseconds, services } = await devJson('restart', 'stoa-gateway');

    expect(milliseconds).toBeLessThan(10_000);
    expect((await slow).status).toBe(200);
    expect(services).toMatchObject([{ service: 'gateway', state: 'running', health: 'healthy' }]);
    expect(services[0]?.pid).not.toBe(before?.pid);
    await eventually(call, 200);
  });

  it('stops everything and starts it again within thirty seconds, with every key (OP11)', async () => {
    const stopped = await devJson('stop');
    expect(stopped.services.map(({ state, pid }) => [state, pid])).toEqual(Array.from({ length: 3 }, () => ['stopped', null]));
    expect(await call()).toBe(0);

    const started = await devJson('start');

    expect(stopped.milliseconds + started.milliseconds).toBeLessThan(30_000);
    expect(started.services.map(({ health }) => health)).toEqual(['healthy', 'healthy', 'healthy']);
    await eventually(call, 200);
  });

  it('lets the gateway serve on while the control plane is stopped, and stopped it stays', async () => {
    await devJson('stop', 'control-plane-api');
    await new Promise((resolve) => setTimeout(resolve, 500));

    expect((await devJson('ps')).services.map(({ service, state }) => `${service} ${state}`)).toContain('control-plane stopped');
    expect(await call()).toBe(200);
    expect((await dev('ps')).stdout).toMatch(/^control-plane +Exited/m);

    await devJson('start', 'control-plane-api');
    expect((await stack.call('GET', '/v1/tenants')).status).toBe(200);
  });

  it('takes the upstream away and gives it back at its address', async () => {
    await devJson('stop', 'echo-upstream');
    expect(await call()).toBe(502);

    await devJson('start', 'echo-upstream');

    await eventually(call, 200);
  });

  it('says why a service cannot start, and starts it when the cause is gone', async () => {
    const { services } = await devJson('stop', 'gateway');
    const port = Number(new URL(services[0]?.url ?? '').port);
    const thief = createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => thief.once('listening', resolve));

    const refused = await dev('start', 'gateway');
    await new Promise((resolve) => thief.close(resolve));

    expect(refused.exitCode).toBe(5);
    expect(refused.stderr).toContain(String(port));
    expect((await devJson('start', 'gateway')).services).toMatchObject([{ state: 'running' }]);
  });

  it('knows its services', async () => {
    expect(await dev('restart', 'gatway')).toMatchObject({ exitCode: 64, stderr: expect.stringContaining('Did you mean "gateway"?') });
    expect(await dev('sp')).toMatchObject({ exitCode: 64, stderr: expect.stringContaining('Did you mean "stoactl dev ps"?') });
  });
});

describe('dev logs', () => {
  it('prints what a service wrote, byte for byte, and no secret', async () => {
    await call();
    await eventually(async () => (await dev('logs', 'stoa-gateway')).stdout.includes('"path":"/apis/acme/payments/hello"'), true);

    const { stdout } = await dev('logs', 'stoa-gateway');

    expect(readFileSync(join(dataDir, 'logs', 'gateway.log'), 'utf8').startsWith(stdout.slice(0, 2000))).toBe(true);
    for (const secret of [stack.sample?.apiKey ?? 'none', stack.clientSecret])
      for (const name of readdirSync(join(dataDir, 'logs'))) expect(readFileSync(join(dataDir, 'logs', name)).includes(secret)).toBe(false);
  });

  it('prints several services in order of time behind their names, the last lines of each (LG14)', async () => {
    const { stdout } = await dev('logs', '--tail=4');
    const lines = stdout.trim().split('\n');

    expect(lines.filter((line) => line.startsWith('control-plane | '))).toHaveLength(4);
    expect(lines.filter((line) => line.startsWith('gateway '))).not.toHaveLength(0);
    const times = lines.flatMap((line) => /"ts":"([^"]+)"/.exec(line)?.[1] ?? []);
    expect(times).toEqual([...times].sort());
  });

  it('gives one object a line with -o json, and fails as JSON', async () => {
    const { stdout } = await dev('logs', 'gateway', '--tail', '2', '-o', 'json');
    const failure = await dev('logs', 'gateway', '--since', 'yesterday', '-o', 'json');

    for (const line of stdout.trim().split('\n'))
      expect(JSON.parse(line)).toMatchObject({ ts: expect.any(String), level: expect.any(String) });
    expect(failure.exitCode).toBe(64);
    expect(JSON.parse(failure.stdout)).toMatchObject({ error: { code: 'usage_error' } });
  });

  it('leaves out what is older than --since', async () => {
    expect((await dev('logs', '--since', new Date(Date.now() + 60_000).toISOString())).stdout).toBe('');
    expect((await dev('logs', '--since=1h')).stdout).not.toBe('');
  });

  it('follows over a restart of the service, and Ctrl-C ends it with 130', async () => {
    const child = spawn(process.execPath, [
      join(ROOT, 'bin', 'stoactl.js'),
      'dev',
      'logs',
      'gateway',
      '--tail=0',
      '--follow',
      '--data-dir',
      dataDir,
    ]);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    const ended = new Promise((resolve) => child.once('close', resolve));
    await new Promise((resolve) => setTimeout(resolve, 1500));

    await devJson('restart', 'gateway');
    await eventually(() => Promise.resolve(text.includes('config_loaded')), true);
    child.kill('SIGINT');

    expect(await ended).toBe(130);
  });

  it('ends quietly when its reader goes', () => {
    const line = `${process.execPath} ${join(ROOT, 'bin', 'stoactl.js')} dev logs --follow --data-dir ${dataDir} | head -n 1`;

    const { stderr, stdout } = spawnSync('bash', ['-c', line], { encoding: 'utf8', timeout: 20_000 });

    expect(stderr).toBe('');
    expect(stdout.split('\n')).toHaveLength(2);
  });
});

describe('a further gateway on the same directory', () => {
  it('is listed, has a log of its own, and is restarted with the other', async () => {
    const port = new URL(stack.urls.api).port;
    const further = await startStack({
      dataDir,
      args: ['--only', 'gateway', '--control-port', port],
      readyWhen: /gateway is ready at \S+/,
    });
    await eventually(async () => (await devJson('ps')).services.filter(({ service }) => service === 'gateway').length, 2);

    const { services } = await devJson('restart', 'gateway');

    expect(services.map(({ state }) => state)).toEqual(['running', 'running']);
    expect(readdirSync(join(dataDir, 'logs')).filter((name) => name.startsWith('gateway-'))).toHaveLength(1);
    await further.stop();
    expect((await devJson('ps')).services).toHaveLength(3);
  });
});

describe('after dev has ended', () => {
  it('its logs are there still, its socket is not', async () => {
    await stack.stop();

    expect(existsSync(join(dataDir, 'dev.sock'))).toBe(false);
    expect((await dev('logs', 'gateway', '--tail=1')).stdout).not.toBe('');
  });
});
