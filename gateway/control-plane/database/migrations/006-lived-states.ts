/** Tenants that are suspended, and when subscriptions expire. */
import type { Transaction } from 'kysely';
import type { Database } from '../tables.js';

/** Creates `suspended_tenants`; a subscription from before never expires. */
export async function livedStates({ schema }: Transaction<Database>): Promise<void> {
  await schema
    .createTable('suspended_tenants')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('reason', 'text')
    .addColumn('suspended_at', 'text', (column) => column.notNull())
    .execute();
  await schema.alterTable('subscription_states').addColumn('expires_at', 'text').execute();
  const index = schema.createIndex('subscription_states_expiry').on('subscription_states').column('expires_at');
  await index.where('expires_at', 'is not', null).execute();
}
