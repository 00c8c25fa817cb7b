/** Control plane and gateway as real processes: what changes there works here within a second, and goes on working while it is away. */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePort } from '../helpers/ports.js';
import { startServer } from '../helpers/processes.js';
import { ADMIN, AWAY, call, CONNECTED, eventually, readiness, SECRET, serverPairs, SOON_MS, status } from '../helpers/server-pairs.js';

const { directory, upstream, startControlPlane, startGateway, seed } = serverPairs();

describe('a gateway beside its control plane', () => {
  it('serves a new API and key, both keys after a rotation, and none of a revoked subscription', async () => {
    const controlPlane = await startControlPlane();
    const gateway = await startGateway(controlPlane);
    const { key, subscriptionId } = await seed(controlPlane);

    await eventually(() => status(gateway, key), 200, SOON_MS);
    expect(await status(gateway, key, '/acme/payments/x')).toBe(200);
    const { new_api_key: next } = await call(controlPlane, `POST /v1/subscriptions/${subscriptionId}/rotate-key`, {
      grace_period_hours: 24,
    });
    await eventually(() => status(gateway, next), 200, SOON_MS);
    expect(await status(gateway, key)).toBe(200);
    await call(controlPlane, `POST /v1/subscriptions/${subscriptionId}/revoke`);
    await eventually(() => status(gateway, key), 401, SOON_MS);

    expect(await status(gateway, next)).toBe(401);
    for (const text of [gateway.output(), ...textsOf(directory())]) expect(text).not.toContain(key);
  });

  it('serves nothing of a suspended tenant, and nothing of a subscription once it has expired', async () => {
    const controlPlane = await startControlPlane();
    const gateway = await startGateway(controlPlane);
    const { key, subscriptionId } = await seed(controlPlane);
    await eventually(() => status(gateway, key), 200, SOON_MS);

    await call(controlPlane, 'POST /v1/tenants/acme/suspend', { reason: 'unpaid' });
    await eventually(() => status(gateway, key), 503, SOON_MS);
    await call(controlPlane, 'POST /v1/tenants/acme/resume');
    await eventually(() => status(gateway, key), 200, SOON_MS);
    const end = Date.now() + 2000;
    await call(controlPlane, `PATCH /v1/subscriptions/${subscriptionId}`, { expires_at: new Date(end).toISOString() });
    await eventually(() => status(gateway, key), 401, SOON_MS);

    expect(Date.now()).toBeGreaterThanOrEqual(end);
    await call(controlPlane, `PATCH /v1/subscriptions/${subscriptionId}`, { expires_at: null });
    await eventually(() => status(gateway, key), 200, SOON_MS);
  });

  it('puts a limit in force, edits it, and keeps what was consumed (PL6 AP5)', async () => {
    const controlPlane = await startControlPlane();
    const gateway = await startGateway(controlPlane);
    const { key } = await seed(controlPlane);
    await eventually(() => status(gateway, key), 200, SOON_MS);
    const limit = async (): Promise<string | null> => {
      const response = await fetch(`${gateway.url}/apis/acme/payments`, { headers: { 'x-api-key': key } });
      return response.headers.get('x-ratelimit-limit');
    };

    const policy = { name: 'p', policy_type: 'rate_limit', tenant_id: 'acme', scope: 'tenant', config: { requests_per_hour: 10_000 } };
    const { id } = await call(controlPlane, 'POST /v1/admin/policies', policy);
    await eventually(limit, '10000', SOON_MS);
    await call(controlPlane, `PATCH /v1/admin/policies/${String(id)}`, { config: { requests_per_hour: 1 } });
    await eventually(() => status(gateway, key), 429, SOON_MS);
    const counted = async () => (await call(controlPlane, 'GET /v1/audit/acme?event_type=rate_limit_exceeded&hours=24')).logs[0]?.consumer;
    await eventually(counted, 'my-consumer');

    await call(controlPlane, 'PATCH /v1/tenants/acme', { settings: { rate_limit_multiplier: 100 } });
    await eventually(() => status(gateway, key), 200, SOON_MS);
  });

  it('takes nothing from the control plane through its admin API, and keeps what is its own (AD24)', async () => {
    const controlPlane = await startControlPlane();
    const gateway = await startGateway(controlPlane);
    const { key, apiId } = await seed(controlPlane);
    await eventually(() => status(gateway, key), 200, SOON_MS);
    const send = async (method: string, path: string, body?: unknown): Promise<number> => {
      const init = { method, headers: { authorization: `Bearer ${ADMIN}` }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      return (await fetch(`${gateway.url}/admin/${path}`, init)).status;
    };
    const own = { id: 'own', name: 'own', tenant_id: 'acme', path_prefix: '/own', backend_url: upstream().url };

    expect(await send('POST', 'apis', { ...own, id: apiId })).toBe(409);
    expect(await send('POST', 'apis', { ...own, path_prefix: '/apis/acme/payments' })).toBe(409);
    expect(await send('POST', 'apis', { ...own, path_prefix: '/apis/acme/payments/refunds' })).toBe(409);
    expect(await send('POST', 'apis', { ...own, path_prefix: '/acme/payments/refunds' })).toBe(409);
    expect(await send('DELETE', `apis/${apiId}`)).toBe(409);
    expect(await send('POST', 'apis', own)).toBe(201);
    const policy = { id: 'p', name: 'p', policy_type: 'rate_limit', config: { limit: 1, window_secs: 3600 }, priority: 1, api_id: apiId };
    expect(await send('POST', 'policies', policy)).toBe(201);

    expect(await status(gateway, key)).toBe(200);
    expect(await status(gateway, key)).toBe(429);
    expect(await status(gateway, '', '/own/x')).toBe(200);
  });

  it('signs in with client credentials where it shares no data directory', async () => {
    const controlPlane = await startControlPlane();
    const dataDir = mkdtempSync(join(tmpdir(), 'stoa-apart-'));
    const env = { STOA_CLIENT_ID: 'control-plane-api', STOA_CLIENT_SECRET: SECRET };

    const gateway = await startGateway(controlPlane, { dataDir, env });

    await eventually(() => readiness(gateway), CONNECTED);
    rmSync(dataDir, { recursive: true, force: true });
  });
});

// A percentile of times would measure whatever else this machine does; processor time is the gateway's own.
it('adds less than 5 ms of processor time to the answer of a local backend, which comes well within 500 ms (DP15)', async () => {
  const controlPlane = await startControlPlane();
  const gateway = await startGateway(controlPlane);
  const { key } = await seed(controlPlane);
  await eventually(() => status(gateway, key), 200, SOON_MS);
  const processorMs = async (): Promise<number> => {
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    return Number(/^process_cpu_seconds_total ([\d.e-]+)$/m.exec(text)?.[1]) * 1000;
  };

  const before = await processorMs();
  const times: number[] = [];
  for (let n = 0; n < 500; n += 1) {
    const start = performance.now();
    await status(gateway, key);
    times.push(performance.now() - start);
  }
  const after = await processorMs();

  expect((after - before) / times.length).toBeGreaterThan(0);
  expect((after - before) / times.length).toBeLessThan(5);
  expect(times.toSorted((a, b) => a - b)[250]).toBeLessThan(500);
});

describe('while the control plane is away', () => {
  it('goes on, also after kill -9 of both; learns what it missed, and delivers its events once (DP2 DP27)', async () => {
    const controlPlane = await startControlPlane();
    const first = await startGateway(controlPlane, { port: await freePort() });
    const copy = join(directory(), `gateway-${String(first.port)}`, 'config.json');
    const { key, subscriptionId } = await seed(controlPlane);
    await call(controlPlane, 'POST /v1/admin/policies', {
      name: 'p',
      policy_type: 'rate_limit',
      tenant_id: 'acme',
      scope: 'tenant',
      config: { limit: 2, window_secs: 3600 },
    });
    await eventually(
      async () => (await fetch(`${first.url}/apis/acme/payments`, { headers: { 'x-api-key': key } })).headers.get('x-ratelimit-limit'),
      '2',
      SOON_MS,
    );
    await eventually(() => Promise.resolve(existsSync(copy) && readFileSync(copy, 'utf8').includes('"limit":2')), true);

    await controlPlane.end('SIGKILL');
    await eventually(() => readiness(first), AWAY);
    await first.end('SIGKILL');
    const second = await startGateway(controlPlane, { port: first.port });
    expect(await readiness(second)).toEqual(AWAY);
    const statuses = [];
    for (let n = 0; n < 4; n += 1) statuses.push(await status(second, key));
    expect(statuses).toEqual([200, 200, 429, 429]);
    expect(await status(second, `stoa_sk_${'0'.repeat(32)}`)).toBe(401);
    expect(await second.end()).toBe(0);

    const third = await startGateway(controlPlane, { port: first.port });
    const revived = await startControlPlane(controlPlane.port);
    await eventually(() => readiness(third), CONNECTED);
    const events = async () => (await call(revived, 'GET /v1/audit/acme?event_type=rate_limit_exceeded&hours=24')).total_events;
    await eventually(events, 2);
    await call(revived, `POST /v1/subscriptions/${subscriptionId}/revoke`);
    await eventually(() => status(third, key), 401, SOON_MS);
    expect(await events()).toBe(2);
  });
});

describe('the process of a gateway', () => {
  it('finishes what is in flight at SIGTERM, and exits 0', async () => {
    const controlPlane = await startControlPlane();
    const gateway = await startGateway(controlPlane);
    const { key } = await seed(controlPlane);
    await eventually(() => status(gateway, key), 200, SOON_MS);
    const answer = fetch(`${gateway.url}/apis/acme/payments/slow`, { headers: { 'x-api-key': key } });
    await eventually(() => Promise.resolve(upstream().waiting.length), 1);

    const ended = gateway.end();
    await new Promise((resolve) => setTimeout(resolve, 200));
    upstream().waiting[0]?.end('late');

    expect(await (await answer).text()).toBe('late');
    expect(await ended).toBe(0);
  });

  it('ends with its parent', async () => {
    const gateway = await startGateway({ url: 'http://127.0.0.1:1' });

    gateway.process.disconnect();

    expect(await gateway.ended).toBe(0);
  });

  it('is live but not ready without a configuration, and tells its parent why it cannot start', async () => {
    const gateway = await startGateway({ url: 'http://127.0.0.1:1' });

    expect((await fetch(`${gateway.url}/health/live`)).status).toBe(200);
    expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(503);
    // Not 404: nothing is known yet, and whoever asks should come again.
    expect((await fetch(`${gateway.url}/apis/acme/payments`)).status).toBe(503);
    await expect(startGateway({ url: 'http://127.0.0.1:1' }, { port: gateway.port })).rejects.toThrow(
      `Port ${String(gateway.port)} on 127.0.0.1 is in use.`,
    );
    await expect(startServer('gateway', ['--colour', 'red'])).rejects.toThrow('--colour');
  });

  it.each<readonly [string, Record<string, string>, boolean]>([
    ['info by default', {}, true],
    ['with LOG_LEVEL', { LOG_LEVEL: 'warn' }, false],
    ['with STOA_LOG_LEVEL', { LOG_LEVEL: 'info', STOA_LOG_LEVEL: 'error' }, false],
  ])('logs on stdout alone, one JSON line an event, %s; so does the control plane (LG1 LG13)', async (_name, env, hasInfo) => {
    const controlPlane = await startControlPlane(0, { env });
    const gateway = await startGateway(controlPlane, { env });
    await eventually(() => readiness(gateway), CONNECTED);
    for (const server of [controlPlane, gateway]) expect((await fetch(`${server.url}/nothing-here`)).status).toBe(404);

    expect(await Promise.all([gateway.end(), controlPlane.end()])).toEqual([0, 0]);

    for (const server of [controlPlane, gateway]) {
      expect(server.errors()).toBe('');
      const lines = server.output().split('\n').slice(0, -1);
      for (const line of lines) expect(JSON.parse(line)).toMatchObject({ ts: expect.any(String), level: expect.any(String) });
      expect(lines.some((line) => line.includes('"level":"info"'))).toBe(hasInfo);
    }
  });

  it('keeps its files to itself', async () => {
    const controlPlane = await startControlPlane();
    const port = await freePort();
    const gateway = await startGateway(controlPlane, { port });
    await seed(controlPlane);
    await eventually(() => readiness(gateway), CONNECTED);
    const own = join(directory(), `gateway-${String(port)}`);
    await eventually(() => Promise.resolve(readdirSync(own).includes('config.json')), true);

    expect(statSync(own).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(own)) expect(statSync(join(own, file)).mode & 0o777, file).toBe(0o600);
  });
});

/** What the gateways have on their disk. */
function textsOf(root: string): string[] {
  const own = readdirSync(root).filter((name) => name.startsWith('gateway-'));
  return own.flatMap((name) => readdirSync(join(root, name)).map((file) => readFileSync(join(root, name, file), 'utf8')));
}
