/** Policy types that keep something, on live traffic: control plane and gateway as real processes, manifests over HTTP, a real upstream. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AUDIENCE, newKey, startIssuer, type TestIssuer } from '../helpers/oidc-issuer.js';
import { startServer, type Server } from '../helpers/processes.js';
import { ADMIN, call as callControlPlane, SECRET } from '../helpers/server-pairs.js';

let directory: string;
let controlPlane: Server;
let gateway: Server;
let issuer: TestIssuer;
let upstream: HttpServer;
let answer: (req: IncomingMessage, res: ServerResponse) => void;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stoa-policies-'));
  issuer = await startIssuer(() => Date.now());
  answer = (req, res) => void res.end(JSON.stringify(req.headers));
  upstream = createServer((req, res) => answer(req, res)).listen(0, '127.0.0.1');
  await new Promise((resolve) => upstream.once('listening', resolve));
  const flags = ['--data-dir', directory, '--port', '0'];
  controlPlane = await startServer('control-plane', [...flags, '--gateway-url', 'http://127.0.0.1:1'], { STOA_CLIENT_SECRET: SECRET });
  gateway = await startGateway();
  await call('POST /v1/tenants', { name: 'acme', tier: 'starter', admin_email: 'admin@example.com' });
}, 60_000);

afterAll(async () => {
  await Promise.all([gateway, controlPlane].map((server) => server.end('SIGKILL')));
  await issuer.close();
  upstream.close();
  upstream.closeAllConnections();
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
});

const startGateway = (): Promise<Server> =>
  startServer('gateway', ['--data-dir', directory, '--port', '0', '--control-plane-url', controlPlane.url], {
    STOA_ADMIN_TOKEN: ADMIN,
  });

const call = (line: string, body?: unknown) => callControlPlane(controlPlane, line, body);

/** Publishes an API that is governed by one policy. */
async function publish(name: string, fields: object, type: string, config: object): Promise<void> {
  const url = `http://127.0.0.1:${String((upstream.address() as AddressInfo).port)}`;
  const { id } = await call('POST /v1/tenants/acme/apis', { name, path: `/${name}`, upstream_url: url, ...fields });
  await call('POST /v1/tenants/acme/policies', { name, policy_type: type, api_id: id, config });
}

const ask = (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<Response> =>
  fetch(`${gateway.url}/apis/acme${path}`, { method, headers });

/** Polls until the gateway answers with this status: a change works within a second, on a loaded machine later. */
async function untilStatus(path: string, headers: Readonly<Record<string, string>>, status: number): Promise<Response> {
  const end = Date.now() + 20_000;
  for (;;) {
    const response = await ask(path, headers);
    if (response.status === status || Date.now() > end) {
      expect(response.status).toBe(status);
      return response;
    }
    await response.arrayBuffer();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

it('jwt: asks for a token of the issuer, tells the upstream who it is, and goes on while the issuer is away (PL11 PL6 LG6)', async () => {
  await publish('account', { auth_required: false }, 'jwt', {
    issuer: issuer.url,
    audience: AUDIENCE,
    required_scopes: ['account'],
    claims_to_headers: { 'X-User': 'sub' },
  });
  await untilStatus('/account', {}, 401);
  const bearer = (claims: object) => ({ authorization: `Bearer ${issuer.token({ claims })}`, 'x-user': 'admin' });

  const good = await ask('/account', bearer({ scope: 'openid account' }));
  expect(good.status).toBe(200);
  expect(await good.json()).toMatchObject({ 'x-user': '8b0c6a4e' });
  expect((await ask('/account', bearer({ scope: 'openid' }))).status).toBe(403);
  expect((await ask('/account', bearer({ scope: 'account', exp: 1 }))).status).toBe(401);

  issuer.answer = (_path, res) => Boolean(res.writeHead(500).end());
  expect((await ask('/account', bearer({ scope: 'account' }))).status).toBe(200);
  expect((await ask('/account', { authorization: `Bearer ${issuer.token({ key: newKey('unknown') })}` })).status).not.toBe(200);
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toContain('stoa_gateway_auth_failures_total{tenant="acme",api="account",reason="expired_token"} 1');
  expect(gateway.output()).toContain('"reason":"insufficient_scope"');
});

it('cache: gives an answer again while it is fresh, asks for the key first, and is purged and counted by the admin API (PL11 AD15 AD16 DP4)', async () => {
  let count = 0;
  answer = (_req, res) => void res.writeHead(200, { 'Cache-Control': 'max-age=300', ETag: '"v1"' }).end(`answer ${(count += 1)}`);
  await publish('news', {}, 'cache', {});
  const { id } = await call('POST /v1/consumers/acme', { name: 'reader', external_id: 'reader', email: 'reader@example.com' });
  const { api_key: key } = await call('POST /v1/subscriptions', { consumer_id: id, api_id: 'news', tenant_id: 'acme' });
  const auth = { 'x-api-key': String(key) };
  const admin = async (method: string, path: string): Promise<Record<string, number>> => {
    const response = await fetch(`${gateway.url}/admin/cache/${path}`, { method, headers: { authorization: `Bearer ${ADMIN}` } });
    return (await response.json()) as Record<string, number>;
  };
  await untilStatus('/news/first', auth, 200);
  const before = await admin('GET', 'stats');

  const [miss, hit] = [await ask('/news/today', auth), await ask('/news/today', auth)];
  expect([await miss.text(), await hit.text()]).toEqual(['answer 2', 'answer 2']);
  expect([miss, hit].map(({ headers }) => headers.get('cache-status'))).toEqual([
    'stoa; fwd=uri-miss; stored',
    expect.stringMatching(/^stoa; hit; ttl=(299|300)$/),
  ]);
  expect((await ask('/news/today')).status).toBe(401);

  const after = await admin('GET', 'stats');
  expect([after['misses'], after['entry_count']]).toEqual([Number(before['misses']) + 1, Number(before['entry_count']) + 1]);
  expect(await admin('POST', 'clear')).toEqual({ status: 'ok', message: 'Cache cleared' });
  expect((await admin('GET', 'stats'))['entry_count']).toBe(0);
  expect(await (await ask('/news/today', auth)).text()).toBe('answer 3');
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toContain('stoa_gateway_cache_requests_total{tenant="acme",api="news",result="hit"} 1');
  expect(metrics).toMatch(/^stoa_gateway_cache_entries 2$|^stoa_gateway_cache_entries 1$/m);
});

it('quota: counts a consumer over a kill of the gateway, all without a key as one, and is shown and reset by the admin API (QT1 QT3 AD20 AD22)', async () => {
  answer = (_req, res) => void res.end('ok');
  await publish('maps', { auth_required: false }, 'quota', { daily: 3, monthly: 100 });
  const { id } = await call('POST /v1/consumers/acme', { name: 'walker', external_id: 'walker', email: 'walker@example.com' });
  const { api_key: key } = await call('POST /v1/subscriptions', { consumer_id: id, api_id: 'maps', tenant_id: 'acme' });
  const auth = { 'x-api-key': String(key) };
  const admin = async (method: string, path: string): Promise<unknown> => {
    const response = await fetch(`${gateway.url}/admin/quotas/${path}`, { method, headers: { authorization: `Bearer ${ADMIN}` } });
    return response.json();
  };
  await expect.poll(async () => (await ask('/maps')).headers.get('x-ratelimit-limit'), { timeout: 20_000 }).toBe('3');
  for (let n = 0; n < 2; n += 1) await ask('/maps', { 'x-forwarded-for': `192.0.2.${n}` });
  expect((await ask('/maps')).status).toBe(429);

  const statuses = [];
  for (let n = 0; n < 4; n += 1) statuses.push((await ask('/maps', auth)).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
  expect(await (await ask('/maps', auth)).text()).toContain('The daily quota of 3 requests is used up');
  const shown = { daily_count: 3, daily_limit: 3, monthly_count: 3, monthly_limit: 100, daily_remaining: 0, monthly_remaining: 97 };
  expect(await admin('GET', 'walker')).toEqual({ consumer_id: id, ...shown });

  await new Promise((resolve) => setTimeout(resolve, 1500));
  await gateway.end('SIGKILL');
  gateway = await startGateway();
  expect((await ask('/maps', auth)).status).toBe(429);
  expect(await admin('POST', 'walker/reset')).toEqual({ status: 'ok', message: "Quota reset for consumer 'walker'" });
  expect((await ask('/maps', auth)).status).toBe(200);
});
