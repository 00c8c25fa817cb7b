import type { Db } from '../context.js';

/** Writes something that changes nothing. Throws when the database cannot be written. */
export async function touchDatabase(db: Db): Promise<void> {
  await db
    .updateTable('settings')
    .set((row) => ({ value: row.ref('value') }))
    .where('name', '=', 'store_id')
    .execute();
}
