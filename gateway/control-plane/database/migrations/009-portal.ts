/** Who may sign in at the developer portal, and keys on their way to the browser of who asked for them. */
import type { Transaction } from 'kysely';
import type { Database } from '../tables.js';

/** Creates `portal_accounts` and `sealed_keys`. */
export async function portal({ schema }: Transaction<Database>): Promise<void> {
  await schema
    .createTable('portal_accounts')
    .addColumn('consumer_id', 'text', (column) => column.primaryKey())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull().unique())
    .addColumn('self_registered', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'text', (column) => column.notNull())
    .execute();
  await schema.createIndex('portal_accounts_tenant').on('portal_accounts').columns(['tenant', 'self_registered']).execute();
  await schema
    .createTable('sealed_keys')
    .addColumn('subscription_id', 'text', (column) => column.primaryKey())
    .addColumn('public_key', 'text', (column) => column.notNull())
    .addColumn('key_id', 'text')
    .addColumn('ciphertext', 'text')
    .addColumn('expires_at', 'text')
    .execute();
}
