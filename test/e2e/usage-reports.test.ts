/** Control plane and gateway as real processes: what callers did is shown exactly, also when a report is not acknowledged. */
import { createServer, request, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Server } from '../helpers/processes.js';
import { call as callControlPlane, serverPairs } from '../helpers/server-pairs.js';

let upstream: HttpServer;

beforeEach(async () => {
  upstream = createServer((req, res) => {
    const [, status = '200'] = req.url?.split('/') ?? [];
    if (status !== 'cut') res.writeHead(Number(status)).end('ok');
    else res.writeHead(200, { 'content-length': '10' }).write('half', () => res.destroy());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => upstream.once('listening', resolve));
});

afterEach(() => {
  upstream.close();
  upstream.closeAllConnections();
});

const portOf = (server: HttpServer): number => (server.address() as AddressInfo).port;

const { startControlPlane, startGateway } = serverPairs();
const call = (url: string, line: string, body?: unknown) => callControlPlane({ url }, line, body);

/** A tenant with an API and a subscription to it, and its key. */
async function seed(url: string) {
  await call(url, 'POST /v1/tenants', { name: 'acme', tier: 'starter', admin_email: 'admin@example.com' });
  const api = await call(url, 'POST /v1/tenants/acme/apis', {
    name: 'payments',
    upstream_url: `http://127.0.0.1:${portOf(upstream)}`,
    path: '/payments',
    // The failures of this test are meant.
    circuit_breaker: { failure_threshold: 1000, window_secs: 60, open_secs: 1, success_threshold: 1 },
  });
  const subscription = await call(url, 'POST /v1/subscriptions', { api_id: api.id, tenant_id: 'acme' });
  return { subscription: subscription.id as string, key: subscription.api_key as string };
}

async function send(gateway: Server, path: string, times: number, key?: string): Promise<void> {
  for (let sent = 0; sent < times; sent += 1) {
    const headers: Record<string, string> = key === undefined ? {} : { 'x-api-key': key };
    await fetch(`${gateway.url}/apis/acme/payments${path}`, { headers })
      .then((response) => response.arrayBuffer())
      .catch(() => undefined);
  }
}

const usage = async (url: string, subscription: string): Promise<readonly number[]> => {
  const { requests, errors } = await call(url, `GET /v1/subscriptions/${subscription}/usage`);
  return [requests, errors];
};
const totals = async (url: string, path: string): Promise<readonly number[]> => {
  const { metrics } = (await call(url, `GET /v1/${path}`)) as { metrics: { requests: number; errors: number }[] };
  return [metrics.reduce((sum, { requests }) => sum + requests, 0), metrics.reduce((sum, { errors }) => sum + errors, 0)];
};

const eventually = (look: () => Promise<unknown>) => expect.poll(look, { timeout: 20_000, interval: 50 });
const isServed = (gateway: Server, key: string) =>
  eventually(async () => {
    const { status } = await fetch(`${gateway.url}/apis/acme/payments/204`, { headers: { 'x-api-key': key } });
    return status;
  }).toBe(204);
/** Requests that were sent to see whether the gateway is ready count too. */
const baseline = async (gateway: Server, url: string, subscription: string): Promise<number> => {
  let last = -1;
  await eventually(async () => {
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const [requests = 0] = await usage(url, subscription);
    const isSteady = requests === last && requests > 0;
    last = requests;
    return isSteady;
  }).toBe(true);
  expect(gateway.process.exitCode).toBeNull();
  return last;
};

describe('what callers did', () => {
  it('is shown exactly, by tenant, API and subscription, with the last use of the key (MT1, MT4, SB14, KY24)', async () => {
    const controlPlane = await startControlPlane();
    const gateway = await startGateway(controlPlane);
    const { subscription, key } = await seed(controlPlane.url);
    await isServed(gateway, key);
    const first = await baseline(gateway, controlPlane.url, subscription);
    const [before = 0] = await totals(controlPlane.url, 'tenants/acme/metrics');

    await send(gateway, '/200', 20, key);
    await send(gateway, '/404', 3, key);
    await send(gateway, '/500', 4, key);
    await send(gateway, '/cut', 2, key);
    await send(gateway, '/200', 5);

    await eventually(() => usage(controlPlane.url, subscription)).toEqual([first + 29, 6]);
    await eventually(() => totals(controlPlane.url, 'tenants/acme/metrics')).toEqual([before + 34, 6]);
    expect(await totals(controlPlane.url, `tenants/acme/apis/payments/metrics?granularity=hour&start_date=${today()}`)).toEqual([
      before + 34,
      6,
    ]);
    const { items } = await call(controlPlane.url, 'GET /v1/tenants/acme/apikeys');
    expect(Date.now() - Date.parse(items[0].last_used_at as string)).toBeLessThan(60_000);
  });

  it('is counted once when the gateway is killed between a report and its acknowledgement (MT1)', async () => {
    const controlPlane = await startControlPlane();
    const proxy = await startDeafProxy(controlPlane.port);
    const gateway = await startGateway(proxy);
    const { subscription, key } = await seed(controlPlane.url);
    await isServed(gateway, key);
    const first = await baseline(gateway, controlPlane.url, subscription);

    proxy.holdAcknowledgements();
    await send(gateway, '/200', 10, key);
    await eventually(() => usage(controlPlane.url, subscription)).toEqual([first + 10, 0]);
    await gateway.end('SIGKILL');
    const next = await startGateway(controlPlane);
    await isServed(next, key);

    // The report of the killed gateway went first, and then what was asked of this one.
    const after = await baseline(next, controlPlane.url, subscription);
    expect(after).toBeGreaterThan(first + 10);
    expect(after).toBeLessThan(first + 20);
  });
});

const today = (): string => new Date().toISOString().slice(0, 10);

/** Passes everything on to the control plane; on demand it keeps the answers to reports. */
async function startDeafProxy(port: number) {
  let isDeaf = false;
  const proxy = createServer((req, res) => {
    const onward = request({ port, host: '127.0.0.1', path: req.url, method: req.method, headers: req.headers }, (answer) => {
      if (isDeaf && req.url === '/v1/gateways/reports') return void answer.resume();
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
      answer.on('error', () => res.destroy());
    });
    onward.on('error', () => res.destroy());
    res.on('close', () => onward.destroy());
    req.pipe(onward);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => proxy.once('listening', resolve));
  onTestFinished(() => {
    proxy.close();
    proxy.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${portOf(proxy)}`, holdAcknowledgements: () => (isDeaf = true) };
}
