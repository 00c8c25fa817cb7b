/** Indexes that hold all that a page of subscriptions is found by, so that the rows before it are never read. */
import type { Transaction } from 'kysely';
import type { Database } from '../tables.js';

/** Orders subscriptions newest first: all, of a tenant, of a status, and both. */
export async function listSubscriptions({ schema }: Transaction<Database>): Promise<void> {
  await schema.dropIndex('subscription_states_created').execute();
  const indexes = { newest: [], tenant_newest: ['tenant'], status_newest: ['status'], tenant_status_newest: ['tenant', 'status'] } as const;
  for (const [name, columns] of Object.entries(indexes)) {
    const ordered = [...columns, 'created_at desc', 'id'];
    await schema.createIndex(`subscription_states_${name}`).on('subscription_states').columns(ordered).execute();
  }
}
