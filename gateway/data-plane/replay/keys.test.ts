import { expect, it } from 'vitest';
import type { HeldObjects, ImpactGroup, PlannedObjects, RecordedRequest } from '../../../schema/impact.js';
import type { Json } from '../../../schema/kind.js';
import type { SyncCredential } from '../../../schema/sync.js';
import { resource } from '../../../test/helpers/planned-objects.js';
import { judge } from './process.js';

const START = Date.parse('2026-03-01T10:00:00Z');
const MINUTE = 60_000;

const api = (spec: Record<string, Json> = {}) =>
  resource('API', 'orders', { path: '/orders', upstream_url: 'https://up.example.com', ...spec });
const subscription = { id: 'sub', tenant: 'acme', name: 'app', status: 'active' as const, api: 'orders', consumer: 'app' };
const key = (id: string, changes: Partial<SyncCredential> = {}) => ({
  id,
  tenant: 'acme',
  subscription: 'sub',
  status: 'active' as const,
  not_before: 0,
  not_after: null,
  ...changes,
});

type Held = Pick<HeldObjects, 'credentials'> & Partial<HeldObjects>;
const held = ({ resources = [], subscriptions = [subscription], credentials }: Held): HeldObjects => ({
  resources: [resource('Tenant', 'acme'), api(), resource('Consumer', 'app'), ...resources],
  subscriptions,
  credentials,
});

/** One each second, as a gateway writes what it lets in. */
const served = (count: number, changes: Partial<RecordedRequest> = {}): RecordedRequest[] =>
  Array.from({ length: count }, (_, index) => ({
    at: START + index * 1000,
    method: 'GET',
    path: '/apis/acme/orders/v1',
    status: 200,
    api: 'orders',
    key: 'old',
    consumer: 'app',
    client_ip: '198.51.100.7',
    ...changes,
  }));

const NOTHING = { resources: [], subscriptions: [], credentials: [] };
interface Change {
  readonly put?: Partial<HeldObjects>;
  readonly remove?: Partial<PlannedObjects['remove']>;
}

const LIMIT: Change = { put: { resources: [api({ rate_limit: { requests_per_minute: 10 } })] } };
const OPEN: Change = { put: { resources: [api({ auth_required: false })] } };
const GONE: Change = { remove: { resources: ['API acme/orders'] } };

function impactOf(requests: readonly RecordedRequest[], current: HeldObjects, { put, remove }: Change) {
  const objects: PlannedObjects = { schema_version: 1, current, put: { ...NOTHING, ...put }, remove: { ...NOTHING, ...remove } };
  return judge({ objects, since: START, until: START + 60 * MINUTE }, new Map([['gateway', requests]]));
}

const brief = (groups: readonly ImpactGroup[]) => groups.map(({ consumer, reason, requests }) => [consumer, reason, requests]);

const ENDED: Record<string, HeldObjects> = {
  'a key that was rotated': held({ credentials: [key('old', { status: 'expired', not_after: START + 30 * MINUTE }), key('new')] }),
  'a key that ended while it was used': held({ credentials: [key('old', { status: 'grace', not_after: START + 5000 })] }),
  'a key that was revoked': held({ credentials: [key('old', { status: 'revoked', not_after: START - 1 })] }),
  'a subscription that was suspended': held({ subscriptions: [{ ...subscription, status: 'suspended' }], credentials: [key('old')] }),
  'a subscription that has ended': held({ subscriptions: [{ ...subscription, expires_at: START - 1 }], credentials: [key('old')] }),
};

it.each(Object.entries(ENDED))('judges what was let in with %s since as it was then', (_name, current) => {
  const limited = impactOf(served(60), current, LIMIT);
  const gone = impactOf(served(60), current, GONE);
  const open = impactOf(served(60), current, OPEN);

  expect(brief(limited.refused)).toEqual([['app', 'rate_limit_exceeded', 50]]);
  expect(brief(gone.refused)).toEqual([['app', 'no_route', 60]]);
  expect(open.summary).toMatchObject({ requests: 60, refused: 0, allowed: 0, undecided: 0, as_recorded: 60 });
});

it('counts the old and the new key of a consumer together', () => {
  const current = held({ credentials: [key('old', { status: 'revoked', not_after: START + 30_000 }), key('new')] });
  const requests = served(60).map((request, index) => (index < 30 ? request : { ...request, key: 'new' }));

  const impact = impactOf(requests, current, LIMIT);

  expect(brief(impact.refused)).toEqual([['app', 'rate_limit_exceeded', 50]]);
});

it('tells of a key, and of a subscription, that the change itself ends', () => {
  const current = held({ credentials: [key('old')] });

  const revoked = impactOf(served(3), current, { put: { credentials: [key('old', { status: 'revoked', not_after: START - 1 })] } });
  const removed = impactOf(served(3), current, { remove: { subscriptions: ['sub'] } });
  const suspended = impactOf(served(3), current, { put: { subscriptions: [{ ...subscription, status: 'suspended' }] } });

  expect(brief(revoked.refused)).toEqual([['app', 'revoked_api_key', 3]]);
  expect(brief(removed.refused)).toEqual([['app', 'subscription_not_active', 3]]);
  expect(brief(suspended.refused)).toEqual([['app', 'subscription_not_active', 3]]);
});

it('decides nothing by a key that is no longer known but what needs no key, and drops nothing', () => {
  const forgotten = held({ credentials: [key('new')] });
  const withoutSubscription = held({ subscriptions: [], credentials: [key('old')] });
  const closedSince = served(4, { key: undefined, consumer: undefined });

  const limited = [forgotten, withoutSubscription].map((current) => impactOf(served(4), current, LIMIT));
  const open = impactOf(served(4), forgotten, OPEN);
  const gone = impactOf(served(4), forgotten, GONE);
  const closed = impactOf(closedSince, held({ credentials: [] }), LIMIT);

  for (const impact of [...limited, open]) expect(brief(impact.undecided)).toEqual([['app', 'the key is no longer known', 4]]);
  expect(brief(gone.refused)).toEqual([['app', 'no_route', 4]]);
  expect(brief(closed.undecided)).toEqual([[undefined, 'no key was looked at then', 4]]);
});

it('leaves refused who was refused for the key then', () => {
  const current = held({ credentials: [key('old', { status: 'revoked', not_after: START - 1 })] });
  const requests = served(5, { status: 401, reason: 'revoked_api_key', consumer: undefined });

  expect(impactOf(requests, current, GONE).summary).toMatchObject({ requests: 5, refused: 0, undecided: 0, as_recorded: 5 });
  expect(brief(impactOf(requests, current, OPEN).allowed)).toEqual([['app', 'revoked_api_key', 5]]);
});

it('judges nothing from after the end', () => {
  const late = served(2, { at: START + 61 * MINUTE });

  expect(impactOf([...served(3), ...late], held({ credentials: [key('old')] }), GONE).summary).toMatchObject({ requests: 3, refused: 3 });
});
