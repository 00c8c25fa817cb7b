/** What the list of consumers shows of their keys: the masked newest key and the APIs that are open to it (decision K12). */
import type { Db, Trx } from '../context.js';
import { StoaError } from '../../../schema/error.js';
import { statusAt } from '../subscriptions/expiry.js';
import { requireSubscription } from '../subscriptions/require.js';
import { apiIds, consumersById, findReferenced, statesOf, statesOfConsumers } from '../subscriptions/store.js';
import type { RotationTarget } from './service.js';
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
  const states = (await statesOfConsumers(db, tenant, [...consumers.keys()])).filter((state) => statusAt(state, now) === 'active');
  const keys = await liveKeys(
    db,
    states.map(({ id }) => id),
  );
  const ids = await apiIds(db, states);
  return [...consumers].map(([name, id]) => {
    const own = states.filter(({ consumer }) => consumer === name);
    const current = currentKey(
      keys.filter(({ subscription_id }) => own.some((state) => state.id === subscription_id)),
      now,
    );
    const api_ids = [...new Set(own.flatMap(({ api }) => ids.get(`${tenant}/${api}`) ?? []))];
    const prefix = current?.prefix ?? null;
    return [id, { api_key: prefix === null ? null : `${prefix}…`, api_key_prefix: prefix, api_ids }];
  });
}

/** Which of a consumer's subscriptions is meant, when it has several. Ids or names. */
export interface ConsumerChoice {
  readonly subscription?: string | undefined;
  readonly api?: string | undefined;
}

/**
 * The target of a rotation by consumer: its only active subscription, or the one that is chosen (decision K5).
 * Throws `not_found` for an unknown consumer or choice, `conflict` when no subscription is active or several are.
 */
export async function targetByConsumer(
  trx: Trx,
  tenant: string,
  idOrName: string,
  choice: ConsumerChoice,
  now: number,
): Promise<RotationTarget> {
  const consumer = await findReferenced(trx, tenant, 'Consumer', idOrName);
  if (consumer === undefined) throw new StoaError('not_found', `Consumer "${idOrName}" does not exist in tenant "${tenant}".`);
  if (choice.subscription !== undefined) return { subscription: await ownSubscription(trx, tenant, consumer.name, choice.subscription) };
  const api = choice.api === undefined ? undefined : await apiName(trx, tenant, choice.api);
  const active = (await statesOf(trx, { tenant, consumer: consumer.name, api })).filter((state) => statusAt(state, now) === 'active');
  const [only] = active;
  if (only === undefined || active.length > 1)
    throw notOne(
      idOrName,
      active.map(({ id }) => id),
    );
  return { subscription: await requireSubscription(trx, tenant, only.id) };
}

async function ownSubscription(trx: Trx, tenant: string, consumer: string, idOrName: string) {
  const subscription = await requireSubscription(trx, tenant, idOrName);
  if (subscription.consumer === consumer) return subscription;
  throw new StoaError('not_found', `Consumer "${consumer}" has no subscription "${idOrName}".`);
}

async function apiName(trx: Trx, tenant: string, idOrName: string): Promise<string> {
  const api = await findReferenced(trx, tenant, 'API', idOrName);
  if (api !== undefined) return api.name;
  throw new StoaError('not_found', `API "${idOrName}" does not exist in tenant "${tenant}".`);
}

function notOne(consumer: string, active: readonly string[]): StoaError {
  if (active.length === 0) {
    return new StoaError('conflict', `Consumer "${consumer}" has no active subscription whose key could be rotated.`, {
      hint: 'Create, approve or resume a subscription first.',
    });
  }
  const message = `Consumer "${consumer}" has ${active.length} active subscriptions; which one is meant is not clear.`;
  return new StoaError('conflict', message, { hint: `Give "subscription_id" (${active.slice(0, 10).join(', ')}) or "api_id".` });
}
