/** Single values kept in the database: digests of client secrets. */
import type { Db } from '../context.js';

/** The value of a setting. */
export async function findSetting(db: Db, name: string): Promise<string | undefined> {
  return (await db.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst())?.value;
}

/** Sets a setting. */
export async function putSetting(db: Db, name: string, value: string): Promise<void> {
  const insert = db.insertInto('settings').values({ name, value });
  await insert.onConflict((conflict) => conflict.column('name').doUpdateSet({ value })).execute();
}
