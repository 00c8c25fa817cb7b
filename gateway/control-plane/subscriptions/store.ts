/** Subscriptions as they live: the declared resource joined with its state. */
import type { ExpressionBuilder, ExpressionWrapper, Insertable, Selectable, SelectQueryBuilder, SqlBool, Updateable } from 'kysely';
import type { PlanSpec } from '../../../schema/kinds/plan.js';
import type { SubscriptionSpec } from '../../../schema/kinds/subscription.js';
import type { Db, Trx } from '../context.js';
import type { Database, SubscriptionStateTable } from '../database/tables.js';
import type { Cursor } from '../http/page.js';

/** A subscription: its state, and what its resource says. */
export interface SubscriptionRow extends Selectable<SubscriptionStateTable> {
  readonly name: string;
  /** Of the resource; the state has none. */
  readonly version: number;
  readonly spec: SubscriptionSpec;
}

export interface SubscriptionFilter {
  /** Name of a tenant; every tenant when absent. */
  readonly tenant?: string | undefined;
  readonly status?: string | undefined;
  /** Ids of those whose expiry has come and is not noted yet: they count as expired. */
  readonly due?: readonly string[] | undefined;
  /** Name of an API. */
  readonly api?: string | undefined;
  /** Name of a consumer. */
  readonly consumer?: string | undefined;
}

const CHUNK = 500;

/** Subscriptions by id, else by name: at most one inside a tenant; without a tenant up to two, of different tenants. */
export async function findSubscriptions(db: Db, tenant: string | undefined, idOrName: string): Promise<SubscriptionRow[]> {
  const byId = await joined(db).where('state.id', '=', idOrName).executeTakeFirst();
  if (byId !== undefined && (tenant === undefined || byId.tenant === tenant)) return [parseRow(byId)];
  const named = joined(db).where('resource.kind', '=', 'Subscription').where('resource.name', '=', idOrName);
  const rows = tenant === undefined ? named : named.where('resource.tenant', '=', tenant);
  return (await rows.orderBy('state.id').limit(2).execute()).map(parseRow);
}

/** Which page of a list: behind a cursor, which costs the same for every page, or behind so many rows. */
export interface PageStart {
  readonly cursor?: Cursor | undefined;
  readonly offset: number;
  readonly limit: number;
}

/** One page of subscriptions, newest first. */
export async function listSubscriptions(
  db: Db,
  filter: SubscriptionFilter,
  { cursor, offset, limit }: PageStart,
): Promise<SubscriptionRow[]> {
  // The page is found in an index alone; only its own rows are read.
  const ids = filtered(states(db).select('state.id'), filter).orderBy('state.created_at', 'desc').orderBy('state.id');
  const start = cursor === undefined ? ids.offset(offset) : ids.where((row) => isBehind(row, cursor));
  const page = joined(db).where('state.id', 'in', start.limit(limit));
  return (await page.orderBy('state.created_at', 'desc').orderBy('state.id').execute()).map(parseRow);
}

/** The first comparison is a range of the index; the second one sorts out what was made at the same instant. */
const isBehind = (
  row: ExpressionBuilder<Database & { state: SubscriptionStateTable }, 'state'>,
  { created_at, id }: Cursor,
): ExpressionWrapper<Database & { state: SubscriptionStateTable }, 'state', SqlBool> =>
  row.and([row('state.created_at', '<=', created_at), row.or([row('state.created_at', '<', created_at), row('state.id', '>', id)])]);

/** How many subscriptions a filter finds. */
export async function countSubscriptions(db: Db, filter: SubscriptionFilter): Promise<number> {
  const query = states(db).select(({ fn }) => fn.countAll().as('count'));
  const { count } = await filtered(query, filter).executeTakeFirstOrThrow();
  return Number(count);
}

/** States of a tenant's subscriptions to an API, of a consumer, or of all of them. */
export async function statesOf(
  db: Db,
  filter: SubscriptionFilter & { readonly tenant: string },
): Promise<Selectable<SubscriptionStateTable>[]> {
  const query = db.selectFrom('subscription_states').selectAll().where('tenant', '=', filter.tenant);
  const byApi = filter.api === undefined ? query : query.where('api', '=', filter.api);
  return (filter.consumer === undefined ? byApi : byApi.where('consumer', '=', filter.consumer)).execute();
}

/** States of the subscriptions of these consumers of a tenant. */
export async function statesOfConsumers(
  db: Db,
  tenant: string,
  consumers: readonly string[],
): Promise<Selectable<SubscriptionStateTable>[]> {
  const states: Selectable<SubscriptionStateTable>[] = [];
  for (let start = 0; start < consumers.length; start += CHUNK) {
    const query = db.selectFrom('subscription_states').selectAll().where('tenant', '=', tenant);
    states.push(...(await query.where('consumer', 'in', consumers.slice(start, start + CHUNK)).execute()));
  }
  return states;
}

/** How people know a subscription. */
export interface SubscriptionName {
  readonly tenant: string;
  readonly name: string;
  readonly application?: string | undefined;
}

/** The names of subscriptions by their id; one that is gone has none. */
export async function namesById(db: Db, ids: readonly string[]): Promise<ReadonlyMap<string, SubscriptionName>> {
  const names = new Map<string, SubscriptionName>();
  for (let start = 0; start < ids.length; start += CHUNK) {
    const query = db.selectFrom('resources').select(['id', 'tenant', 'name', 'spec']).where('kind', '=', 'Subscription');
    for (const { id, tenant, name, spec } of await query.where('id', 'in', ids.slice(start, start + CHUNK)).execute())
      names.set(id, { tenant, name, application: (JSON.parse(spec) as SubscriptionSpec).application });
  }
  return names;
}

/** Subscriptions in one of these states that a project owns, at most so many, in stable order. */
export async function ownedSubscriptions(db: Db, project: string, statuses: readonly string[], most: number): Promise<SubscriptionRow[]> {
  const owned = joined(db).where('state.status', 'in', statuses).where('resource.managed_by', '=', project);
  return (await owned.orderBy('state.tenant').orderBy('resource.name').limit(most).execute()).map(parseRow);
}

/** Starts the lives of subscriptions. */
export async function insertStates(trx: Trx, states: readonly Insertable<SubscriptionStateTable>[]): Promise<void> {
  for (let start = 0; start < states.length; start += CHUNK)
    await trx
      .insertInto('subscription_states')
      .values(states.slice(start, start + CHUNK))
      .execute();
}

/** Changes a state that is still one of `from`; false when it is not: somebody else was first. */
export async function updateState(
  trx: Trx,
  id: string,
  from: readonly string[],
  change: Updateable<SubscriptionStateTable>,
): Promise<boolean> {
  const update = trx.updateTable('subscription_states').set(change).where('id', '=', id);
  const { numUpdatedRows } = await update.where('status', 'in', from).executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** Ids of active subscriptions whose expiry came before an instant (ISO 8601). */
export async function dueSubscriptions(db: Db, before: string, limit: number): Promise<string[]> {
  const query = db.selectFrom('subscription_states').select('id').where('expires_at', 'is not', null).where('expires_at', '<=', before);
  return (await query.where('status', '=', 'active').orderBy('expires_at').limit(limit).execute()).map(({ id }) => id);
}

/** Counts a rotation, unless the subscription has ceased to be active or was rotated by somebody else meanwhile. */
export async function countRotation(trx: Trx, id: string, before: number, at: string): Promise<boolean> {
  const update = trx.updateTable('subscription_states').set({ rotation_count: before + 1, last_rotated_at: at });
  const guarded = update.where('id', '=', id).where('status', '=', 'active').where('rotation_count', '=', before);
  return (await guarded.executeTakeFirstOrThrow()).numUpdatedRows === 1n;
}

/** Ends the life of a subscription whose resource is gone. */
export async function deleteState(trx: Trx, id: string): Promise<void> {
  await trx.deleteFrom('subscription_states').where('id', '=', id).execute();
}

/** A resource of a tenant by id, else by name. */
export async function findReferenced(
  db: Db,
  tenant: string,
  kind: string,
  idOrName: string,
): Promise<{ id: string; name: string } | undefined> {
  const query = db.selectFrom('resources').select(['id', 'name']).where('kind', '=', kind).where('tenant', '=', tenant);
  return (await query.where('id', '=', idOrName).executeTakeFirst()) ?? (await query.where('name', '=', idOrName).executeTakeFirst());
}

/** Name of the tenant that holds the API of this id. */
export async function tenantOfApi(db: Db, id: string): Promise<string | undefined> {
  const query = db.selectFrom('resources').select('tenant').where('kind', '=', 'API').where('id', '=', id);
  return (await query.executeTakeFirst())?.tenant;
}

/** Ids of the APIs of these subscriptions, by `tenant/name`. */
export async function apiIds(
  db: Db,
  subscriptions: readonly { readonly tenant: string; readonly api: string }[],
): Promise<ReadonlyMap<string, string>> {
  const [tenants, names] = [new Set(subscriptions.map(({ tenant }) => tenant)), new Set(subscriptions.map(({ api }) => api))];
  if (names.size === 0) return new Map();
  const query = db.selectFrom('resources').select(['id', 'tenant', 'name']).where('kind', '=', 'API');
  const rows = await query
    .where('tenant', 'in', [...tenants])
    .where('name', 'in', [...names])
    .execute();
  return new Map(rows.map(({ id, tenant, name }) => [`${tenant}/${name}`, id]));
}

/** Tenants and names of consumers, by id of their resource. */
export async function consumersById(db: Db, ids: readonly string[]): Promise<{ id: string; tenant: string; name: string }[]> {
  const rows: { id: string; tenant: string; name: string }[] = [];
  for (let start = 0; start < ids.length; start += CHUNK) {
    const query = db.selectFrom('resources').select(['id', 'tenant', 'name']).where('kind', '=', 'Consumer');
    rows.push(...(await query.where('id', 'in', ids.slice(start, start + CHUNK)).execute()));
  }
  return rows;
}

/** The spec of a plan that the tenant has declared. */
export async function findPlan(db: Db, tenant: string, name: string): Promise<PlanSpec | undefined> {
  const query = db.selectFrom('resources').select('spec').where('kind', '=', 'Plan').where('tenant', '=', tenant);
  const row = await query.where('name', '=', name).executeTakeFirst();
  return row === undefined ? undefined : (JSON.parse(row.spec) as PlanSpec);
}

const states = (db: Db) => db.selectFrom('subscription_states as state');

const joined = (db: Db) =>
  states(db)
    .innerJoin('resources as resource', 'resource.id', 'state.id')
    .selectAll('state')
    .select(['resource.name', 'resource.version', 'resource.spec']);

function filtered<Row>(
  query: SelectQueryBuilder<Database & { state: SubscriptionStateTable }, 'state', Row>,
  { tenant, status, due = [], api, consumer }: SubscriptionFilter,
) {
  const wanted = { 'state.tenant': tenant, 'state.api': api, 'state.consumer': consumer } as const;
  return query.where((row) =>
    row.and([
      ...(Object.entries(wanted) as [keyof typeof wanted, string | undefined][]).flatMap(([column, value]) =>
        value === undefined ? [] : [row(column, '=', value)],
      ),
      ...(status === undefined ? [] : [hasStatus(row, status, due)]),
    ]),
  );
}

function hasStatus(
  row: ExpressionBuilder<Database & { state: SubscriptionStateTable }, 'state'>,
  status: string,
  due: readonly string[],
): ExpressionWrapper<Database & { state: SubscriptionStateTable }, 'state', SqlBool> {
  const noted = row('state.status', '=', status);
  if (due.length === 0) return row.and([noted]);
  if (status === 'expired') return row.or([noted, row('state.id', 'in', due)]);
  return row.and([noted, row('state.id', 'not in', due)]);
}

function parseRow(row: Selectable<SubscriptionStateTable> & { name: string; version: number; spec: string }): SubscriptionRow {
  return { ...row, spec: JSON.parse(row.spec) as SubscriptionSpec };
}
