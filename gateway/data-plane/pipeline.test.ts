import { expect, it } from 'vitest';
import { eventually, KEY, makeCredential, makeRoute, request, startGateway } from '../../test/helpers/data-plane.js';
import { sendRaw, startCapture } from '../../test/helpers/raw-tcp.js';
import { servicesOf } from '../../test/helpers/policy-gateway.js';
import { cors } from '../policies/cors.js';
import type { Hooks, LimitState, PolicyServices } from '../policies/contract.js';
import { rateLimit } from '../policies/rate-limit.js';
import { errorReply } from './own-routes.js';
import type { Credential } from './snapshot.js';

const auth = { 'X-API-Key': KEY };
const NOW = 1_800_000_000_000;

const services = servicesOf({
  now: () => NOW,
  limiter: () => ({ take: () => ({ ...FREE, allowed: true }), giveBack: () => undefined }),
});
const FREE: LimitState = { limit: 100, remaining: 99, resetAtMs: NOW + 30_500, retryAfterMs: 0, windowSeconds: 60 };

async function gatewayWith(
  options: {
    hooks?: Hooks[];
    preflight?: Hooks[];
    keys?: ReadonlyMap<string, Credential>;
    now?: () => number;
    state?: 'active' | 'inactive' | 'broken';
  } = {},
) {
  const capture = await startCapture();
  const { hooks = [], preflight = [], keys = new Map([[KEY, makeCredential()]]), now = () => NOW, state = 'active' } = options;
  const route = makeRoute({ upstreamUrl: capture.url, methods: ['GET', 'POST'], hooks, preflight, state });
  const gateway = await startGateway({ routes: [route], keys, now });
  return { capture, gateway };
}

const reasons = [
  ['missing_api_key', {}, undefined],
  ['missing_api_key', { Authorization: 'Bearer some.jwt.token' }, undefined],
  ['missing_api_key', { Cookie: `X-API-Key=${KEY}` }, undefined],
  ['invalid_api_key', { 'X-API-Key': 'unknown' }, undefined],
  ['invalid_api_key', { 'X-API-Key': `${KEY}, ${KEY}` }, undefined],
  ['invalid_api_key', auth, { notBefore: NOW + 1 }],
  ['expired_api_key', auth, { keyStatus: 'expired' }],
  ['expired_api_key', auth, { keyStatus: 'grace', notAfter: NOW }],
  ['revoked_api_key', auth, { keyStatus: 'revoked' }],
  ['subscription_not_active', auth, { subscriptionActive: false }],
  ['subscription_not_active', auth, { subscriptionEnds: 1 }],
  ['api_not_allowed', auth, { api: 'other' }],
  ['api_not_allowed', auth, { tenant: 'other' }],
] as const;

it.each(reasons)('answers 401 with one body and logs %s (AP7 KY16 KY17 KY18 DP6 DP7)', async (reason, headers, changes) => {
  const { capture, gateway } = await gatewayWith({ keys: new Map([[KEY, makeCredential(changes)]]) });

  const answer = await fetch(`${gateway.url}/x?api_key=${KEY}&x-api-key=${KEY}`, { headers });

  expect(answer.status).toBe(401);
  expect(await answer.json()).toEqual({
    error: { code: 'unauthorized', message: 'A valid API key for this API is needed in the X-API-Key header.' },
  });
  expect(answer.headers.get('content-type')).toMatch('application/json');
  expect(gateway.lines()).toContainEqual(expect.objectContaining({ event: 'auth_failed', reason, path: '/apis/acme/payments/x' }));
  const own = changes !== undefined && !('tenant' in changes);
  await eventually(() => gateway.lines().filter(({ event }) => event === 'request completed')).toEqual([
    expect.objectContaining({ status: 401, reason, ...(own ? { key: 'key-1' } : {}) }),
  ]);
  expect(JSON.stringify(gateway.lines()).includes('key-1')).toBe(own);
  expect(gateway.events).toMatchObject([{ type: 'auth_failed', reason, status: 401, requestId: answer.headers.get('x-request-id') }]);
  expect(capture.received).toEqual([]);
  expect(JSON.stringify(gateway.lines())).not.toContain(KEY);
});

it('names the consumer of a refused key to its own tenant, and to no other', async () => {
  const refusedOf = async (changes: Partial<Credential>): Promise<readonly unknown[]> => {
    const { gateway } = await gatewayWith({ keys: new Map([[KEY, makeCredential(changes)]]) });
    await fetch(`${gateway.url}/x`, { headers: auth });
    return gateway.events.map(({ consumer }) => consumer);
  };

  expect(await refusedOf({ keyStatus: 'revoked' })).toEqual(['My Consumer']);
  expect(await refusedOf({ api: 'other' })).toEqual(['My Consumer']);
  expect(await refusedOf({ tenant: 'other' })).toEqual([undefined]);
});

it('takes exactly one X-API-Key field (DP5)', async () => {
  const { gateway } = await gatewayWith();

  const answer = await sendRaw(gateway.port, request('GET /apis/acme/payments/x', [`X-API-Key: ${KEY}`]), (text) => text.endsWith('}'));

  expect(answer.status).toBe(401);
});

it('compares the end of a key with the clock on each request, to the millisecond (DP19 KY9)', async () => {
  let now = NOW - 1;
  const { gateway } = await gatewayWith({ keys: new Map([[KEY, makeCredential({ keyStatus: 'grace', notAfter: NOW })]]), now: () => now });

  const before = await fetch(`${gateway.url}/x`, { headers: auth });
  now = NOW;
  const after = await fetch(`${gateway.url}/x`, { headers: auth });

  expect([before.status, after.status]).toEqual([200, 401]);
});

it('answers 404 for a path where nothing is published', async () => {
  const { gateway } = await gatewayWith();

  const answer = await fetch(`http://127.0.0.1:${gateway.port}/nowhere`);

  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({ error: { code: 'not_found' } });
});

it('answers 405 with Allow for a method that is not listed, whatever an override says (DP13)', async () => {
  const { gateway } = await gatewayWith();

  const answer = await fetch(`${gateway.url}/x`, { method: 'DELETE', headers: { ...auth, 'X-HTTP-Method-Override': 'GET' } });

  expect(answer.status).toBe(405);
  expect(answer.headers.get('allow')).toBe('GET, POST');
  await eventually(() => gateway.lines().filter(({ event }) => event === 'request completed')).toMatchObject([
    { status: 405, reason: 'method_not_allowed' },
  ]);
});

it.each([
  ['inactive', 'api_not_activated'],
  ['broken', 'service_unavailable'],
] as const)('answers 503 for a route that is %s (DP14)', async (state, code) => {
  const { capture, gateway } = await gatewayWith({ state });

  const answer = await fetch(`${gateway.url}/x`, { headers: auth });

  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ error: { code } });
  expect(capture.received).toEqual([]);
});

it('runs hooks in order until one replies, and response hooks of those entered in reverse', async () => {
  const seen: string[] = [];
  const hook = (name: string, replies = false): Hooks => ({
    request: () => {
      seen.push(`>${name}`);
      return replies ? errorReply('forbidden') : undefined;
    },
    response: () => void seen.push(`<${name}`),
  });
  const { gateway } = await gatewayWith({ preflight: [hook('p')], hooks: [hook('a'), hook('b', true), hook('c')] });

  const answer = await fetch(`${gateway.url}/x`, { headers: auth });

  expect(answer.status).toBe(403);
  expect(seen).toEqual(['>p', '>a', '>b', '<b', '<a', '<p']);
});

it('waits for hooks that answer later', async () => {
  const later: Hooks = { request: () => new Promise((resolve) => setTimeout(() => resolve(undefined), 10)) };
  const refusing: Hooks = { request: () => Promise.resolve(errorReply('forbidden')) };
  const open = await gatewayWith({ preflight: [later], hooks: [later, later] });
  const closed = await gatewayWith({ hooks: [later, refusing] });

  expect((await fetch(`${open.gateway.url}/x`, { headers: auth })).status).toBe(200);
  expect((await fetch(`${closed.gateway.url}/x`, { headers: auth })).status).toBe(403);
});

const faults: readonly (readonly [string, Hooks])[] = [
  [
    'request hook throws',
    {
      request: () => {
        throw new Error('secret detail');
      },
    },
  ],
  ['request hook rejects', { request: () => Promise.reject(new Error('secret detail')) }],
  [
    'response hook throws',
    {
      response: () => {
        throw new Error('secret detail');
      },
    },
  ],
];

it.each(faults)('answers 500 without detail when a %s', async (_name, hook) => {
  const { gateway } = await gatewayWith({ hooks: [hook] });

  const answer = await fetch(`${gateway.url}/x`, { headers: auth });
  const body = await answer.text();

  expect(answer.status).toBe(500);
  expect(body).toContain('internal_error');
  expect(body).toContain(answer.headers.get('x-request-id'));
  expect(body).not.toContain('secret');
  expect(gateway.lines()).toContainEqual(expect.objectContaining({ event: 'PANIC recovery triggered' }));
  expect((await fetch(`http://127.0.0.1:${gateway.port}/health`)).status).toBe(200);
});

it('tells the state of the limit on every answer, in both spellings', async () => {
  const { gateway } = await gatewayWith({ hooks: [rateLimit.compile({ limit: 100, window_secs: 60 } as never, services)] });

  const { headers } = await fetch(`${gateway.url}/x`, { headers: auth });

  expect(headers.get('x-ratelimit-limit')).toBe('100');
  expect(headers.get('x-ratelimit-remaining')).toBe('99');
  expect(headers.get('x-ratelimit-reset')).toBe(String(Math.ceil((NOW + 30_500) / 1000)));
  expect(headers.get('ratelimit-policy')).toBe('"default";q=100;w=60');
  expect(headers.get('ratelimit')).toBe('"default";r=99;t=31');
  expect(headers.get('retry-after')).toBeNull();
});

it('answers 429 with Retry-After of at least 1, and reports who was limited (AP8 QT3 DP9)', async () => {
  const spent: LimitState = { ...FREE, remaining: 0, retryAfterMs: 20 };
  const limited: PolicyServices = {
    ...services,
    limiter: () => ({ take: () => ({ ...spent, allowed: false }), giveBack: () => undefined }),
  };
  const { capture, gateway } = await gatewayWith({ hooks: [rateLimit.compile({ requests_per_minute: 100 } as never, limited)] });

  const answer = await fetch(`${gateway.url}/x`, { headers: auth });

  expect(answer.status).toBe(429);
  expect(await answer.json()).toMatchObject({ error: { code: 'rate_limited' } });
  expect(answer.headers.get('retry-after')).toBe('1');
  expect(answer.headers.get('ratelimit')).toBe('"default";r=0;t=1');
  expect(gateway.events).toMatchObject([{ type: 'rate_limit_exceeded', consumer: 'My Consumer', status: 429 }]);
  const line = gateway.lines().find(({ event }) => event === 'rate_limit_exceeded');
  expect(Object.keys(line ?? {}).slice(0, 5)).toEqual(['ts', 'level', 'event', 'consumer', 'path']);
  expect(capture.received).toEqual([]);
});

it('counts a request that one limit refuses nowhere', async () => {
  let counted = 0;
  const counting: Hooks = { request: () => void (counted += 1), giveBack: () => void (counted -= 1) };
  const refusing: Hooks = { request: () => errorReply('rate_limited') };
  const { gateway } = await gatewayWith({ hooks: [counting, counting, refusing, counting] });

  const answer = await fetch(`${gateway.url}/x`, { headers: auth });

  expect(answer.status).toBe(429);
  expect(counted).toBe(0);
});

it('puts CORS headers on its own errors and on answers, and answers preflights without a key (DP21)', async () => {
  const compiled = cors.compile({ ...CORS } as never, services);
  const { capture, gateway } = await gatewayWith({ preflight: [compiled] });
  const origin = { Origin: 'https://yourapp.com' };

  const refused = await fetch(`${gateway.url}/x`, { headers: origin });
  const served = await fetch(`${gateway.url}/x`, { headers: { ...origin, ...auth } });
  const preflight = await fetch(`${gateway.url}/x`, { method: 'OPTIONS', headers: { ...origin, 'Access-Control-Request-Method': 'POST' } });

  expect([refused.status, served.status, preflight.status]).toEqual([401, 200, 204]);
  for (const { headers } of [refused, served, preflight]) expect(headers.get('access-control-allow-origin')).toBe('https://yourapp.com');
  for (const { headers } of [refused, served]) expect(headers.get('access-control-expose-headers')).toContain('X-RateLimit-Remaining');
  expect(capture.received).toHaveLength(1);
});

const CORS = {
  origins: ['https://yourapp.com', 'http://localhost:3000'],
  methods: ['GET', 'POST', 'PUT', 'DELETE'],
  headers: ['Content-Type', 'X-API-Key'],
  expose_headers: [],
  max_age: 3600,
  allow_credentials: false,
};

it('logs one line per request, without the query', async () => {
  const { gateway } = await gatewayWith();

  await fetch(`${gateway.url}/x?secret=1`, { headers: { ...auth, 'X-Request-Id': 'abc' } });
  await eventually(() => gateway.lines().filter(({ event }) => event === 'request completed')).toHaveLength(1);

  const [line] = gateway.lines().filter(({ event }) => event === 'request completed');
  expect(Object.keys(line ?? {}).slice(0, 7)).toEqual(['ts', 'level', 'event', 'consumer', 'path', 'status', 'latency_ms']);
  expect(line).toMatchObject({
    consumer: 'My Consumer',
    path: '/apis/acme/payments/x',
    status: 200,
    tenant: 'acme',
    api: 'payments',
    request_id: 'abc',
  });
  expect(JSON.stringify(gateway.lines())).not.toContain('secret');
});

it.each([
  ['a bad Host', 'GET /apis/x?secret=1 HTTP/1.1\r\nHost: a b\r\n\r\n'],
  ['a forbidden method', 'TRACE /apis/x?secret=1 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a fragment', 'GET /apis/x?secret=1#secret HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['credentials in its target', 'GET http://user:secret@b/apis/x?secret=1 HTTP/1.1\r\nHost: a\r\n\r\n'],
])('logs the path, and not the query, of a request that is refused for %s', async (_name, bytes) => {
  const { gateway } = await gatewayWith();

  const { status } = await sendRaw(gateway.port, bytes);
  await eventually(() => gateway.lines().filter(({ event }) => event === 'request completed')).toHaveLength(1);

  expect(gateway.lines()).toContainEqual(expect.objectContaining({ path: '/apis/x', status }));
  expect(JSON.stringify(gateway.lines())).not.toContain('secret');
});
