/** Rows of sealed keys. */
import type { Db, Trx } from '../context.js';
import type { SealedKeyTable } from '../database/tables.js';
import { slices } from '../resources/store.js';

const CHUNK = 500;

/** Keeps to whom the first key of a subscription will be sealed. */
export async function insertSealing(trx: Trx, subscription_id: string, public_key: string): Promise<void> {
  await trx.insertInto('sealed_keys').values({ subscription_id, public_key, key_id: null, ciphertext: null, expires_at: null }).execute();
}

/** What is sealed of these subscriptions, or will be. */
export async function sealedKeysOf(db: Db, subscriptions: readonly string[]): Promise<SealedKeyTable[]> {
  const found: SealedKeyTable[] = [];
  for (const ids of slices(subscriptions, CHUNK))
    found.push(...(await db.selectFrom('sealed_keys').selectAll().where('subscription_id', 'in', ids).execute()));
  return found;
}

/** Keeps a sealed key. */
export async function putSealed(
  trx: Trx,
  { subscription_id, ...sealed }: Pick<SealedKeyTable, 'subscription_id' | 'key_id' | 'ciphertext' | 'expires_at'>,
): Promise<void> {
  await trx.updateTable('sealed_keys').set(sealed).where('subscription_id', '=', subscription_id).execute();
}

/** Forgets what is sealed of these subscriptions. */
export async function deleteSealed(trx: Trx, subscriptions: readonly string[]): Promise<void> {
  for (const ids of slices(subscriptions, CHUNK)) await trx.deleteFrom('sealed_keys').where('subscription_id', 'in', ids).execute();
}

/** Forgets a key where it is sealed. */
export async function deleteSealedKey(trx: Trx, key: string): Promise<void> {
  await trx.deleteFrom('sealed_keys').where('key_id', '=', key).execute();
}

/** Forgets what nobody has looked at until an instant (ISO 8601). */
export async function deleteOldSealed(db: Db, before: string): Promise<void> {
  await db.deleteFrom('sealed_keys').where('expires_at', '<=', before).execute();
}
