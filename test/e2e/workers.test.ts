/** A gateway with workers, as real processes: what is limited, opened or revoked for one is so for all, and the death of one is nobody else's. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, createServer, request, type Server as HttpServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer, type Server } from '../helpers/processes.js';

const ADMIN = 'e2e-admin-token';
const WORKERS = 3;

let directory: string;
let gateway: Server;
let upstream: HttpServer;
let answer: { status: number; delayMs: number };
let received = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stoa-workers-'));
  answer = { status: 200, delayMs: 0 };
  upstream = createServer((_req, res) => {
    received += 1;
    setTimeout(() => res.writeHead(answer.status).end('ok'), answer.delayMs);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => upstream.once('listening', resolve));
  gateway = await startServer('gateway', ['--data-dir', directory, '--port', '0', '--workers', String(WORKERS)], {
    STOA_ADMIN_TOKEN: ADMIN,
  });
});

afterAll(async () => {
  await gateway.end('SIGKILL');
  upstream.close();
  upstream.closeAllConnections();
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
});

async function admin(line: string, body?: unknown) {
  const [method = '', path = ''] = line.split(' ');
  const headers = { authorization: `Bearer ${ADMIN}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
  const response = await fetch(`${gateway.url}/admin${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect(response.status, line).toBeLessThan(300);
  const text = await response.text();
  return text === '' ? undefined : JSON.parse(text);
}

const published = (id: string): object => ({
  id,
  name: id,
  tenant_id: 'acme',
  path_prefix: `/${id}`,
  backend_url: `http://127.0.0.1:${String((upstream.address() as AddressInfo).port)}/${id}`,
  methods: ['GET'],
  spec_hash: 'a',
  activated: true,
  auth_required: false,
});

const publish = (id: string, changes: object = {}): Promise<unknown> => admin('POST /apis', { ...published(id), ...changes });

/** Over a connection of its own. */
const deactivate = (id: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' };
    const sent = request(`${gateway.url}/admin/apis`, { agent: false, method: 'POST', headers }, (res) => {
      res.resume().on('end', () => (res.statusCode === 200 ? resolve() : reject(new Error(String(res.statusCode)))));
    });
    sent.on('error', reject).end(JSON.stringify({ ...published(id), activated: false }));
  });

/** Lines of the log so far. */
const events = (name: string): readonly Record<string, unknown>[] =>
  gateway
    .output()
    .split('\n')
    .filter((line) => line.includes(`"event":"${name}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const limit = (api: string, type: string, config: object): Promise<unknown> =>
  admin('POST /policies', { id: `${api}-${type}`, name: type, policy_type: type, config, priority: 1, api_id: api });

const ask = (path: string, agent: Agent): Promise<{ readonly status: number; readonly body: string }> =>
  new Promise((resolve) => {
    request(gateway.url + path, { agent }, (res) => {
      let body = '';
      res.on('data', (chunk) => (body += String(chunk)));
      res.on('close', () => resolve({ status: res.complete ? (res.statusCode ?? 0) : 0, body }));
    })
      .on('error', () => resolve({ status: 0, body: '' }))
      .end();
  });

/** Statuses of so many requests, on kept connections that are spread over the workers; 0 for a connection that broke. */
async function call(path: string, times: number, connections = 48): Promise<Readonly<Record<number, number>>> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const one = async (): Promise<number> => {
    const { status, body } = await ask(path, agent);
    // A machine that has too much to do is no matter of these tests.
    return body.includes('has more to do') ? one() : status;
  };
  const statuses = await Promise.all(Array.from({ length: times }, one));
  agent.destroy();
  const counts: Record<number, number> = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

const workers = (): number[] => {
  const task = `/proc/${String(gateway.process.pid)}/task`;
  return readdirSync(task).flatMap((thread) =>
    readFileSync(join(task, thread, 'children'), 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number),
  );
};

const metric = async (name: string): Promise<number> => {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => line.startsWith(name))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
};

it('grants exactly what a limit and a quota allow, over connections to all workers (DP9, DP23)', async () => {
  await publish('limited');
  await limit('limited', 'rate_limit', { limit: 100, window_secs: 3600 });
  await publish('counted');
  await limit('counted', 'quota', { daily: 250 });

  expect(await call('/limited', 1000)).toEqual({ 200: 100, 429: 900 });
  expect(await call('/counted', 600)).toEqual({ 200: 250, 429: 350 });

  expect(await admin('GET /quotas')).toMatchObject([{ daily_count: 250, daily_limit: 250, daily_remaining: 0 }]);
  await admin(`POST /quotas/${encodeURIComponent((await admin('GET /quotas'))[0].consumer_id)}/reset`);
  expect(await call('/counted', 3)).toEqual({ 200: 3 });
});

it('says truly what is left, request by request', async () => {
  await publish('told');
  await limit('told', 'rate_limit', { limit: 20, window_secs: 3600 });

  const left: (string | null)[] = [];
  for (let time = 0; time < 21; time += 1) left.push((await fetch(`${gateway.url}/told`)).headers.get('x-ratelimit-remaining'));

  expect(left.map(Number)).toEqual([...Array.from({ length: 20 }, (_each, index) => 19 - index), 0]);
});

it('opens the breaker of an upstream for all, and closes it for all (DP20)', async () => {
  await publish('broken');
  answer.status = 503;
  await call('/broken', 60);
  const before = received;

  expect(await call('/broken', 60)).toEqual({ 503: 60 });
  expect(received).toBe(before);
  const [open] = (await admin('GET /circuit-breakers')).filter(({ name }: { readonly name: string }) => name.endsWith('/broken'));
  expect(open).toMatchObject({ state: 'open', open_count: 1 });
  expect(open.rejected_count).toBeGreaterThanOrEqual(60);

  answer.status = 200;
  await admin(`POST /circuit-breakers/${encodeURIComponent(open.name)}/reset`);
  expect(await call('/broken', 60)).toEqual({ 200: 60 });
});

it('changes what all serve before a change is acknowledged', async () => {
  for (let round = 0; round < 5; round += 1) {
    await publish('changing', { activated: round % 2 === 0 });
    expect(await call('/changing', 30)).toEqual({ [round % 2 === 0 ? 200 : 503]: 30 });
  }
  await admin('DELETE /apis/changing');
  expect(await call('/changing', 30)).toEqual({ 404: 30 });
});

it('replaces a worker that is killed under load; others go on, and no metric goes back', { timeout: 120_000 }, async () => {
  await publish('loaded');
  await limit('loaded', 'rate_limit', { limit: 700, window_secs: 3600 });
  await call('/loaded', 100);
  const before = await metric('stoa_gateway_requests_total{tenant="acme",api="admin:loaded"');
  const [victim = 0, ...others] = workers();

  const traffic = call('/loaded', 400);
  await new Promise((resolve) => setTimeout(resolve, 30));
  process.kill(victim, 'SIGKILL');
  const counts = await traffic;
  await expect.poll(() => workers().length, { timeout: 20_000 }).toBe(WORKERS);
  await expect.poll(() => metric('stoa_gateway_workers'), { timeout: 20_000 }).toBe(WORKERS);

  expect(before).toBe(100);
  expect(counts[200]).toBeGreaterThan(200);
  expect(workers()).toEqual(expect.arrayContaining(others));
  expect(workers()).not.toContain(victim);
  expect(await metric('stoa_gateway_worker_deaths_total')).toBe(1);
  expect(await metric('stoa_gateway_requests_total{tenant="acme",api="admin:loaded"')).toBeGreaterThanOrEqual(
    before + (counts[200] ?? 0) - 200,
  );
  // What the dead worker had borrowed counts as used, and nothing is granted twice.
  const rest = await call('/loaded', 700);
  const granted = 100 + (counts[200] ?? 0) + (rest[200] ?? 0);
  expect(granted).toBeLessThanOrEqual(700);
  expect(granted).toBeGreaterThan(700 - 48 - 21);
});

it('waits for a frozen worker no longer than it takes to change the others, and replaces it', { timeout: 120_000 }, async () => {
  await publish('frozen');
  const [victim = 0, ...others] = workers();
  const before = await metric('stoa_gateway_worker_deaths_total');

  process.kill(victim, 'SIGSTOP');
  // A frozen worker is handed one connection more: of two new ones, the other is answered.
  await Promise.any([deactivate('frozen'), deactivate('frozen')]);
  const atChange = workers();
  await expect.poll(() => events('worker_died').some(({ pid }) => pid === victim), { timeout: 60_000 }).toBe(true);
  await expect.poll(() => workers().length, { timeout: 20_000 }).toBe(WORKERS);
  await expect.poll(() => metric('stoa_gateway_workers'), { timeout: 20_000 }).toBe(WORKERS);

  expect(atChange).toContain(victim);
  expect(events('worker_problem')).toMatchObject([{ pid: victim, reason: 'It has not answered for 10 seconds, and is killed.' }]);
  expect(workers()).toEqual(expect.arrayContaining(others));
  expect(await metric('stoa_gateway_worker_deaths_total')).toBe(before + 1);
  expect(await call('/frozen', 30)).toEqual({ 503: 30 });
});

it('writes the lines of all workers whole, in one stream', async () => {
  await publish('logged');
  const before = gateway.output().split('\n').length;

  await call('/logged', 600);

  const lines = (): Record<string, unknown>[] =>
    gateway
      .output()
      .split('\n')
      .slice(before - 1, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  await expect.poll(() => lines().filter(({ path }) => path === '/logged').length, { timeout: 20_000 }).toBe(600);
});

it('finishes what is in flight in every worker when it is told to stop, and ends with 0', async () => {
  await publish('slow');
  answer.delayMs = 700;
  const traffic = call('/slow', 48);
  await expect.poll(() => metric('stoa_gateway_connections'), { timeout: 20_000 }).toBeGreaterThanOrEqual(48);
  const pids = workers();

  const code = await gateway.end();

  expect(await traffic).toEqual({ 200: 48 });
  expect(code).toBe(0);
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

it('ends with 0 in the time that a stop has, though one worker is frozen and another one just starts', { timeout: 60_000 }, async () => {
  gateway = await startServer('gateway', ['--data-dir', directory, '--port', '0', '--workers', '2'], { STOA_ADMIN_TOKEN: ADMIN });
  const [frozen = 0, dead = 0] = workers();
  process.kill(frozen, 'SIGSTOP');
  process.kill(dead, 'SIGKILL');
  await expect.poll(() => workers().filter((pid) => pid !== frozen && pid !== dead), { interval: 5, timeout: 20_000 }).toHaveLength(1);
  const pids = workers();

  const code = await gateway.end();

  expect(code).toBe(0);
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

it('leaves no worker behind when it is killed itself', async () => {
  answer.delayMs = 0;
  gateway = await startServer('gateway', ['--data-dir', directory, '--port', '0', '--workers', '2'], { STOA_ADMIN_TOKEN: ADMIN });
  const pids = workers();
  expect(pids).toHaveLength(2);

  await gateway.end('SIGKILL');

  const isAlive = (pid: number): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  await expect.poll(() => pids.some(isAlive), { timeout: 20_000 }).toBe(false);
  await new Promise<void>((resolve) => connect(gateway.port, '127.0.0.1').on('error', () => resolve()));
});
