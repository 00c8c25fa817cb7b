/** What the list of consumers shows of their keys: the masked newest key and the APIs that are open to it (decision K12). */
import type { Db } from '../context.js';
import { consumersById, idsByName, statesOfConsumers } from '../subscriptions/store.js';
import { liveKeys } from './store.js';
import { currentKey } from './validity.js';

export interface ConsumerKeys {
  /** `stoa_sk_e7f8…`, never the key; null without an active key. */
  readonly api_key: string | null;
  readonly api_key_prefix: string | null;
  /** Ids of the APIs of the consumer's active subscriptions. */
  readonly api_ids: readonly string[];
}

const NO_KEYS: ConsumerKeys = { api_key: null, api_key_prefix: null, api_ids: [] };

/** The keys of consumers, by the id of their resource. Every id has an entry. `now` in epoch milliseconds. */
export async function keysOfConsumers(db: Db, ids: readonly string[], now: number): Promise<ReadonlyMap<string, ConsumerKeys>> {
  const result = new Map<string, ConsumerKeys>(ids.map((id) => [id, NO_KEYS]));
  const byTenant = new Map<string, Map<string, string>>();
  for (const { id, tenant, name } of await consumersById(db, ids)) {
    byTenant.set(tenant, (byTenant.get(tenant) ?? new Map<string, string>()).set(name, id));
  }
  for (const [tenant, consumers] of byTenant) {
    for (const [id, keys] of await keysInTenant(db, tenant, consumers, now)) result.set(id, keys);
  }
  return result;
}

async function keysInTenant(
  db: Db,
  tenant: string,
  consumers: ReadonlyMap<string, string>,
  now: number,
): Promise<[string, ConsumerKeys][]> {
  const states = (await statesOfConsumers(db, tenant, [...consumers.keys()])).filter(({ status }) => status === 'active');
  const keys = await liveKeys(
    db,
    states.map(({ id }) => id),
  );
  const apiIds = await idsByName(db, tenant, 'API', [...new Set(states.map(({ api }) => api))]);
  return [...consumers].map(([name, id]) => {
    const own = states.filter(({ consumer }) => consumer === name);
    const current = currentKey(
      keys.filter(({ subscription_id }) => own.some((state) => state.id === subscription_id)),
      now,
    );
    const api_ids = [...new Set(own.flatMap(({ api }) => apiIds.get(api) ?? []))];
    const prefix = current?.prefix ?? null;
    return [id, { api_key: prefix === null ? null : `${prefix}…`, api_key_prefix: prefix, api_ids }];
  });
}
