import { expect, it } from 'vitest';
import type { HeldObjects, PlannedObjects, RecordedRequest } from '../../../schema/impact.js';
import type { Json } from '../../../schema/kind.js';
import type { SyncSubscription } from '../../../schema/sync.js';
import { resource } from '../../../test/helpers/planned-objects.js';
import { Replay } from './process.js';
import { countedFrom } from './windows.js';

const SINCE = Date.parse('2026-03-17T10:00:00Z');
const HOUR = 3_600_000;
const NOTHING: HeldObjects = { resources: [], subscriptions: [], credentials: [] };

const api = (spec: Record<string, Json> = {}) =>
  resource('API', 'orders', { path: '/orders', upstream_url: 'https://up.example.com', auth_required: false, ...spec });
const policy = (policy_type: string, config: Json) =>
  resource('Policy', 'p', { policy_type, config, targets: [{ kind: 'API', name: 'orders' }] });
const subscription = (limits: Partial<SyncSubscription>): SyncSubscription => ({
  id: 'sub',
  tenant: 'acme',
  name: 'app',
  status: 'active',
  api: 'orders',
  ...limits,
});
const change = (current: Partial<HeldObjects>, put: Partial<HeldObjects> = {}): PlannedObjects => ({
  schema_version: 1,
  current: { ...NOTHING, ...current },
  put: { ...NOTHING, ...put },
  remove: { resources: [], subscriptions: [], credentials: [] },
});

/** The 32nd part more is that of requests which a limiter has merged. */
const back = (hours: number): string => new Date(SINCE - hours * HOUR * (33 / 32)).toISOString();

it.each<{ name: string; objects: PlannedObjects; from: string }>([
  { name: 'no limit', objects: change({ resources: [api()] }), from: back(0) },
  { name: 'a limit of an API', objects: change({ resources: [api({ rate_limit: { requests_per_hour: 5 } })] }), from: back(1) },
  {
    name: 'a longer one that is planned',
    objects: change(
      { resources: [api({ rate_limit: { requests_per_hour: 5 } })] },
      { resources: [api({ rate_limit: { requests_per_day: 9 } })] },
    ),
    from: back(24),
  },
  { name: 'a policy', objects: change({ resources: [policy('rate_limit', { limit: 5, window_secs: 7200 })] }), from: back(2) },
  { name: 'a quota of the day', objects: change({}, { resources: [policy('quota', { daily: 5 })] }), from: '2026-03-17T00:00:00.000Z' },
  { name: 'a quota of the month', objects: change({ resources: [policy('quota', { monthly: 5 })] }), from: '2026-03-01T00:00:00.000Z' },
  {
    name: 'a plan',
    objects: change({ resources: [resource('Plan', 'gold', { rate_limit: { requests_per_minute: 1 }, quota: { daily: 5 } })] }),
    from: '2026-03-17T00:00:00.000Z',
  },
  { name: 'an approval', objects: change({ subscriptions: [subscription({ rate_limit: 5 })] }), from: back(1) },
  { name: 'the quota of an approval', objects: change({ subscriptions: [subscription({ quota: 5 })] }), from: '2026-03-01T00:00:00.000Z' },
])('counts as far back as $name looks', ({ objects, from }) => {
  expect(new Date(countedFrom(objects, SINCE)).toISOString()).toBe(from);
});

const requests = (count: number, at: number): RecordedRequest[] =>
  Array.from({ length: count }, (_, index) => ({
    at: at + index * 1000,
    method: 'GET',
    path: '/apis/acme/orders',
    status: 200,
    api: 'orders',
    client_ip: '198.51.100.7',
  }));
const DAILY = change({ resources: [api()] }, { resources: [api({ rate_limit: { requests_per_day: 100 } })] });
const begin = { type: 'begin', objects: DAILY, since: SINCE, until: SINCE + HOUR } as const;

it('asks for the requests of the longest window, and counts those of hours before', () => {
  const replay = new Replay();

  const began = replay.take(begin);
  replay.take({ type: 'requests', gateway: 'a', requests: requests(90, SINCE - 5 * HOUR) });
  replay.take({ type: 'requests', gateway: 'a', requests: requests(60, SINCE) });
  const ended = replay.take({ type: 'end' });

  expect(began).toEqual({ type: 'began', from: SINCE - 24 * HOUR * (33 / 32) });
  expect(ended).toMatchObject({ type: 'impact', impact: { summary: { requests: 60, refused: 50 } } });
  expect(ended).toMatchObject({
    impact: { notes: [`a begins at 2026-03-17T05:00:00.000Z: limits and quotas that look back to ${back(24)} may have counted more.`] },
  });
});

it('leaves out the oldest requests that are only counted when there are too many, and says so; those that are judged never', () => {
  const most = 100;
  const some = new Replay(most);
  const tooMany = new Replay(most);

  for (const replay of [some, tooMany]) {
    replay.take(begin);
    for (const hours of [5, 4]) replay.take({ type: 'requests', gateway: 'a', requests: requests(30, SINCE - hours * HOUR) });
  }
  some.take({ type: 'requests', gateway: 'a', requests: requests(60, SINCE) });

  expect(some.take({ type: 'end' })).toMatchObject({
    impact: { summary: { requests: 60 }, notes: [expect.stringContaining('a begins at 2026-03-17T06:00:00.000Z')] },
  });
  expect(() => tooMany.take({ type: 'requests', gateway: 'a', requests: requests(101, SINCE) })).toThrow(
    'The logs hold more than 100 requests of this time.',
  );
});
