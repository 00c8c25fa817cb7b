/** Answers of requests that carried an Idempotency-Key. */
import type { Db } from '../context.js';
import type { IdempotencyTable } from '../database/tables.js';

export interface IdempotencyKey {
  readonly actor: string;
  readonly key: string;
}

/** Takes a key; false when it is taken. Status 0 stands for a request that is under way. */
export async function claimKey(db: Db, { actor, key }: IdempotencyKey, digest: string, at: string): Promise<boolean> {
  const row = { actor, key, request_digest: digest, status: 0, ciphertext: '', created_at: at };
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

/** Gives a key back: its request failed on our side and may be tried again. */
export async function dropKey(db: Db, { actor, key }: IdempotencyKey): Promise<void> {
  await db.deleteFrom('idempotency_keys').where('actor', '=', actor).where('key', '=', key).execute();
}

/** Forgets answers from before an instant. */
export async function forgetAnswers(db: Db, before: string): Promise<void> {
  await db.deleteFrom('idempotency_keys').where('created_at', '<', before).execute();
}
