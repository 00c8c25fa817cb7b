/** Rows of API keys. A row holds a key's digest and visible prefix, never the key. */
import type { Insertable, Selectable, SelectQueryBuilder } from 'kysely';
import type { Db, Trx } from '../context.js';
import type { ApiKeyTable, Database } from '../database/tables.js';

export type ApiKeyRow = Selectable<ApiKeyTable>;

export interface ApiKeyFilter {
  readonly tenant: string;
  readonly subscription?: string | undefined;
  /** ISO 8601, inclusive: keys that were made before are left out. */
  readonly madeSince?: string | undefined;
}

const LIVE = ['active', 'grace'];
const CHUNK = 500;

/** Adds a key. The database refuses a digest that it holds already. */
export async function insertKey(trx: Trx, row: Insertable<ApiKeyTable>): Promise<void> {
  await trx.insertInto('api_keys').values(row).execute();
}

/** One key of a tenant; another tenant's key is not found. */
export function findKey(db: Db, tenant: string, id: string): Promise<ApiKeyRow | undefined> {
  return db.selectFrom('api_keys').selectAll().where('id', '=', id).where('tenant', '=', tenant).executeTakeFirst();
}

/** One page of a tenant's keys, newest first. */
export function listKeys(db: Db, filter: ApiKeyFilter, offset: number, limit: number): Promise<ApiKeyRow[]> {
  const query = filtered(db, filter).selectAll();
  return query.orderBy('created_at', 'desc').orderBy('id').offset(offset).limit(limit).execute();
}

/** How many keys a filter finds. */
export async function countKeys(db: Db, filter: ApiKeyFilter): Promise<number> {
  const { count } = await filtered(db, filter)
    .select(({ fn }) => fn.countAll().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

function filtered(db: Db, { tenant, subscription, madeSince = '' }: ApiKeyFilter): SelectQueryBuilder<Database, 'api_keys', object> {
  const query = db.selectFrom('api_keys').where('tenant', '=', tenant).where('created_at', '>=', madeSince);
  return subscription === undefined ? query : query.where('subscription_id', '=', subscription);
}

/** Keys of subscriptions that may still be valid, newest first. */
export async function liveKeys(db: Db, subscriptions: readonly string[]): Promise<ApiKeyRow[]> {
  const rows: ApiKeyRow[] = [];
  for (let start = 0; start < subscriptions.length; start += CHUNK) {
    const query = db.selectFrom('api_keys').selectAll().where('status', 'in', LIVE);
    const chunk = query.where('subscription_id', 'in', subscriptions.slice(start, start + CHUNK));
    rows.push(...(await chunk.orderBy('created_at', 'desc').orderBy('id').execute()));
  }
  return rows;
}

/** When the newest key that a subscription has ever had was made; undefined when it never had one. */
export async function lastCreation(db: Db, subscription: string): Promise<string | undefined> {
  const query = db.selectFrom('api_keys').select('created_at').where('subscription_id', '=', subscription);
  return (await query.orderBy('created_at', 'desc').limit(1).executeTakeFirst())?.created_at;
}

/** Puts an active key into its grace window. False when it is no longer active: somebody else was first. */
export async function startGrace(trx: Trx, id: string, graceUntil: string, notAfter: string): Promise<boolean> {
  const update = trx.updateTable('api_keys').set({ status: 'grace', grace_until: graceUntil, not_after: notAfter });
  const { numUpdatedRows } = await update.where('id', '=', id).where('status', '=', 'active').executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** Ends keys for ever. Ended keys keep the end they had. Returns the ids of those that were still open. */
export async function revokeKeys(trx: Trx, ids: readonly string[], at: string): Promise<void> {
  for (let start = 0; start < ids.length; start += CHUNK) {
    const update = trx.updateTable('api_keys').set({ status: 'revoked', revoked_at: at, not_after: at });
    await update
      .where('id', 'in', ids.slice(start, start + CHUNK))
      .where('status', 'in', LIVE)
      .execute();
  }
}

/** Ids of keys that ended before an instant and are not marked yet. */
export async function overdueKeys(db: Db, before: string, limit: number): Promise<string[]> {
  const query = db.selectFrom('api_keys').select('id').where('status', 'in', LIVE).where('not_after', '<=', before);
  return (await query.limit(limit).execute()).map(({ id }) => id);
}

/** Marks keys as expired. Tidying only: validity is decided by `not_after`. */
export async function markExpired(trx: Trx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await trx.updateTable('api_keys').set({ status: 'expired' }).where('id', 'in', ids).where('status', 'in', LIVE).execute();
}

/** Ids of keys that ended within a span of time, at most `limit` of them, earliest first. */
export async function keysEndedWithin(db: Db, after: string, until: string): Promise<string[]> {
  const query = db.selectFrom('api_keys').select('id').where('status', 'in', ['revoked', 'expired']);
  return (await query.where('not_after', '>', after).where('not_after', '<=', until).execute()).map(({ id }) => id);
}

/** How far a job has come, across restarts. */
export async function findMark(db: Db, name: string): Promise<string | undefined> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst();
  return row?.value;
}

/** Notes how far a job has come. */
export async function setMark(trx: Trx, name: string, value: string): Promise<void> {
  const insert = trx.insertInto('settings').values({ name, value });
  await insert.onConflict((conflict) => conflict.column('name').doUpdateSet({ value })).execute();
}
