/** Which tenants are suspended. */
import type { Db, Trx } from '../context.js';
import type { SuspendedTenantTable } from '../database/tables.js';

const CHUNK = 500;

/** Those of these tenants that are suspended, by the id of their resource. */
export async function suspensionsOf(db: Db, ids: readonly string[]): Promise<ReadonlyMap<string, SuspendedTenantTable>> {
  const found = new Map<string, SuspendedTenantTable>();
  for (let start = 0; start < ids.length; start += CHUNK) {
    const query = db.selectFrom('suspended_tenants').selectAll();
    for (const row of await query.where('id', 'in', ids.slice(start, start + CHUNK)).execute()) found.set(row.id, row);
  }
  return found;
}

/** Suspends a tenant. False when it is suspended already. */
export async function insertSuspension(trx: Trx, row: SuspendedTenantTable): Promise<boolean> {
  const insert = trx.insertInto('suspended_tenants').values(row);
  return (await insert.onConflict((conflict) => conflict.doNothing()).executeTakeFirst()).numInsertedOrUpdatedRows === 1n;
}

/** Ends a suspension. False when there was none. */
export async function deleteSuspension(trx: Trx, id: string): Promise<boolean> {
  return (await trx.deleteFrom('suspended_tenants').where('id', '=', id).executeTakeFirst()).numDeletedRows === 1n;
}
