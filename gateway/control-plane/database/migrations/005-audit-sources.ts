/** Where an audit entry comes from, and an index for each filter of the log. */
import type { Transaction } from 'kysely';
import type { Database } from '../tables.js';

/** Entries from before know neither their source nor the name of their resource: they count as written over REST. */
export async function auditSources({ schema }: Transaction<Database>): Promise<void> {
  await schema
    .alterTable('audit_log')
    .addColumn('source', 'text', (column) => column.notNull().defaultTo('rest'))
    .execute();
  for (const column of ['resource_key', 'project', 'git_commit', 'ci_run'])
    await schema.alterTable('audit_log').addColumn(column, 'text').execute();
  for (const column of ['action', 'user', 'resource', 'resource_key', 'consumer', 'request_id', 'project'])
    await schema.createIndex(`audit_log_${column}`).on('audit_log').columns(['tenant', column, 'created_at']).execute();
  await schema.createIndex('audit_log_age').on('audit_log').column('created_at').execute();
}
