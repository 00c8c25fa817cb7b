/** docs/runbooks: each incident is caused here, and its page is followed command by command, with the output that it shows. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { examplesOf, pathWithNpx, runExamples, settled } from '../helpers/console.js';
import { ROOT, startStack, type TestStack } from '../helpers/stack.js';

const DIRECTORY = join(ROOT, 'docs', 'runbooks');
const missing = ['curl', 'jq'].filter((program) => spawnSync(program, ['--version']).error !== undefined);
if (missing.length > 0) console.log(`Skipped: docs/runbooks needs ${missing.join(' and ')}.`);

describe.skipIf(missing.length > 0)('docs/runbooks', { timeout: 120_000 }, () => {
  let stack: TestStack;
  let directory: string;
  let path: string;
  const others: ChildProcess[] = [];

  beforeEach(async () => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'stoa-runbooks-')));
    path = pathWithNpx(directory);
    stack = await startStack({ dataDir: join(directory, '.stoa') });
    expect(await call()).toBe(200);
  });
  afterEach(async () => {
    for (const other of others.splice(0)) other.kill('SIGKILL');
    await stack.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const call = async (): Promise<number> =>
    (await fetch(stack.sample?.url ?? '', { headers: { 'x-api-key': stack.sample?.apiKey ?? '' } })).status;

  /** Another program, with this script, that is in the way until it is ended. */
  async function inTheWay(script: string): Promise<string> {
    const other = spawn(process.execPath, ['--input-type=module', '-e', `${script}\nconsole.log('there'); setInterval(() => {}, 1000);`], {
      cwd: ROOT,
    });
    others.push(other);
    await once(other.stdout, 'data');
    return String(other.pid);
  }

  /** Follows a page: what it prints has to be what it shows. */
  async function follow(page: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
    // Examples in lists are indented.
    const examples = examplesOf(readFileSync(join(DIRECTORY, page), 'utf8').replace(/^ {3}/gm, ''));
    const own = { ...stack.env, ...env, API_KEY: stack.sample?.apiKey ?? '', PATH: path };
    const printed = await runExamples(
      examples.map(({ command }) => command),
      { cwd: directory, env: own },
    );

    expect(examples.length).toBeGreaterThan(4);
    const asRun = examples.map(({ command }, index) => `$ ${command}\n${settled(printed[index] ?? '').replace(/Port \d+/, 'Port N')}`);
    expect(asRun).toEqual(examples.map(({ command, output }) => `$ ${command}\n${settled(output).replace(/Port \d+/, 'Port N')}`));
  }

  const pidOf = async (service: string): Promise<number> => {
    const { stdout } = await stack.stoactl(['dev', 'ps', '-o', 'json', '--data-dir', stack.dataDir]);
    const { services } = JSON.parse(stdout) as { services: { service: string; pid: number }[] };
    return services.find((status) => status.service === service)?.pid ?? 0;
  };

  it('the gateway is killed and its port taken (OP12)', async () => {
    const port = new URL(stack.urls.gateway).port;
    const pid = await pidOf('gateway');
    // It waits for the port to be free.
    const other = await inTheWay(`
      import { createServer } from 'node:net';
      const open = () => createServer((socket) => socket.destroy()).on('error', () => setTimeout(open, 5)).listen(${port}, '127.0.0.1');
      open();`);
    process.kill(pid, 'SIGKILL');
    await stack.printed(/gateway could not be started again: Port/, { from: 0 });

    await follow('gateway-down.md', { OTHER_PID: other });
  });

  it('another program holds the database (OP13)', async () => {
    const file = join(stack.dataDir, 'control-plane.db');
    const other = await inTheWay(`
      import Database from 'better-sqlite3';
      globalThis.held = new Database(${JSON.stringify(file)});
      globalThis.held.exec('BEGIN IMMEDIATE');`);

    await follow('database.md', { OTHER_PID: other });
  });

  it('a key is revoked (OP14)', async () => {
    const { body } = await stack.call('GET', '/v1/tenants/acme/apikeys');
    for (const { id } of (body as { items: { id: string }[] }).items) await stack.call('DELETE', `/v1/tenants/acme/apikeys/${id}`);
    await expect.poll(call).toBe(401);

    await follow('key-invalid.md');
  });

  it('a limit is far too low (OP15)', async () => {
    const { body: apis } = await stack.call('GET', '/v1/tenants/acme/apis');
    const api = (apis as { items: { id: string; name: string }[] }).items.find(({ name }) => name === 'payments');
    const policy = {
      name: 'typing-error',
      policy_type: 'rate_limit',
      tenant_id: 'acme',
      scope: 'api',
      priority: 1,
      config: { requests_per_minute: 1 },
    };
    const { body } = await stack.call('POST', '/v1/admin/policies', policy);
    await stack.call('POST', '/v1/admin/policies/bindings', {
      policy_id: (body as { id: string }).id,
      api_catalog_id: api?.id,
      tenant_id: 'acme',
    });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const statuses = [await call(), await call(), await call(), await call(), await call()];
    expect(statuses).toEqual([200, 429, 429, 429, 429]);
    await expect
      .poll(async () => ((await stack.call('GET', '/v1/audit/acme?event_type=rate_limit_exceeded')).body as { total: number }).total, {
        timeout: 8000,
      })
      .toBe(4);

    await follow('limit-wrong.md');
  });

  it('has a page for each incident, and each page is in the list', () => {
    const list = readFileSync(join(DIRECTORY, 'README.md'), 'utf8');
    const pages = readdirSync(DIRECTORY).filter((name) => name !== 'README.md');

    expect(pages).toHaveLength(4);
    expect(pages.filter((name) => !list.includes(`(${name})`))).toEqual([]);
  });
});
