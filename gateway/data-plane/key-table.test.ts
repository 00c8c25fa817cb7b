import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { keyOf, type ResourceKey } from '../../schema/resource.js';
import type { SyncCredential, SyncResource, SyncSubscription } from '../../schema/sync.js';
import type { Delta } from './config-source.js';
import { createKeyTable } from './key-table.js';

const digest = (key: string): string => createHash('sha256').update(key).digest('hex');
const key = (n: number): string => `stoa_sk_${String(n).padStart(32, '0')}`;
const credential = (n: number, over: Partial<SyncCredential> = {}): SyncCredential => ({
  id: `key-${String(n)}`,
  tenant: 'acme',
  subscription: 'sub-1',
  digest: digest(key(n)),
  status: 'active',
  not_before: 0,
  not_after: null,
  ...over,
});
const subscription: SyncSubscription = { id: 'sub-1', tenant: 'acme', name: 's', status: 'active', api: 'pay', consumer: 'app' };
const consumer: SyncResource = {
  kind: 'Consumer',
  tenant: 'acme',
  name: 'app',
  id: 'con-1',
  spec: {},
  labels: {},
  annotations: {},
  created_at: '',
  updated_at: '',
};

function setup() {
  const subscriptions = new Map([[subscription.id, subscription]]);
  const resources = new Map([[keyOf(consumer), consumer]]);
  const table = createKeyTable({
    subscriptions,
    resources,
    limitsOf: (_subscription, known) => known ?? { hooks: [], plan: undefined, multiplier: 1 },
  });
  const apply = (change: Partial<Delta>, joined: readonly ResourceKey[] = []): void =>
    table.apply({ credentials: [], subscriptions: [], ...change }, joined);
  const put = (...credentials: SyncCredential[]): void =>
    apply({ credentials: credentials.map((after) => ({ key: after.id, before: undefined, after })) });
  return { table, subscriptions, resources, apply, put };
}

describe('key table', () => {
  afterEach(() => void vi.useRealTimers());

  it('joins a key with its subscription and consumer', () => {
    const { table, put } = setup();

    put(credential(1, { not_before: 5, not_after: 10, status: 'grace' }));

    expect(table.find(key(1))).toEqual({
      keyId: 'key-1',
      tenant: 'acme',
      subscriptionId: 'sub-1',
      subscriptionActive: true,
      subscriptionEnds: Infinity,
      api: 'pay',
      consumerId: 'con-1',
      consumer: 'app',
      consumerName: 'app',
      keyStatus: 'grace',
      notBefore: 5,
      notAfter: 10,
      certificates: undefined,
      limits: [],
    });
  });

  it('counts hits and misses, and keeps unknown keys out of the cache (DP17)', () => {
    const { table, put } = setup();
    put(credential(1));
    expect(table.stats()).toEqual({ hits: 0, misses: 0, entry_count: 0 });

    for (let n = 0; n < 5; n += 1) table.find(key(1));
    table.find(key(2));
    table.find('x'.repeat(100_000));

    expect(table.stats()).toEqual({ hits: 4, misses: 2, entry_count: 1 });
  });

  it('keeps ten thousand keys at most, and none for more than five minutes (DP17)', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const clock = vi.spyOn(performance, 'now').mockReturnValue(1);
    const { table, put } = setup();
    put(...Array.from({ length: 10_001 }, (_, n) => credential(n)));

    for (let n = 0; n <= 10_000; n += 1) table.find(key(n));
    const full = table.stats();
    table.find(key(10_000));
    vi.advanceTimersByTime(301_000);
    clock.mockReturnValue(301_001);
    table.find(key(10_000));
    clock.mockRestore();

    expect(full).toMatchObject({ entry_count: 10_000, hits: 0, misses: 10_001 });
    expect(table.stats()).toMatchObject({ hits: 1, misses: 10_002 });
  });

  it('is not emptied by a flood of unknown keys', () => {
    const { table, put } = setup();
    put(credential(1));
    table.find(key(1));

    for (let n = 2; n < 30_000; n += 1) table.find(key(n));

    expect(table.stats()).toMatchObject({ entry_count: 1 });
    table.find(key(1));
    expect(table.stats()).toMatchObject({ hits: 1 });
  });

  it('drops the entry of a rotated key, resolves it again and caches it with the end of its grace (DP18)', () => {
    const { table, put, apply } = setup();
    put(credential(1));
    table.find(key(1));

    const grace = credential(1, { status: 'grace', not_after: 99 });
    apply({
      credentials: [
        { key: 'key-1', before: credential(1), after: grace },
        { key: 'key-2', before: undefined, after: credential(2) },
      ],
    });

    expect(table.stats().entry_count).toBe(0);
    expect(table.find(key(1))?.notAfter).toBe(99);
    expect(table.find(key(2))?.keyStatus).toBe('active');
    expect(table.stats()).toMatchObject({ entry_count: 2, misses: 3, hits: 0 });
  });

  it('forgets a key at once when it is removed', () => {
    const { table, put, apply } = setup();
    put(credential(1), credential(2));
    table.find(key(1));

    apply({ credentials: [{ key: 'key-1', before: credential(1), after: undefined }] });

    expect(table.find(key(1))).toBeUndefined();
    expect(table.find(key(2))).toBeDefined();
    expect(table.size).toBe(1);
  });

  it('sees a suspended subscription, also for keys in the cache', () => {
    const { table, put, apply, subscriptions } = setup();
    put(credential(1));
    expect(table.find(key(1))?.subscriptionActive).toBe(true);

    const suspended = { ...subscription, status: 'suspended' as const };
    subscriptions.set('sub-1', suspended);
    apply({ subscriptions: [{ key: 'sub-1', before: subscription, after: suspended }] });

    expect(table.find(key(1))?.subscriptionActive).toBe(false);
    subscriptions.clear();
    apply({ subscriptions: [{ key: 'sub-1', before: suspended, after: undefined }] });
    expect(table.find(key(1))).toMatchObject({ subscriptionActive: false, api: '' });
  });

  it('joins anew when the consumer, the plan or the tenant changes, and leaves others in the cache', () => {
    const { table, put, apply } = setup();
    put(credential(1), credential(2, { subscription: 'sub-2', tenant: 'other' }));
    table.find(key(1));
    table.find(key(2));

    apply({}, [{ kind: 'Consumer', tenant: 'acme', name: 'app' }]);
    expect(table.stats().entry_count).toBe(1);
    table.find(key(1));
    apply({}, [{ kind: 'Tenant', tenant: 'acme', name: 'acme' }]);

    expect(table.stats().entry_count).toBe(1);
  });

  it('knows the certificates that the consumer is bound to, in one spelling, and lets nobody in by what it cannot read (DP22)', () => {
    const { table, put, apply, resources } = setup();
    put(credential(1));
    const bind = (certificate_fingerprints: unknown) => {
      resources.set(keyOf(consumer), { ...consumer, spec: { certificate_fingerprints } } as SyncResource);
      apply({}, [{ kind: 'Consumer', tenant: 'acme', name: 'app' }]);
      return table.find(key(1))?.certificates;
    };

    expect(bind([`${'AB:'.repeat(31)}AB`])).toEqual(new Set(['ab'.repeat(32)]));
    expect(bind('all')).toEqual(new Set());
  });

  it('is cleared by hand without forgetting a key', () => {
    const { table, put } = setup();
    put(credential(1));
    table.find(key(1));

    table.clear();

    expect(table.stats().entry_count).toBe(0);
    expect(table.find(key(1))).toBeDefined();
  });

  it('keeps no key, only digests', () => {
    const { table, put } = setup();
    put(credential(1));
    table.find(key(1));

    expect(JSON.stringify(table.find(key(1)))).not.toContain('stoa_sk_');
  });
});
