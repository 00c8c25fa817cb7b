/** API keys as they are: listed, looked at for their age (row KY21), and cut off. */
import { parseDuration } from '../../schema/duration.js';
import { StoaError } from '../../schema/error.js';
import type { Client } from '../client.js';
import type { KeyRecord, SubscriptionRecord } from '../lived-client.js';
import { parseName } from './kinds.js';

const DAY_MS = 86_400_000;

/** A key with whose it is. */
export interface KeyEntry extends KeyRecord {
  /** Name of the subscription; its id where it is gone. */
  readonly subscription: string;
  readonly consumer: string | null;
  readonly subscription_status: string;
  /** Whole days since it was made. */
  readonly age_days: number;
}

export interface KeyListing {
  readonly schema_version: 1;
  readonly keys: readonly KeyEntry[];
}

export interface KeyQuery {
  readonly tenant: string | undefined;
  /** Id, name or tenant/name. */
  readonly subscription: string | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Every key that the token sees, newest first within a tenant. Throws `not_found`. */
export async function listKeys({ tenant, subscription, now }: KeyQuery, { lived }: Client): Promise<KeyListing> {
  const named = subscription === undefined ? undefined : parseName(subscription, tenant);
  const owner = named?.tenant ?? tenant;
  const only = named === undefined ? undefined : await lived.subscription(owner, named.name);
  const tenants = only !== undefined ? [only.tenant_id] : owner !== undefined ? [owner] : await lived.tenants();
  const keys: KeyEntry[] = [];
  for (const name of tenants) {
    const found = await lived.keys(name, only?.id);
    const holders = only !== undefined ? [only] : found.length === 0 ? [] : await lived.subscriptions(name, {});
    const byId = new Map(holders.map((holder) => [holder.id, holder]));
    keys.push(...found.map((key) => entryOf(key, byId.get(key.subscription_id), now)));
  }
  return { schema_version: 1, keys };
}

function entryOf(key: KeyRecord, holder: SubscriptionRecord | undefined, now: number): KeyEntry {
  const age_days = Math.max(0, Math.floor((now - Date.parse(key.created_at)) / DAY_MS));
  const { name: subscription, consumer, status } = holder ?? { name: key.subscription_id, consumer: null, status: 'gone' };
  return { ...key, subscription, consumer, subscription_status: status, age_days };
}

export interface StaleKeys extends KeyListing {
  readonly older_than: string;
}

/** Active keys of active subscriptions that were made longer ago than a duration. Throws `usage_error` for what is no duration. */
export async function staleKeys(query: KeyQuery, olderThan: string, client: Client): Promise<StaleKeys> {
  const ms = parseDuration(olderThan);
  if (ms === undefined)
    throw new StoaError('usage_error', `--older-than: "${olderThan}" is not a duration.`, { hint: 'Write it as 90d or 12h.' });
  const { keys } = await listKeys(query, client);
  const isStale = ({ status, subscription_status, created_at }: KeyEntry): boolean =>
    status === 'active' && subscription_status === 'active' && query.now - Date.parse(created_at) > ms;
  return { schema_version: 1, older_than: olderThan, keys: keys.filter(isStale) };
}

/** A key by its id, its prefix, or tenant/id. Throws `not_found`, or `usage_error` when a prefix stands for several. */
export async function findKey(word: string, tenant: string | undefined, { lived }: Client): Promise<KeyRecord> {
  const { tenant: owner, name } = parseName(word, tenant);
  const found: KeyRecord[] = [];
  for (const each of owner === undefined ? await lived.tenants() : [owner]) {
    if (name.startsWith('stoa_sk_'))
      found.push(...(await lived.keys(each)).filter(({ prefix, status }) => isPrefix(prefix, name) && isLive(status)));
    else found.push(...(await lived.key(each, name).then((key) => [key], ifNotFound)));
  }
  const [only, another] = found;
  if (only === undefined) {
    const shown = name.startsWith('stoa_sk_') ? `${name.slice(0, 12)}…` : name;
    throw new StoaError('not_found', `There is no key "${shown}".`, { hint: 'Run "stoactl keys list" for those that there are.' });
  }
  if (another === undefined) return only;
  throw new StoaError('usage_error', `${found.length} keys begin like that.`, {
    hint: `Name one by its id: ${found.map(({ id }) => id).join(', ')}.`,
  });
}

/** A whole key is found by its prefix, too: it may be what leaked. */
const isPrefix = (prefix: string, word: string): boolean => prefix === word.replace(/…$/, '').slice(0, prefix.length);
const isLive = (status: string): boolean => status === 'active' || status === 'grace';

function ifNotFound(error: unknown): KeyRecord[] {
  if (error instanceof StoaError && error.code === 'not_found') return [];
  throw error;
}
