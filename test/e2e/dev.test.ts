/** `stoactl dev` as a person and a supervisor see it: real processes, real ports, real files. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeDirectory, runStoactl, startStack, type StackOptions, type TestStack } from '../helpers/stack.js';
import { hasTerminal, stoactlOnTerminal } from '../helpers/terminal.js';

let directory: string;
const stacks: TestStack[] = [];

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'stoa-e2e-')));
});

afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.stop('SIGKILL');
  await removeDirectory(directory);
});

async function start(options: StackOptions = {}): Promise<TestStack> {
  const stack = await startStack(options);
  stacks.push(stack);
  return stack;
}

const statusOf = async (url: string, apiKey?: string): Promise<number> => {
  const response = await fetch(url, { headers: apiKey === undefined ? {} : { 'x-api-key': apiKey } });
  await response.arrayBuffer();
  return response.status;
};

/** Polls until the status is the expected one; gives the last one seen. */
async function eventually(url: string, status: number, apiKey?: string, timeoutMs = 5000): Promise<number> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const seen = await statusOf(url, apiKey).catch(() => 0);
    if (seen === status || Date.now() > deadline) return seen;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const pidOf = (stack: TestStack, service: string): number =>
  Number([...stack.output().matchAll(new RegExp(`dev: ${service} is ready at \\S+ \\(pid (\\d+)\\)`, 'g'))].at(-1)?.[1]);

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function untilGone(pids: readonly number[], timeoutMs = 12_000): Promise<number[]> {
  const deadline = Date.now() + timeoutMs;
  while (pids.some(isAlive) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  return pids.filter(isAlive);
}

const CONFIG = 'project: shop\nmanifests: [manifests/**/*.yaml]\n';
const manifest = (kind: string, name: string, spec: string): string =>
  `apiVersion: gostoa.dev/v1beta1\nkind: ${kind}\nmetadata:\n  name: ${name}\n${kind === 'Tenant' ? '' : '  tenant: shop\n'}spec:\n${spec}`;
const openApi = (name: string, methods = '[GET]'): string =>
  manifest('API', name, `  path: /${name}\n  upstream_url: \${env:STOA_ECHO_URL}\n  auth_required: false\n  methods: ${methods}\n`);

/** A repository of one tenant and one API that needs no key. */
function repository(): { cwd: string; file: (name: string) => string } {
  const file = (name: string): string => join(directory, 'manifests', name);
  mkdirSync(join(directory, 'manifests'), { recursive: true });
  writeFileSync(join(directory, 'stoa.config.yaml'), CONFIG);
  writeFileSync(file('tenant.yaml'), manifest('Tenant', 'shop', '  tier: starter\n'));
  writeFileSync(file('orders.yaml'), openApi('orders'));
  return { cwd: directory, file };
}

/** As editors save: a new file takes the place of the old one. */
function save(file: string, text: string): void {
  writeFileSync(`${file}.tmp`, text);
  renameSync(`${file}.tmp`, file);
}

describe('stoactl dev', () => {
  it('serves the quickstart, and the curl that it prints works when pasted (DP10 DP12 CL9)', async () => {
    const stack = await start();
    const line = /^curl .*$/m.exec(stack.output())?.[0] ?? '';

    const curl = spawn('bash', ['-c', `${line} --silent --write-out '\\n%{http_code}'`]);
    let text = '';
    curl.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await new Promise((resolve) => curl.once('close', resolve));

    expect(text).toMatch(/\n200$/);
    expect(JSON.parse(text.slice(0, text.lastIndexOf('\n')))).toMatchObject({
      method: 'GET',
      path: '/hello',
      headers: { 'x-tenant-id': expect.anything() },
    });
    expect(text).not.toContain(stack.sample?.apiKey);
    expect(await statusOf(stack.sample?.url ?? '')).toBe(401);
    expect(await statusOf(`${stack.urls.gateway}/apis/acme/billing/v1/invoices`)).toBe(200);
  });

  it('prints lines to paste that make stoactl work in another terminal', async () => {
    const stack = await start();

    const { stdout, exitCode } = await stack.stoactl(['get', 'apis', '-o', 'name']);

    expect(exitCode).toBe(0);
    expect(stdout).toContain('acme/payments');
    expect(Object.keys(stack.env)).toEqual(
      expect.arrayContaining(['STOA_API_URL', 'STOA_AUTH_URL', 'STOA_GATEWAY_URL', 'STOA_CLIENT_ID', 'STOA_CLIENT_SECRET']),
    );
  });

  it('has applied what the manifests say, so that diff is empty', async () => {
    const stack = await start();

    const { exitCode, stdout } = await stack.stoactl(['diff', '--prune', '--exit-code']);

    expect(stdout).toContain('No changes');
    expect(exitCode).toBe(0);
  });

  it('shows a client secret that it made at the first start only (CL9)', async () => {
    const dataDir = join(directory, 'data');
    const options = { dataDir, seed: false, env: { STOA_CLIENT_SECRET: '' } };
    const first = await start(options);
    expect(first.clientSecret).toMatch(/^[\w-]{20,}$/);
    await first.token();
    await first.stop();

    const second = await start(options);

    expect(second.output()).not.toContain(first.clientSecret);
    expect(second.output()).toContain('STOA_CLIENT_SECRET was shown by the first start');
  });

  it('applies nothing and starts no echo upstream with --no-seed (CL11)', async () => {
    const stack = await start({ seed: false });

    const { body } = await stack.call('GET', '/v1/tenants');

    expect(body).toMatchObject({ total: 0 });
    expect(stack.output()).not.toContain('echo-upstream');
  });

  it('opens /admin of the gateway with a token, and keeps it shut without', async () => {
    const withToken = await start({ seed: false, args: ['--admin-token', 'of-the-flag'] });
    const without = await start({ seed: false, env: { STOA_ADMIN_TOKEN: '' } });
    const ask = async (stack: TestStack, token: string): Promise<number> =>
      (await fetch(`${stack.urls.gateway}/admin/health`, { headers: { authorization: `Bearer ${token}` } })).status;

    expect(await ask(withToken, 'of-the-flag')).toBe(200);
    expect(await ask(withToken, withToken.adminToken)).toBe(401);
    expect(await ask(without, '')).toBe(503);
  });
});

describe('the watch of stoactl dev', () => {
  it('applies an edit within a second and shows what has changed (CL10)', async () => {
    const { cwd, file } = repository();
    const stack = await start({ cwd, readyWhen: /^npx stoactl get apis$/m });
    const url = `${stack.urls.gateway}/apis/shop/orders/1`;
    expect(await eventually(url, 200)).toBe(200);
    const from = stack.output().length;
    const saved = performance.now();

    save(file('orders.yaml'), openApi('orders', '[POST]'));
    expect(await eventually(url, 405)).toBe(405);

    expect(performance.now() - saved).toBeLessThan(1000);
    await stack.printed(/~ API orders\n[^]*methods +\["GET"\] -> \["POST"\][^]*dev: applied 2 files in \d+ ms: 1 changed, 1 unchanged/, {
      from,
    });
  });

  it('shows a bad edit with its place, and goes on serving what was there (CL10)', async () => {
    const { cwd, file } = repository();
    const stack = await start({ cwd });
    const url = `${stack.urls.gateway}/apis/shop/orders/1`;
    const from = stack.output().length;

    save(file('orders.yaml'), openApi('orders').replace('methods', 'metods'));
    const shown = await stack.printed(/manifests\/orders\.yaml:\d+:\d+: error: .*metods.*[^]*not applied/, { from });

    expect(shown).toContain('manifests/orders.yaml:10:3');
    expect(shown).toContain('Did you mean "methods"?');
    expect(await statusOf(url)).toBe(200);

    save(file('orders.yaml'), openApi('orders', '[GET, PUT]'));
    await stack.printed(/dev: applied 2 files/, { from });
  });

  it('notices new files and directories, and files that are gone: what they declared is deleted', async () => {
    const { cwd, file } = repository();
    const stack = await start({ cwd });
    mkdirSync(file('team'));

    writeFileSync(file('team/invoices.yaml'), openApi('invoices'));
    expect(await eventually(`${stack.urls.gateway}/apis/shop/invoices/1`, 200)).toBe(200);
    const from = stack.output().length;
    rmSync(file('team'), { recursive: true });

    expect(await eventually(`${stack.urls.gateway}/apis/shop/invoices/1`, 404)).toBe(404);
    await stack.printed(/- API invoices[^]*1 deleted \(no longer in the manifests\)/, { from });
    expect(await statusOf(`${stack.urls.gateway}/apis/shop/orders/1`)).toBe(200);
  });

  it('deletes nothing when the manifests name nothing any more', async () => {
    const { cwd, file } = repository();
    const stack = await start({ cwd });
    const from = stack.output().length;

    save(file('orders.yaml'), '');
    save(file('tenant.yaml'), '');
    await stack.printed(/The manifests name nothing any more[^]*not applied/, { from });

    expect(await statusOf(`${stack.urls.gateway}/apis/shop/orders/1`)).toBe(200);
  });

  it('leaves alone what others have applied or made by hand', async () => {
    const { cwd, file } = repository();
    const stack = await start({ cwd });
    const other = join(directory, 'other.yaml');
    writeFileSync(other, openApi('reports').replace('${env:STOA_ECHO_URL}', stack.urls.echo));
    expect(await stack.stoactl(['apply', '-f', other, '--yes'])).toMatchObject({ exitCode: 0 });
    const from = stack.output().length;

    save(file('orders.yaml'), openApi('orders', '[GET, PUT]'));
    await stack.printed(/dev: applied/, { from });

    expect(await statusOf(`${stack.urls.gateway}/apis/shop/reports/1`)).toBe(200);
  });

  it('starts with a configuration that is wrong, and applies it when it is mended', async () => {
    const { cwd } = repository();
    writeFileSync(join(directory, 'stoa.config.yaml'), CONFIG.replace('manifests:', 'manifest:'));
    const stack = await start({ cwd });
    expect(stack.output()).toContain('stoa.config.yaml:2:1: error: The field "manifest" is not known.');

    save(join(directory, 'stoa.config.yaml'), CONFIG);

    expect(await eventually(`${stack.urls.gateway}/apis/shop/orders/1`, 200)).toBe(200);
  });

  it('follows stoa.config.yaml', async () => {
    const { cwd } = repository();
    mkdirSync(join(directory, 'more'));
    writeFileSync(join(directory, 'more', 'stock.yaml'), openApi('stock'));
    const stack = await start({ cwd });

    save(join(directory, 'stoa.config.yaml'), CONFIG.replace(']', ', more/*.yaml]'));

    expect(await eventually(`${stack.urls.gateway}/apis/shop/stock/1`, 200)).toBe(200);
  });
});

describe('the processes of stoactl dev', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('ends with exit code 0 on %s, children included', async (signal) => {
    const stack = await start({ seed: false });
    const pids = [pidOf(stack, 'control-plane'), pidOf(stack, 'gateway')];

    const code = await stack.stop(signal);

    expect(code).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it('finishes what is in flight before it ends', async () => {
    const { cwd } = repository();
    const stack = await start({ cwd });
    const slow = fetch(`${stack.urls.gateway}/apis/shop/orders/delay/800`);
    await new Promise((resolve) => setTimeout(resolve, 300));

    const [response, code] = await Promise.all([slow, stack.stop()]);

    expect(response.status).toBe(200);
    expect(code).toBe(0);
  });

  it('takes its children along when it is killed', async () => {
    const stack = await start({ seed: false });
    const pids = [pidOf(stack, 'control-plane'), pidOf(stack, 'gateway')];
    expect(pids.every(isAlive)).toBe(true);

    await stack.stop('SIGKILL');

    expect(await untilGone(pids)).toEqual([]);
  });

  it('keeps its state over a restart, also after kill -9', async () => {
    const dataDir = join(directory, 'data');
    const first = await start({ dataDir });
    expect((await first.call('POST', '/v1/tenants', { name: 'by-hand', tier: 'starter' })).status).toBe(201);
    await first.stop('SIGKILL');
    await untilGone([pidOf(first, 'control-plane'), pidOf(first, 'gateway')]);

    const second = await start({ dataDir });

    expect((await second.call('GET', '/v1/tenants/by-hand')).status).toBe(200);
    const url = second.sample?.url ?? '';
    expect(await statusOf(url, second.sample?.apiKey)).toBe(200);
    // The key of the start before stays good.
    expect(await statusOf(url, first.sample?.apiKey)).toBe(200);
  });

  it.each(['gateway', 'control-plane'])('starts the %s again when it is killed', async (service) => {
    const stack = await start();
    const { url = '', apiKey } = stack.sample ?? {};
    const from = stack.output().length;

    process.kill(pidOf(stack, service), 'SIGKILL');
    await stack.printed(
      new RegExp(`dev: ${service} has ended unexpectedly \\(signal SIGKILL\\); it is started again[^]*dev: ${service} is ready`),
      { from },
    );

    expect(await eventually(url, 200, apiKey)).toBe(200);
    expect((await stack.call('GET', '/v1/tenants')).status).toBe(200);
  });

  it('refuses a second one on the same directory', async () => {
    const stack = await start({ seed: false });

    const second = await runStoactl([
      'dev',
      '--no-tui',
      '--no-seed',
      '--data-dir',
      stack.dataDir,
      '--control-port',
      '0',
      '--gateway-port',
      '0',
    ]);

    expect(second.exitCode).not.toBe(0);
    expect(second.stderr).toContain(`The data directory ${stack.dataDir} is in use by another running "stoactl dev".`);
    expect(second.stderr).not.toContain('    at ');
    expect((await stack.call('GET', '/v1/tenants')).status).toBe(200);
  });

  it.each([
    ['--control-port', 'control plane'],
    ['--gateway-port', 'gateway'],
  ])('names the port when the one of %s is taken', async (flag, what) => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const ports = ['--control-port', '--gateway-port'].flatMap((name) => [name, name === flag ? String(port) : '0']);

    const { exitCode, stderr } = await runStoactl(['dev', '--no-tui', '--no-seed', '--data-dir', directory, ...ports]);
    server.close();

    expect(exitCode).toBe(1);
    expect(stderr).toContain(`Port ${port} for the ${what} is already in use.`);
    expect(stderr).toContain(flag);
  });

  it('joins a further gateway with --only gateway', async () => {
    const stack = await start();
    const { url = '', apiKey } = stack.sample ?? {};
    const port = new URL(stack.urls.api).port;
    const further = await start({
      dataDir: stack.dataDir,
      args: ['--only', 'gateway', '--control-port', port],
      readyWhen: /gateway is ready at \S+/,
    });
    const base = /gateway is ready at (\S+)/.exec(further.output())?.[1] ?? '';

    expect(await eventually(url.replace(stack.urls.gateway, base), 200, apiKey)).toBe(200);
    expect(await further.stop()).toBe(0);
    expect(await statusOf(url, apiKey)).toBe(200);
  });

  it('joins from another directory with client credentials', async () => {
    const stack = await start();
    const { url = '', apiKey } = stack.sample ?? {};
    const env = { STOA_CLIENT_ID: stack.clientId, STOA_CLIENT_SECRET: stack.clientSecret };
    const args = ['--only', 'gateway', '--control-port', new URL(stack.urls.api).port];
    const further = await start({ dataDir: join(directory, 'elsewhere'), args, env, readyWhen: /gateway is ready at \S+/ });
    const base = /gateway is ready at (\S+)/.exec(further.output())?.[1] ?? '';

    expect(await eventually(url.replace(stack.urls.gateway, base), 200, apiKey)).toBe(200);
  });
});

describe('keys on the whole stack', () => {
  it('rotates a key: both work in the grace window, on every gateway (DP16 CL8)', async () => {
    const stack = await start();
    const { url = '', apiKey } = stack.sample ?? {};

    const { stdout, exitCode } = await stack.stoactl(['rotate-key', 'acme/mobile-app-payments', '--grace', '24h', '--quiet']);
    const newKey = stdout.trim();

    expect(exitCode).toBe(0);
    expect(newKey).toMatch(/^stoa_sk_[0-9a-z]{32}$/);
    expect(await eventually(url, 200, newKey, 1000)).toBe(200);
    expect(await statusOf(url, apiKey)).toBe(200);
    expect(stack.output()).not.toContain(newKey);
  });

  it('writes no secret into any file of the data directory', async () => {
    const stack = await start();
    await statusOf(stack.sample?.url ?? '', stack.sample?.apiKey);
    await stack.stop('SIGTERM');
    // The directory is removed with the stack; look into one that stays.
    const dataDir = join(directory, 'data');
    const kept = await start({ dataDir });
    const { apiKey = 'none' } = kept.sample ?? {};
    await kept.stop();

    for (const name of ['control-plane.db', 'dev.json']) expect(readFileSync(join(dataDir, name)).includes(apiKey)).toBe(false);
    expect(kept.output().split(apiKey)).toHaveLength(2);
  });
});

describe.skipIf(!hasTerminal)('the live view', () => {
  it('shows the services on a terminal, and q ends it with exit code 0 (CL1)', async () => {
    const args = ['dev', '--data-dir', join(directory, 'data'), '--control-port', '0', '--gateway-port', '0'];
    const terminal = stoactlOnTerminal(args, { env: { STOA_CLIENT_SECRET: 'a-secret' } });

    await terminal.until(/gateway +healthy +http:\/\/127\.0\.0\.1:\d+/);
    const url = /curl (\S+)/.exec(terminal.screen())?.[1] ?? '';
    expect(await statusOf(url, /X-API-Key: (stoa_sk_\w+)/.exec(terminal.screen())?.[1])).toBe(200);
    await terminal.until(/200 GET \/apis\/acme\/payments\/hello/);
    terminal.type('q');

    expect(await terminal.ended).toEqual({ exitCode: 0, isRestored: true });
    expect(terminal.screen()).toContain('dev: stopped');
  });
});
