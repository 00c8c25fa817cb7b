/** Subscriptions as they are answered: one form for every route. */
import { lastEnd } from '../api-keys/rotation.js';
import { liveKeys, type ApiKeyRow } from '../api-keys/store.js';
import { currentKey } from '../api-keys/validity.js';
import type { Db } from '../context.js';
import { statusAt } from './expiry.js';
import { idsByName, type SubscriptionRow } from './store.js';

/** A subscription as every route answers it. */
export interface SubscriptionView {
  readonly id: string;
  readonly name: string;
  /** Name of the tenant, API and consumer stand beside the ids: manifests know names. */
  readonly tenant_id: string;
  readonly api_id: string | null;
  readonly api: string;
  readonly consumer_id: string | null;
  readonly consumer: string | null;
  readonly plan: string | null;
  readonly application: string | null;
  readonly callback_url: string | null;
  readonly status: string;
  /** The key itself, in the answer that has made it; null ever after. */
  readonly api_key: string | null;
  readonly api_key_prefix: string | null;
  readonly has_previous_key: boolean;
  readonly previous_key_expires_at: string | null;
  readonly rotation_count: number;
  readonly last_rotated_at: string | null;
  /** Requests per hour, set at approval. */
  readonly rate_limit: number | null;
  /** Requests per calendar month, set at approval. */
  readonly quota: number | null;
  /** Why it was rejected, suspended or revoked. */
  readonly reason: string | null;
  readonly created_at: string;
  readonly approved_at: string | null;
  /** When it ends by itself. */
  readonly expires_at: string | null;
  readonly ended_at: string | null;
}

/** `secret` is the key that the request has just made: shown this once. */
export async function viewSubscription(db: Db, row: SubscriptionRow, now: number, secret: string | null = null): Promise<SubscriptionView> {
  const [keys, ids] = [await liveKeys(db, [row.id]), await referencedIds(db, [row])];
  return { ...view(row, keys, ids, now), api_key: secret };
}

/** A list of subscriptions with their keys' prefixes and the ids of what they refer to. */
export async function viewSubscriptions(db: Db, rows: readonly SubscriptionRow[], now: number): Promise<SubscriptionView[]> {
  const keys = new Map<string, ApiKeyRow[]>(rows.map(({ id }) => [id, []]));
  for (const key of await liveKeys(db, [...keys.keys()])) keys.get(key.subscription_id)?.push(key);
  const ids = await referencedIds(db, rows);
  return rows.map((row) => view(row, keys.get(row.id) ?? [], ids, now));
}

/** Ids by `kind tenant/name`. */
async function referencedIds(db: Db, rows: readonly SubscriptionRow[]): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  for (const tenant of new Set(rows.map((row) => row.tenant))) {
    const own = rows.filter((row) => row.tenant === tenant);
    const names = { API: own.map(({ api }) => api), Consumer: own.flatMap(({ consumer }) => consumer ?? []) };
    for (const [kind, wanted] of Object.entries(names)) {
      const found = await idsByName(db, tenant, kind, [...new Set(wanted)]);
      for (const [name, id] of found) ids.set(`${kind} ${tenant}/${name}`, id);
    }
  }
  return ids;
}

function view(row: SubscriptionRow, keys: readonly ApiKeyRow[], ids: ReadonlyMap<string, string>, now: number): SubscriptionView {
  const { id, tenant, name, api, consumer, spec } = row;
  const previousEnd = lastEnd(keys, now);
  return {
    id,
    name,
    tenant_id: tenant,
    api_id: ids.get(`API ${tenant}/${api}`) ?? null,
    api,
    consumer_id: ids.get(`Consumer ${tenant}/${consumer ?? ''}`) ?? null,
    consumer,
    plan: spec.plan ?? null,
    application: spec.application ?? null,
    callback_url: spec.callback_url ?? null,
    status: statusAt(row, now),
    api_key: null,
    api_key_prefix: currentKey(keys, now)?.prefix ?? null,
    has_previous_key: previousEnd !== null,
    previous_key_expires_at: previousEnd,
    rotation_count: row.rotation_count,
    last_rotated_at: row.last_rotated_at,
    rate_limit: row.rate_limit,
    quota: row.quota,
    reason: row.reason,
    created_at: row.created_at,
    approved_at: row.approved_at,
    expires_at: row.expires_at,
    ended_at: row.ended_at,
  };
}
