/** All tables of `tables.ts`. */
import { randomUUID } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import type { Database } from '../tables.js';

type Trx = Transaction<Database>;

/** Creates the tables and names the database. */
export async function createTables(trx: Trx): Promise<void> {
  await createResources(trx);
  await createRevisions(trx);
  await createSubscriptionStates(trx);
  await createApiKeys(trx);
  await createLogs(trx);
  await createSettings(trx);
}

async function createResources({ schema }: Trx): Promise<void> {
  await schema
    .createTable('resources')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('spec', 'text', (column) => column.notNull())
    .addColumn('labels', 'text', (column) => column.notNull())
    .addColumn('annotations', 'text', (column) => column.notNull())
    .addColumn('secret_digests', 'text', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull().check(sql`version > 0`))
    .addColumn('revision', 'integer', (column) => column.notNull())
    .addColumn('managed_by', 'text')
    .addColumn('drift', 'text')
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('updated_at', 'text', (column) => column.notNull())
    .addColumn('updated_by', 'text', (column) => column.notNull())
    .addUniqueConstraint('resources_key', ['tenant', 'kind', 'name'])
    .execute();
  await schema.createIndex('resources_kind_name').on('resources').columns(['kind', 'name']).execute();
  await schema.createIndex('resources_managed_by').on('resources').column('managed_by').execute();
  await schema
    .createTable('resource_claims')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('claim', 'text', (column) => column.notNull())
    .addColumn('resource_id', 'text', (column) => column.notNull().references('resources.id').onDelete('cascade'))
    .addPrimaryKeyConstraint('resource_claims_key', ['tenant', 'kind', 'claim'])
    .execute();
  await schema.createIndex('resource_claims_resource').on('resource_claims').column('resource_id').execute();
  await schema
    .createTable('resource_secrets')
    .addColumn('resource_id', 'text', (column) => column.notNull().references('resources.id').onDelete('cascade'))
    .addColumn('field', 'text', (column) => column.notNull())
    .addColumn('ciphertext', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('resource_secrets_key', ['resource_id', 'field'])
    .execute();
}

async function createRevisions({ schema }: Trx): Promise<void> {
  await schema
    .createTable('revisions')
    .addColumn('revision', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('project', 'text')
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('revision_changes')
    .addColumn('revision', 'integer', (column) => column.notNull().references('revisions.revision').onDelete('cascade'))
    .addColumn('resource_id', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('before', 'text')
    .addColumn('after', 'text')
    .addPrimaryKeyConstraint('revision_changes_key', ['revision', 'resource_id'])
    .execute();
  await schema.createIndex('revision_changes_resource').on('revision_changes').columns(['tenant', 'kind', 'name']).execute();
  await schema
    .createTable('projects')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('revision', 'integer', (column) => column.notNull())
    .execute();
}

async function createSubscriptionStates({ schema }: Trx): Promise<void> {
  await schema
    .createTable('subscription_states')
    .addColumn('id', 'text', (column) => column.primaryKey().references('resources.id').onDelete('cascade'))
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('api', 'text', (column) => column.notNull())
    .addColumn('consumer', 'text')
    .addColumn('status', 'text', (column) =>
      column.notNull().check(sql`status in ('pending_approval', 'active', 'suspended', 'revoked', 'expired', 'rejected')`),
    )
    .addColumn('rate_limit', 'integer', (column) => column.check(sql`rate_limit > 0`))
    .addColumn('quota', 'integer', (column) => column.check(sql`quota > 0`))
    .addColumn('rotation_count', 'integer', (column) => column.notNull().check(sql`rotation_count >= 0`))
    .addColumn('last_rotated_at', 'text')
    .addColumn('approved_at', 'text')
    .addColumn('ended_at', 'text')
    .addColumn('reason', 'text')
    .addColumn('created_at', 'text', (column) => column.notNull())
    .execute();
  const indexes = { created: 'created_at', consumer: 'consumer', api: 'api' } as const;
  for (const [name, column] of Object.entries(indexes)) {
    await schema.createIndex(`subscription_states_${name}`).on('subscription_states').columns(['tenant', column]).execute();
  }
}

async function createApiKeys({ schema }: Trx): Promise<void> {
  await schema
    .createTable('api_keys')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('subscription_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('prefix', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) =>
      column
        .notNull()
        .unique()
        .check(sql`length(digest) = 64`),
    )
    .addColumn('status', 'text', (column) => column.notNull().check(sql`status in ('active', 'grace', 'revoked', 'expired')`))
    .addColumn('not_before', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'text')
    .addColumn('grace_until', 'text')
    .addColumn('not_after', 'text')
    .addColumn('rotated_from', 'text')
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('revoked_at', 'text')
    .addColumn('last_used_at', 'text')
    .execute();
  await schema.createIndex('api_keys_subscription').on('api_keys').column('subscription_id').execute();
  await schema.createIndex('api_keys_created').on('api_keys').columns(['tenant', 'created_at']).execute();
  await schema.createIndex('api_keys_end').on('api_keys').columns(['status', 'not_after']).execute();
}

async function createLogs({ schema }: Trx): Promise<void> {
  await schema
    .createTable('audit_log')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('event_type', 'text', (column) => column.notNull())
    .addColumn('resource', 'text', (column) => column.notNull())
    .addColumn('user', 'text', (column) => column.notNull())
    .addColumn('consumer', 'text')
    .addColumn('path', 'text')
    .addColumn('status', 'integer')
    .addColumn('request_id', 'text')
    .addColumn('details', 'text', (column) => column.notNull())
    .addColumn('event_id', 'text', (column) => column.unique())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .execute();
  await schema.createIndex('audit_log_created').on('audit_log').columns(['tenant', 'created_at']).execute();
  await schema.createIndex('audit_log_event').on('audit_log').columns(['tenant', 'event_type', 'created_at']).execute();
  await schema
    .createTable('change_log')
    .addColumn('number', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('topic', 'text', (column) => column.notNull().check(sql`topic in ('resource', 'subscription', 'credential')`))
    .addColumn('key', 'text', (column) => column.notNull())
    .execute();
}

async function createSettings(trx: Trx): Promise<void> {
  await trx.schema
    .createTable('idempotency_keys')
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('request_digest', 'text', (column) => column.notNull())
    .addColumn('status', 'integer', (column) => column.notNull())
    .addColumn('ciphertext', 'text', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('idempotency_keys_key', ['actor', 'key'])
    .execute();
  await trx.schema.createIndex('idempotency_keys_created').on('idempotency_keys').column('created_at').execute();
  await trx.schema
    .createTable('settings')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('value', 'text', (column) => column.notNull())
    .execute();
  await trx.insertInto('settings').values({ name: 'store_id', value: randomUUID() }).execute();
}
