/** What a quota has counted, beside what was asked: a request that was refused uses nothing up. */
import { sql, type Transaction } from 'kysely';
import type { Database } from '../tables.js';

/** Adds `counted` to `usage`; of what was measured before, everything counts. */
export async function countedRequests(trx: Transaction<Database>): Promise<void> {
  await trx.schema
    .alterTable('usage')
    .addColumn('counted', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  await trx
    .updateTable('usage')
    .set({ counted: sql`requests` })
    .execute();
}
