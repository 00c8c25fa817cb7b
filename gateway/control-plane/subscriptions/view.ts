/** Subscriptions as they are answered: one form for every route. */
import { lastEnd } from '../api-keys/rotation.js';
import type { ConsumerSpec } from '../../../schema/kinds/consumer.js';
import { liveKeys, type ApiKeyRow } from '../api-keys/store.js';
import { currentKey } from '../api-keys/validity.js';
import type { Db } from '../context.js';
import { resourcesByKey } from '../resources/store.js';
import { statusAt } from './expiry.js';
import { apiIds, type SubscriptionRow } from './store.js';

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
  /** For people. */
  readonly consumer_name: string | null;
  readonly consumer_email: string | null;
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
  const [keys, referred] = [await liveKeys(db, [row.id]), await findReferred(db, [row])];
  return { ...view(row, keys, referred, now), api_key: secret };
}

/** A list of subscriptions with their keys' prefixes and the ids of what they refer to. */
export async function viewSubscriptions(db: Db, rows: readonly SubscriptionRow[], now: number): Promise<SubscriptionView[]> {
  const keys = new Map<string, ApiKeyRow[]>(rows.map(({ id }) => [id, []]));
  for (const key of await liveKeys(db, [...keys.keys()])) keys.get(key.subscription_id)?.push(key);
  const referred = await findReferred(db, rows);
  return rows.map((row) => view(row, keys.get(row.id) ?? [], referred, now));
}

/** What subscriptions refer to, by `tenant/name`. */
interface Referred {
  readonly apiIds: ReadonlyMap<string, string>;
  readonly consumers: ReadonlyMap<string, Pick<SubscriptionView, 'consumer_id' | 'consumer_name' | 'consumer_email'>>;
}

async function findReferred(db: Db, rows: readonly SubscriptionRow[]): Promise<Referred> {
  const keys = rows.flatMap(({ tenant, consumer: name }) => (name === null ? [] : [{ kind: 'Consumer', tenant, name }]));
  const consumers = (await resourcesByKey(db, keys)).map(({ id, tenant, name, spec }) => {
    const { display_name, email } = spec as unknown as ConsumerSpec;
    return [`${tenant}/${name}`, { consumer_id: id, consumer_name: display_name ?? name, consumer_email: email ?? null }] as const;
  });
  return { apiIds: await apiIds(db, rows), consumers: new Map(consumers) };
}

function view(row: SubscriptionRow, keys: readonly ApiKeyRow[], { apiIds: ids, consumers }: Referred, now: number): SubscriptionView {
  const { id, tenant, name, api, consumer, spec } = row;
  const previousEnd = lastEnd(keys, now);
  return {
    id,
    name,
    tenant_id: tenant,
    api_id: ids.get(`${tenant}/${api}`) ?? null,
    api,
    ...(consumers.get(`${tenant}/${consumer ?? ''}`) ?? { consumer_id: null, consumer_name: null, consumer_email: null }),
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
