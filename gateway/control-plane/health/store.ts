import type { Db } from '../context.js';

/** Writes something that changes nothing. Throws when the database cannot be written. */
export async function touchDatabase(db: Db): Promise<void> {
  await db
    .updateTable('settings')
    .set((row) => ({ value: row.ref('value') }))
    .where('name', '=', 'store_id')
    .execute();
}

/** How many rows of a table there are in each of these states; 0 is said too. */
export async function countByStatus(
  db: Db,
  table: 'subscription_states' | 'webhook_deliveries',
  statuses: readonly string[],
): Promise<Readonly<Record<string, number>>> {
  const query = db.selectFrom(table).select(['status', ({ fn }) => fn.countAll().as('count')]);
  const rows = await query.where('status', 'in', statuses).groupBy('status').execute();
  const counts = new Map(rows.map(({ status, count }) => [status, Number(count)]));
  return Object.fromEntries(statuses.map((status) => [status, counts.get(status) ?? 0]));
}

/** How many tenants there are. */
export async function countTenants(db: Db): Promise<number> {
  const query = db.selectFrom('resources').select(({ fn }) => fn.countAll().as('count'));
  return Number((await query.where('kind', '=', 'Tenant').executeTakeFirstOrThrow()).count);
}
