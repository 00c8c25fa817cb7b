import { expect, it } from 'vitest';
import type { HeldObjects, PlannedObjects, RecordedRequest } from '../../../schema/impact.js';
import type { Json } from '../../../schema/kind.js';
import { resource } from '../../../test/helpers/planned-objects.js';
import { judge } from './process.js';

const START = Date.parse('2026-03-01T10:00:00Z');
const MINUTE = 60_000;

const api = (name: string, spec: Record<string, Json> = {}) =>
  resource('API', name, { path: `/${name}`, upstream_url: 'https://up.example.com', methods: ['GET', 'POST', 'OPTIONS'], ...spec });
const policy = (name: string, policy_type: string, config: Json, to = 'orders') =>
  resource('Policy', name, { policy_type, config, targets: [{ kind: 'API', name: to }] });

/** Two consumers with a key each: `key-app` and `key-web`. */
const CURRENT: HeldObjects = {
  resources: [resource('Tenant', 'acme'), api('orders'), resource('Consumer', 'app'), resource('Consumer', 'web')],
  subscriptions: ['app', 'web'].map((consumer) => ({
    id: `sub-${consumer}`,
    tenant: 'acme',
    name: consumer,
    status: 'active' as const,
    api: 'orders',
    consumer,
  })),
  credentials: ['app', 'web'].map((consumer) => ({
    id: `key-${consumer}`,
    tenant: 'acme',
    subscription: `sub-${consumer}`,
    status: 'active' as const,
    not_before: 0,
    not_after: null,
  })),
};
const NOTHING = { resources: [], subscriptions: [], credentials: [] };

const request = (changes: Partial<RecordedRequest> = {}): RecordedRequest => {
  const made: RecordedRequest = {
    at: START,
    method: 'GET',
    path: '/apis/acme/orders/v2/17',
    status: 200,
    api: 'orders',
    key: 'key-app',
    client_ip: '198.51.100.7',
    ...changes,
  };
  // A gateway names the consumer whose key it has accepted.
  const isAccepted = made.status < 400 && made.key !== undefined;
  return { ...made, consumer: isAccepted ? made.key.replace('key-', '') : undefined };
};
/** One each second. */
const stream = (count: number, changes: Partial<RecordedRequest> = {}): RecordedRequest[] =>
  Array.from({ length: count }, (_, index) => request({ at: START + index * 1000, ...changes }));

interface Change {
  readonly current?: readonly ReturnType<typeof resource>[];
  readonly put?: readonly ReturnType<typeof resource>[];
  readonly remove?: Partial<PlannedObjects['remove']>;
}

function impactOf(requests: readonly RecordedRequest[], { current = [], put = [], remove = {} }: Change, since = START) {
  const objects: PlannedObjects = {
    schema_version: 1,
    current: { ...CURRENT, resources: [...CURRENT.resources, ...current] },
    put: { ...NOTHING, resources: put },
    remove: { ...NOTHING, ...remove },
  };
  return judge({ objects, since, until: START + 60 * MINUTE }, new Map([['gateway', requests]]));
}

it('finds nothing where nothing that concerns a request changes', () => {
  const requests = [
    ...stream(50),
    ...stream(3, { key: undefined, status: 401, reason: 'missing_api_key' }),
    request({ path: '/none', status: 404, api: undefined }),
  ];

  const impact = impactOf(requests, { put: [api('orders', { description: 'Orders.' })] });

  expect(impact.summary).toEqual({ requests: 54, refused: 0, allowed: 0, moved: 0, undecided: 0, consumers: 0, as_recorded: 54 });
});

it('counts what a smaller limit would have refused, by the limiter of the gateway: those that it refused count for nothing', () => {
  const requests = [...stream(120), ...stream(10, { key: 'key-web' })];

  const impact = impactOf(requests, { put: [api('orders', { rate_limit: { requests_per_minute: 20 } })] });

  // 20 in the first minute; from then on one more for each that has left the window.
  expect(impact.refused).toEqual([
    {
      tenant: 'acme',
      api: 'orders',
      consumer: 'app',
      reason: 'rate_limit_exceeded',
      status: 429,
      limit: { requests: 20, window_secs: 60 },
      requests: 80,
      first: '2026-03-01T10:00:20.000Z',
      last: '2026-03-01T10:01:59.000Z',
      paths: [{ method: 'GET', path: '/apis/acme/orders/v2/{id}', requests: 80 }],
    },
  ]);
  expect(impact.summary).toMatchObject({ refused: 80, consumers: 1 });
});

it.each<{ name: string; requests: RecordedRequest[]; change: Change; refused: object }>([
  {
    name: 'a route that is gone',
    requests: stream(3),
    change: { remove: { resources: ['API acme/orders'] } },
    refused: { reason: 'no_route', status: 404, consumer: 'app', api: 'orders', requests: 3 },
  },
  {
    name: 'a path that is another',
    requests: stream(3),
    change: { put: [api('orders', { path: '/orders/v3' })] },
    refused: { reason: 'no_route', status: 404, requests: 3 },
  },
  {
    name: 'a method that is no longer accepted',
    requests: [...stream(2, { method: 'POST' }), request()],
    change: { put: [api('orders', { methods: ['GET'] })] },
    refused: { reason: 'method_not_allowed', status: 405, requests: 2 },
  },
  {
    name: 'a key that would be revoked',
    requests: [...stream(2), request({ key: 'key-web' })],
    change: { remove: { subscriptions: ['sub-app'] } },
    refused: { reason: 'subscription_not_active', status: 401, consumer: 'app', requests: 2 },
  },
  {
    name: 'an API that is switched off',
    requests: stream(1),
    change: { put: [api('orders', { activated: false })] },
    refused: { reason: 'api_not_activated', status: 503, requests: 1 },
  },
  {
    name: 'addresses that a new policy keeps out',
    requests: [...stream(2), request({ client_ip: '203.0.113.9' })],
    change: { put: [policy('office', 'ip_filter', { deny: ['203.0.113.0/24'] })] },
    refused: { reason: 'ip_filter', status: 403, requests: 1 },
  },
  {
    name: 'a quota of the day',
    requests: stream(5),
    change: { put: [policy('daily', 'quota', { daily: 3 })] },
    refused: { reason: 'rate_limit_exceeded', status: 429, limit: { requests: 3, window_secs: 86_400 }, requests: 2 },
  },
])('tells of $name', ({ requests, change, refused }) => {
  const impact = impactOf(requests, change);

  expect(impact.refused).toEqual([expect.objectContaining(refused)]);
  expect([impact.allowed, impact.moved, impact.undecided]).toEqual([[], [], []]);
});

it('tells what would be let in, and what would reach another API', () => {
  const requests = [
    ...stream(4, { key: undefined, status: 401, reason: 'missing_api_key' }),
    ...stream(2, { path: '/apis/acme/orders/eu/1', key: undefined, status: 401, reason: 'missing_api_key' }),
    request({ path: '/apis/acme/open', key: undefined, api: 'open' }),
  ];
  const current = [api('open', { auth_required: false })];

  const impact = impactOf(requests, {
    current,
    put: [api('orders', { auth_required: false }), api('shut', { path: '/open/deep', auth_required: false })],
  });
  const moved = impactOf([request({ path: '/apis/acme/open/deep', key: undefined, api: 'open' })], {
    current,
    put: [api('shut', { path: '/open/deep', auth_required: false })],
  });

  expect(impact.allowed).toEqual([expect.objectContaining({ reason: 'missing_api_key', status: 401, api: 'orders', requests: 6 })]);
  expect(impact.refused).toEqual([]);
  expect(moved.moved).toEqual([expect.objectContaining({ api: 'open', reason: 'acme/shut', requests: 1 })]);
});

it('goes by what came of tokens, preflights and bodies where the change asks the same, and decides nothing where it asks anew', () => {
  const token = (audience: string) => policy('token', 'jwt', { issuer: 'https://id.example.com', audience });
  const requests = [
    ...stream(3),
    request({ status: 401, reason: 'expired_token' }),
    request({ method: 'POST' }),
    request({ method: 'OPTIONS', key: undefined, status: 204 }),
  ];
  const current = [token('orders'), policy('web', 'cors', { origins: ['*'] }), policy('kept', 'cache', { ttl_secs: 60 })];

  const same = impactOf(requests, { current, put: [api('orders', { description: 'x' })] });
  const anew = impactOf(requests, { current, put: [token('other'), api('orders', { max_body_bytes: 10 })] });
  const withoutCors = impactOf(requests, { current, remove: { resources: ['Policy acme/web'] } });

  expect(same.summary).toMatchObject({ requests: 6, refused: 0, allowed: 0, undecided: 0, as_recorded: 6 });
  expect(anew.undecided.map(({ reason, requests: count }) => [reason, count])).toEqual([
    ['the access token', 4],
    ['the access token, the size of the body', 1],
  ]);
  expect(withoutCors.refused).toEqual([expect.objectContaining({ reason: 'missing_api_key', requests: 1 })]);
});

it('counts requests from before the time for the limits, each gateway alone, and judges none of them', () => {
  const limit = { put: [api('orders', { rate_limit: { requests_per_minute: 20 } })] };
  const objects: PlannedObjects = { schema_version: 1, current: CURRENT, put: { ...NOTHING, resources: limit.put }, remove: NOTHING };

  const warm = impactOf(stream(30), limit, START + 20_000);
  const two = judge(
    { objects, since: START, until: START + MINUTE },
    new Map([
      ['a', stream(20)],
      ['b', stream(20)],
    ]),
  );

  expect(warm.summary).toMatchObject({ requests: 10, refused: 10 });
  expect(two.summary).toMatchObject({ requests: 40, refused: 0 });
});

it('says where a log begins too late, and leaves out what no configuration changes', () => {
  const requests = [request({ at: START + 5000 }), request({ path: '/health', api: undefined }), request({ status: 400, api: undefined })];

  const impact = impactOf(requests, {});

  expect(impact.summary.requests).toBe(1);
  expect(impact.notes).toContain('gateway begins at 2026-03-01T10:00:05.000Z.');
});

it('tells how many requests the configuration of today decides otherwise than it was recorded', () => {
  const impact = impactOf(
    [...stream(2), request({ status: 401, reason: 'invalid_api_key' }), request({ status: 404, api: undefined })],
    {},
  );

  expect(impact.summary).toMatchObject({ requests: 4, as_recorded: 2 });
});

it('shows of a path the route, versions, and of the rest only the few words that many requests have', () => {
  const paths = (count: number, path: (index: number) => string) => stream(count).map((each, index) => ({ ...each, path: path(index) }));
  const requests = [
    ...paths(40, (index) => `/apis/acme/orders/v2/users/u-${index}/items`),
    ...paths(3, () => '/apis/acme/orders/v2/users/smith/hunter'),
  ];

  const impact = impactOf(requests, { remove: { resources: ['API acme/orders'] } });

  expect(impact.refused[0]?.paths.map(({ path, requests: count }) => [path, count])).toEqual([
    ['/apis/acme/orders/v2/users/{id}/items', 40],
    ['/apis/acme/orders/v2/users/{id}/{id}', 3],
  ]);
});

it('shows no name of a person, however many there are and wherever they stand', () => {
  const names = ['smith', 'jones', 'brown', 'patel', 'garcia', 'muller', 'rossi', 'dubois', 'novak', 'kim', 'chen', 'silva', 'ali'];
  const often = names.flatMap((name) => stream(30, { path: `/apis/acme/orders/users/${name}` }));
  const once = ['jane@example.com', '%20', '9f3c-11'].map((name) => request({ path: `/apis/acme/orders/users/${name}` }));

  const impact = impactOf([...often, ...once], { remove: { resources: ['API acme/orders'] } });

  expect(impact.refused[0]?.paths).toEqual([{ method: 'GET', path: '/apis/acme/orders/users/{id}', requests: 393 }]);
});
