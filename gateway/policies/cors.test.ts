import { expect, it } from 'vitest';
import { cors } from './cors.js';
import type { Exchange, Hooks, PolicyServices, ReplyHead } from './contract.js';

const services = {} as PolicyServices;
/** The example of the runbook, day 4. */
const RUNBOOK = {
  origins: ['https://yourapp.com', 'http://localhost:3000'],
  methods: ['GET', 'POST', 'PUT', 'DELETE'],
  headers: ['Content-Type', 'X-API-Key'],
  max_age: 3600,
};

const compile = (config: object): Hooks => cors.compile(cors.config.parse(config) as never, services);

function exchange(method: string, headers: Record<string, string>): Exchange {
  return {
    ...{
      requestId: 'r',
      method,
      path: '/x',
      query: '',
      clientIp: '127.0.0.1',
      caller: undefined,
      limit: undefined,
      tokenFailure: undefined,
      cache: undefined,
      maxBodyBytes: undefined,
      isCounted: false,
    },
    header: (name) => headers[name],
  };
}

function answer(
  hooks: Hooks,
  request: Exchange,
  received: string[] = [],
): { readonly status: number; readonly headers: Record<string, string> } {
  const reply = hooks.request?.(request);
  if (reply instanceof Promise) throw new TypeError('cors answers at once');
  const head: ReplyHead = { status: reply?.status ?? 200, headers: reply === undefined ? received : [...reply.headers] };
  hooks.response?.(request, head);
  const pairs = head.headers.flatMap((name, index) =>
    index % 2 === 0 ? [[name.toLowerCase(), head.headers[index + 1] ?? ''] as const] : [],
  );
  return { status: head.status, headers: Object.fromEntries(pairs) };
}

const preflight = (origin: string): Exchange => exchange('OPTIONS', { origin, 'access-control-request-method': 'PUT' });

it('answers the preflight of the runbook (DP21)', () => {
  expect(answer(compile(RUNBOOK), preflight('https://yourapp.com'))).toEqual({
    status: 204,
    headers: {
      'access-control-allow-origin': 'https://yourapp.com',
      'access-control-allow-methods': 'GET, POST, PUT, DELETE',
      'access-control-allow-headers': 'Content-Type, X-API-Key',
      'access-control-max-age': '3600',
      vary: 'Origin',
    },
  });
});

it('spells the methods of HTTP as browsers ask for them, and leaves others as they are written', () => {
  const { headers } = answer(compile({ ...RUNBOOK, methods: ['get', 'Patch', '*', 'link'] }), preflight('https://yourapp.com'));

  expect(headers['access-control-allow-methods']).toBe('GET, PATCH, *, link');
});

it('tells a foreign origin nothing, and keeps its preflight from the upstream', () => {
  expect(answer(compile(RUNBOOK), preflight('https://evil.com'))).toEqual({ status: 204, headers: { vary: 'Origin' } });
  expect(answer(compile(RUNBOOK), exchange('GET', { origin: 'https://evil.com' })).headers).toEqual({ vary: 'Origin' });
});

it('lets OPTIONS pass that is no preflight', () => {
  expect(compile(RUNBOOK).request?.(exchange('OPTIONS', { origin: 'https://yourapp.com' }))).toBeUndefined();
  expect(compile(RUNBOOK).request?.(exchange('OPTIONS', { 'access-control-request-method': 'GET' }))).toBeUndefined();
});

it("replaces the upstream's own CORS headers and keeps its Vary", () => {
  const received = ['Access-Control-Allow-Origin', '*', 'Vary', 'Accept', 'access-control-allow-credentials', 'true', 'X-A', 'b'];

  const { headers } = answer(compile(RUNBOOK), exchange('GET', { origin: 'http://localhost:3000' }), received);

  expect(headers).toMatchObject({ 'access-control-allow-origin': 'http://localhost:3000', 'x-a': 'b' });
  expect(headers).not.toHaveProperty('access-control-allow-credentials');
  expect(headers['access-control-expose-headers']).toMatch(/X-Request-Id.*X-RateLimit-Limit.*Retry-After/);
});

const matches: readonly (readonly [string, string, boolean])[] = [
  ['https://*.example.com', 'https://app.example.com', true],
  ['https://*.example.com', 'https://a.b.example.com', true],
  ['https://*.example.com', 'https://example.com', false],
  ['https://*.example.com', 'https://evil-example.com', false],
  ['https://*.example.com', 'https://evil.com/.example.com', false],
  ['https://*.example.com', 'https://evil.com#.example.com', false],
  ['https://*.example.com', 'http://app.example.com', false],
  ['https://*.example.com', 'https://app.example.com:8443', false],
  ['https://*.example.com', 'https://app.example.com.evil.com', false],
  ['https://app.example.com', 'https://APP.example.com.evil', false],
  ['https://app.example.com', 'https://app.example.com', true],
  ['https://app.example.com', 'null', false],
  ['*', 'https://anything.example', true],
  ['*', 'null', true],
];

it.each(matches)('cors-origin: %s and %s match: %s', (origin, candidate, expected) => {
  const { headers } = answer(compile({ origins: [origin] }), exchange('GET', { origin: candidate }));

  expect(headers['access-control-allow-origin']).toBe(expected ? candidate : undefined);
});

it('refuses what browsers would refuse, and origins that are none', () => {
  expect(cors.config.safeParse({ origins: ['*'], allow_credentials: true }).success).toBe(false);
  for (const origin of ['example.com', 'https://example.com/', 'https://a.*.com', 'https://*', 'https://exa mple.com', ''])
    expect(cors.config.safeParse({ origins: [origin] }).success).toBe(false);
});

it('allows credentials where it is said', () => {
  const hooks = compile({ ...RUNBOOK, allow_credentials: true });

  expect(answer(hooks, preflight('https://yourapp.com')).headers['access-control-allow-credentials']).toBe('true');
  expect(answer(hooks, exchange('GET', { origin: 'https://yourapp.com' })).headers['access-control-allow-credentials']).toBe('true');
});
