/** What gateways measured, by hour and by day, and which of their reports were taken. */
import type { Transaction } from 'kysely';
import type { Database } from '../tables.js';

/** Creates `usage` and `usage_reports`. */
export async function createUsage({ schema }: Transaction<Database>): Promise<void> {
  await schema
    .createTable('usage')
    .addColumn('scope', 'text', (column) => column.notNull())
    .addColumn('grain', 'text', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('requests', 'integer', (column) => column.notNull())
    .addColumn('errors', 'integer', (column) => column.notNull())
    .addColumn('latency', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('usage_key', ['scope', 'grain', 'at'])
    .execute();
  await schema.createIndex('usage_tenant').on('usage').column('tenant_id').execute();
  await schema.createIndex('usage_age').on('usage').columns(['grain', 'at']).execute();
  await schema
    .createTable('usage_reports')
    .addColumn('gateway', 'text', (column) => column.primaryKey())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('taken_at', 'text', (column) => column.notNull())
    .execute();
}
