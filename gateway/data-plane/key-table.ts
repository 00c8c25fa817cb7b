/** The keys that a gateway knows, by digest, and in front of them the cache of documents C and D: keys joined with subscription and consumer. */
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { keyOf, type ResourceKey } from '../../schema/resource.js';
import { plainFingerprint } from './client-certificate.js';
import type { SyncCredential, SyncResource, SyncSubscription } from '../../schema/sync.js';
import type { Delta, Replaced } from './config-source.js';
import type { Credential, KeyStore } from './snapshot.js';
import type { LimitsOf, SubscriptionLimits } from './subscription-limits.js';

interface KeyTableOptions {
  readonly subscriptions: ReadonlyMap<string, SyncSubscription>;
  readonly resources: ReadonlyMap<string, SyncResource>;
  readonly limitsOf: LimitsOf;
}

/** Document C: five minutes, ten thousand entries. */
const CACHE = { max: 10_000, ttl: 5 * 60_000, ttlResolution: 1000 } as const;
const NO_LIMITS: Credential['limits'] = [];
/** Longer values are no keys, and are not worth their digest. */
const MAX_KEY_LENGTH = 256;

/** The key store of a gateway, and how it follows the configuration. */
export interface KeyTable extends KeyStore {
  /** Takes the credentials of a delta, and drops from the cache what it, or one of `joined`, has changed. */
  apply(delta: Pick<Delta, 'credentials' | 'subscriptions'>, joined: readonly ResourceKey[]): void;
  /** Number of keys, whatever their state. */
  readonly size: number;
}

/** A key that was used, and what it was joined of: as long as that is the same, so is the credential, and what hangs on it. */
interface Joined {
  readonly subscription: SyncSubscription | undefined;
  readonly consumer: SyncResource | undefined;
  readonly consumerKey: string | undefined;
  readonly limits: SubscriptionLimits | undefined;
  readonly credential: Credential;
}

/** An empty table over maps that somebody else keeps up to date. */
export function createKeyTable({ subscriptions, resources, limitsOf }: KeyTableOptions): KeyTable {
  const byDigest = new Map<string, SyncCredential>();
  const cache = new LRUCache<string, Credential>(CACHE);
  /** Keys that were used, in the cache or not: to join one anew costs as much as all else that is done for a request. */
  const used = new Map<string, Joined>();
  let hits = 0;
  let misses = 0;

  const join = (credential: SyncCredential): Credential => {
    const subscription = subscriptions.get(credential.subscription);
    const before = used.get(credential.digest);
    const known = before?.subscription === subscription ? before : undefined;
    const consumerKey = known === undefined ? consumerKeyOf(credential, subscription) : known.consumerKey;
    const consumer = consumerKey === undefined ? undefined : resources.get(consumerKey);
    const limits = subscription === undefined ? undefined : limitsOf(subscription, known?.limits);
    if (known !== undefined && known.consumer === consumer && known.limits === limits) return known.credential;
    const joined = { subscription, consumer, consumerKey, limits, credential: joinCredential(credential, subscription, consumer, limits) };
    used.set(credential.digest, joined);
    return joined.credential;
  };
  const remove = ({ digest, id }: SyncCredential): void => {
    cache.delete(digest);
    used.delete(digest);
    if (byDigest.get(digest)?.id === id) byDigest.delete(digest);
  };
  const put = (credential: SyncCredential): void => {
    cache.delete(credential.digest);
    used.delete(credential.digest);
    byDigest.set(credential.digest, credential);
  };

  return {
    get size() {
      return byDigest.size;
    },
    find(key) {
      if (key.length > MAX_KEY_LENGTH) return undefined;
      const digest = hash('sha256', key);
      const cached = cache.get(digest);
      if (cached !== undefined) {
        hits += 1;
        return cached;
      }
      misses += 1;
      const credential = byDigest.get(digest);
      if (credential === undefined) return undefined;
      const joined = join(credential);
      cache.set(digest, joined);
      return joined;
    },
    stats: () => ({ hits, misses, entry_count: cache.size }),
    clear() {
      cache.clear();
    },
    apply({ credentials, subscriptions: changed }, joined) {
      replaceCredentials(credentials, remove, put);
      if (changed.length > 0 || joined.length > 0) dropJoined(cache, new Set(changed.map(({ key }) => key)), joined);
    },
  };
}

/** Removals first: a digest that moved from one credential to another stays known. */
function replaceCredentials(
  changes: readonly Replaced<SyncCredential>[],
  remove: (old: SyncCredential) => void,
  put: (next: SyncCredential) => void,
): void {
  for (const { before } of changes) if (before !== undefined) remove(before);
  for (const { after } of changes) if (after !== undefined) put(after);
}

/**
 * A tenant's factor and a plan's limits are part of every credential of the tenant; a subscription and a consumer are part of their own. The cache is walked,
 * which takes less than a millisecond: an index of a million keys by subscription would take a hundred megabytes.
 */
function dropJoined(cache: LRUCache<string, Credential>, subscriptions: ReadonlySet<string>, joined: readonly ResourceKey[]): void {
  const tenants = new Set(joined.filter(({ kind }) => kind !== 'Consumer').map(({ tenant }) => tenant));
  const consumers = new Set(joined.filter(({ kind }) => kind === 'Consumer').map(({ tenant, name }) => `${tenant}/${name}`));
  for (const [digest, { tenant, consumer, subscriptionId }] of [...cache.entries()]) {
    const isConcerned =
      subscriptions.has(subscriptionId) || tenants.has(tenant) || (consumer !== undefined && consumers.has(`${tenant}/${consumer}`));
    if (isConcerned) cache.delete(digest);
  }
}

const consumerKeyOf = ({ tenant }: SyncCredential, subscription: SyncSubscription | undefined): string | undefined =>
  subscription?.consumer === undefined ? undefined : keyOf({ kind: 'Consumer', tenant, name: subscription.consumer });

function joinCredential(
  { id, tenant, status, subscription: subscriptionId, not_before: notBefore, not_after: notAfter }: SyncCredential,
  subscription: SyncSubscription | undefined,
  consumer: SyncResource | undefined,
  limits: SubscriptionLimits | undefined,
): Credential {
  return {
    keyId: id,
    tenant,
    subscriptionId,
    subscriptionActive: subscription?.status === 'active',
    subscriptionEnds: subscription?.expires_at ?? Infinity,
    api: subscription?.api ?? '',
    consumerId: consumer?.id,
    consumer: subscription?.consumer,
    consumerName: subscription?.consumer,
    keyStatus: status,
    notBefore,
    notAfter,
    certificates: certificatesOf(consumer),
    limits: limits?.hooks ?? NO_LIMITS,
  };
}

/** What cannot be read as a list of texts lets nobody in. */
function certificatesOf(consumer: SyncResource | undefined): ReadonlySet<string> | undefined {
  const fingerprints = consumer?.spec.certificate_fingerprints;
  if (fingerprints === undefined) return undefined;
  const texts = Array.isArray(fingerprints) ? fingerprints.filter((each): each is string => typeof each === 'string') : [];
  return new Set(texts.map(plainFingerprint));
}
