/** A page of subscriptions, filtered by ids or names. */
import type * as z from 'zod';
import type { Actor, ControlPlane } from '../context.js';
import { nextCursor, offsetOf, pageAnswer } from '../http/page.js';
import type { listQuery } from './answers.js';
import {
  consumersById,
  countSubscriptions,
  dueSubscriptions,
  findReferenced,
  listSubscriptions,
  tenantOfApi,
  type SubscriptionFilter,
} from './store.js';
import { viewSubscriptions } from './view.js';

type ListQuery = z.output<typeof listQuery>;

/** Expiries are noted within minutes: more than these do not come together. */
const MAX_DUE = 1000;

/** The page of those that the actor sees; `named` is the name of the tenant that the request speaks of. */
export async function pageOfSubscriptions(
  cp: ControlPlane,
  actor: Actor,
  named: string | undefined,
  query: ListQuery,
): Promise<Record<string, unknown>> {
  const tenant = named ?? actor.tenant ?? (await tenantOfFilter(cp, query));
  const status = query.status === 'pending' ? 'pending_approval' : query.status;
  const isOfTime = status === 'active' || status === 'expired';
  const filter: SubscriptionFilter = {
    tenant,
    status,
    due: isOfTime ? await dueSubscriptions(cp.db, new Date(cp.now()).toISOString(), MAX_DUE) : [],
    api: await nameOf(cp, tenant, 'API', query.api_id),
    consumer: await nameOf(cp, tenant, 'Consumer', query.consumer_id),
  };
  const rows = await listSubscriptions(cp.db, filter, { cursor: query.cursor, offset: offsetOf(query), limit: query.limit });
  const total = await countSubscriptions(cp.db, filter);
  const page = pageAnswer('subscriptions', await viewSubscriptions(cp.db, rows, cp.now()), total, query);
  return { ...page, next_cursor: nextCursor(rows, query.limit) };
}

/** An id says which tenant is meant where nothing else does. */
async function tenantOfFilter({ db }: ControlPlane, { api_id, consumer_id }: ListQuery): Promise<string | undefined> {
  const ofApi = api_id === undefined ? undefined : await tenantOfApi(db, api_id);
  return ofApi ?? (consumer_id === undefined ? undefined : (await consumersById(db, [consumer_id]))[0]?.tenant);
}

/** The name behind a reference in a filter. Where nothing is found the reference itself stands: it filters everything out. */
async function nameOf(
  cp: ControlPlane,
  tenant: string | undefined,
  kind: string,
  reference: string | undefined,
): Promise<string | undefined> {
  if (reference === undefined || tenant === undefined) return reference;
  return (await findReferenced(cp.db, tenant, kind, reference))?.name ?? reference;
}
