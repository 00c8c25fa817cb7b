/** Rows of what was measured, and of the reports that were taken. */
import { sql, type Insertable, type Selectable } from 'kysely';
import { addLatencies, latencyPairs, type Latencies, type LatencyPairs } from '../../../schema/latency.js';
import type { Db, Trx } from '../context.js';
import type { UsageTable } from '../database/tables.js';
import { slices } from '../resources/store.js';

export type Grain = 'hour' | 'day';

export interface Counts {
  readonly requests: number;
  readonly errors: number;
  /** Of the requests those that a quota has counted; absent from gateways of before: all. */
  readonly counted?: number | undefined;
  readonly latency: LatencyPairs;
}

export interface UsageKey {
  readonly scope: string;
  readonly grain: Grain;
  readonly at: string;
  readonly tenant_id: string;
}

const CHUNK = 500;

/** Number of the last report of a gateway that was taken; 0 before the first. */
export async function lastReport(db: Db, gateway: string): Promise<number> {
  return (await db.selectFrom('usage_reports').select('number').where('gateway', '=', gateway).executeTakeFirst())?.number ?? 0;
}

/** Notes that a report was taken. */
export async function noteReport(trx: Trx, gateway: string, number: number, taken_at: string): Promise<void> {
  const insert = trx.insertInto('usage_reports').values({ gateway, number, taken_at });
  await insert.onConflict((conflict) => conflict.column('gateway').doUpdateSet({ number, taken_at })).execute();
}

/** Requests of each of these scopes in a calendar month (`2026-11`, UTC). A scope without any is absent. */
export async function requestsOfMonth(db: Db, scopes: readonly string[], month: string): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const some of slices(scopes, CHUNK)) {
    const query = db.selectFrom('usage').select(({ fn }) => ['scope', fn.sum<number>('requests').as('requests')]);
    const rows = await query
      .where('grain', '=', 'day')
      .where('scope', 'in', some)
      .where('at', '>=', `${month}-01`)
      .where('at', '<=', `${month}-31`)
      .groupBy('scope')
      .execute();
    for (const { scope, requests } of rows) found.set(scope, requests);
  }
  return found;
}

/** Adds to one row, which is made when it is not there. */
export async function addUsage(trx: Trx, key: UsageKey, counts: Counts): Promise<void> {
  const { scope, grain, at } = key;
  const query = trx.selectFrom('usage').selectAll().where('scope', '=', scope).where('grain', '=', grain);
  const known = await query.where('at', '=', at).executeTakeFirst();
  const sum = sumOf(known === undefined ? [counts] : [countsOf(known), counts]);
  const { requests, errors } = sum;
  const counted = countedOf(sum);
  const latency = JSON.stringify(sum.latency);
  const row: Insertable<UsageTable> = { ...key, requests, errors, counted, latency };
  await trx
    .insertInto('usage')
    .values(row)
    .onConflict((conflict) => conflict.columns(['scope', 'grain', 'at']).doUpdateSet({ requests, errors, counted, latency }))
    .execute();
}

/** Counts in one. */
export function sumOf(all: readonly Counts[]): Counts {
  const [only] = all;
  if (only !== undefined && all.length === 1) return only;
  const latency: Latencies = new Map();
  for (const counts of all) addLatencies(latency, counts.latency);
  return {
    requests: all.reduce((sum, { requests }) => sum + requests, 0),
    errors: all.reduce((sum, { errors }) => sum + errors, 0),
    counted: all.reduce((sum, counts) => sum + countedOf(counts), 0),
    latency: latencyPairs(latency),
  };
}

/** What a quota has counted of it. */
export const countedOf = ({ counted, requests }: Counts): number => counted ?? requests;

const countsOf = ({ requests, errors, counted, latency }: Selectable<UsageTable>): Counts => ({
  requests,
  errors,
  counted,
  latency: JSON.parse(latency) as LatencyPairs,
});

/** What was measured of a scope from one instant to another, both inclusive and of the grain's form, in order. */
export async function listUsage(
  db: Db,
  scope: string,
  grain: Grain,
  from: string,
  to: string,
): Promise<(Counts & { readonly at: string })[]> {
  const query = db.selectFrom('usage').selectAll().where('scope', '=', scope).where('grain', '=', grain);
  const rows = await query.where('at', '>=', from).where('at', '<=', to).orderBy('at').execute();
  return rows.map((row) => ({ at: row.at, ...countsOf(row) }));
}

/** Name and id of the tenant of each of these APIs, as far as they exist. */
export async function tenantsOfApis(db: Db, ids: readonly string[]): Promise<Map<string, { tenant: string; tenantId: string }>> {
  const found = new Map<string, { tenant: string; tenantId: string }>();
  for (let start = 0; start < ids.length; start += CHUNK) {
    const rows = await db
      .selectFrom('resources as api')
      .innerJoin('resources as tenant', (join) => join.onRef('tenant.name', '=', 'api.tenant').on('tenant.kind', '=', 'Tenant'))
      .select(['api.id', 'api.tenant', 'tenant.id as tenantId'])
      .where('api.kind', '=', 'API')
      .where('api.id', 'in', ids.slice(start, start + CHUNK))
      .execute();
    for (const { id, tenant, tenantId } of rows) found.set(id, { tenant, tenantId });
  }
  return found;
}

/** Name of the tenant of each of these subscriptions, as far as they exist. */
export async function tenantsOfSubscriptions(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let start = 0; start < ids.length; start += CHUNK) {
    const query = db.selectFrom('subscription_states').select(['id', 'tenant']);
    for (const { id, tenant } of await query.where('id', 'in', ids.slice(start, start + CHUNK)).execute()) found.set(id, tenant);
  }
  return found;
}

/** Notes when keys were used last, each named once, where no later use is known. Gateways are not told: it changes nothing for them. */
export async function noteKeyUses(trx: Trx, uses: readonly { readonly id: string; readonly at: string }[]): Promise<void> {
  for (let start = 0; start < uses.length; start += CHUNK) {
    const rows = uses.slice(start, start + CHUNK).map(({ id, at }) => sql`(${id}, ${at})`);
    await sql`with used(id, at) as (values ${sql.join(rows)})
      update api_keys set last_used_at = used.at from used
      where api_keys.id = used.id and (api_keys.last_used_at is null or api_keys.last_used_at < used.at)`.execute(trx);
  }
}

/** Forgets everything of a tenant. */
export async function forgetTenant(trx: Trx, tenantId: string): Promise<void> {
  await trx.deleteFrom('usage').where('tenant_id', '=', tenantId).execute();
}

/** Forgets rows of a grain from before an instant of its form. */
export async function forgetBefore(db: Db, grain: Grain, before: string): Promise<void> {
  await db.deleteFrom('usage').where('grain', '=', grain).where('at', '<', before).execute();
}
