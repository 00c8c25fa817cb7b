/** Secrets that are handed on by a link that opens once. */
import type { Transaction } from 'kysely';
import type { Database } from '../tables.js';

/** Creates `one_time_links`. */
export async function oneTimeLinks({ schema }: Transaction<Database>): Promise<void> {
  await schema
    .createTable('one_time_links')
    .addColumn('digest', 'text', (column) => column.primaryKey())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('ciphertext', 'text')
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'text', (column) => column.notNull())
    .addColumn('opened_at', 'text')
    .execute();
  await schema.createIndex('one_time_links_expiry').on('one_time_links').column('expires_at').execute();
}
