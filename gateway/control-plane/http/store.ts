/** Answers of requests that carried an Idempotency-Key. */
import type { Db, Trx } from '../context.js';
import type { IdempotencyTable } from '../database/tables.js';

export interface IdempotencyKey {
  readonly actor: string;
  readonly key: string;
}

/** In the place of a status: the request is under way. */
const UNDER_WAY = 0;
/** In the place of a status: what the request changed is committed, its answer is not kept yet. */
export const DONE = 1;

/** Takes a key; false when it is taken. */
export async function claimKey(db: Db, { actor, key }: IdempotencyKey, digest: string, at: string): Promise<boolean> {
  const row = { actor, key, request_digest: digest, status: UNDER_WAY, ciphertext: '', created_at: at };
  const insert = db
    .insertInto('idempotency_keys')
    .values(row)
    .onConflict((conflict) => conflict.doNothing());
  return (await insert.executeTakeFirst()).numInsertedOrUpdatedRows === 1n;
}

/** What is known of a key. */
export function findAnswer(db: Db, { actor, key }: IdempotencyKey): Promise<IdempotencyTable | undefined> {
  return db.selectFrom('idempotency_keys').selectAll().where('actor', '=', actor).where('key', '=', key).executeTakeFirst();
}

/** Keeps the answer of a request that is done. */
export async function keepAnswer(db: Db, { actor, key }: IdempotencyKey, status: number, ciphertext: string): Promise<void> {
  await db.updateTable('idempotency_keys').set({ status, ciphertext }).where('actor', '=', actor).where('key', '=', key).execute();
}

/** Notes, in the transaction of what the request changes, that it is done. */
export async function markDone(trx: Trx, { actor, key }: IdempotencyKey): Promise<void> {
  await trx.updateTable('idempotency_keys').set({ status: DONE }).where('actor', '=', actor).where('key', '=', key).execute();
}

/** Gives back the keys of requests that a crash has cut off before they changed anything. */
export async function dropUnfinished(db: Db): Promise<void> {
  await db.deleteFrom('idempotency_keys').where('status', '=', UNDER_WAY).execute();
}

/** Gives a key back: its request failed on our side before it changed anything, and may be tried again. */
export async function dropKey(db: Db, { actor, key }: IdempotencyKey): Promise<void> {
  const own = db.deleteFrom('idempotency_keys').where('actor', '=', actor).where('key', '=', key);
  await own.where('status', '=', UNDER_WAY).execute();
}

/** Forgets answers from before an instant. */
export async function forgetAnswers(db: Db, before: string): Promise<void> {
  await db.deleteFrom('idempotency_keys').where('created_at', '<', before).execute();
}
