/** The change log that gateways follow, and the objects as they are sent. */
import type { Selectable } from 'kysely';
import type { SyncCredential, SyncSubscription } from '../../../schema/sync.js';
import type { Db, Trx } from '../context.js';
import type { ApiKeyTable } from '../database/tables.js';

export type ChangeTopic = 'resource' | 'subscription' | 'credential';

export interface LoggedChange {
  readonly number: number;
  readonly topic: string;
  readonly key: string;
}

/** An object as the text that is sent, under its key. */
export type Sent = readonly [key: string, json: string];

/** Kinds that shape traffic; subscriptions travel with their state, webhooks not at all. */
const SYNCED_KINDS = ['Tenant', 'API', 'Policy', 'Consumer', 'Plan'];
const CHUNK = 500;
const KEPT_CHANGES = 100_000;

/** Notes what a transaction has touched: `keyOf` of resources, ids of subscriptions and keys. */
export async function appendChanges(trx: Trx, topic: ChangeTopic, keys: readonly string[]): Promise<void> {
  for (let start = 0; start < keys.length; start += CHUNK) {
    const rows = keys.slice(start, start + CHUNK).map((key) => ({ topic, key }));
    await trx.insertInto('change_log').values(rows).execute();
  }
}

/** Numbers of the oldest and newest change that are kept; 0 in an empty log. */
export async function logRange(db: Db): Promise<{ oldest: number; newest: number }> {
  const query = db.selectFrom('change_log').select(({ fn }) => [fn.min('number').as('oldest'), fn.max('number').as('newest')]);
  const { oldest, newest } = await query.executeTakeFirstOrThrow();
  return { oldest: toNumber(oldest), newest: toNumber(newest) };
}

/** Aggregates are null over no rows, and text on PostgreSQL, whatever the types say. */
const toNumber = (value: unknown): number => Number(value ?? 0);

/** Changes after a number, in commit order. */
export function changesAfter(db: Db, number: number, limit: number): Promise<LoggedChange[]> {
  return db.selectFrom('change_log').selectAll().where('number', '>', number).orderBy('number').limit(limit).execute();
}

/** Forgets all but the last 100 000 changes; a gateway that is further behind gets a full copy. */
export async function compactLog(trx: Trx): Promise<void> {
  const { newest } = await logRange(trx);
  await trx
    .deleteFrom('change_log')
    .where('number', '<=', newest - KEPT_CHANGES)
    .execute();
}

/** Name of this database, so that a gateway notices when it talks to another one. */
export async function storeId(db: Db): Promise<string> {
  const { value } = await db.selectFrom('settings').select('value').where('name', '=', 'store_id').executeTakeFirstOrThrow();
  return value;
}

const RESOURCE_COLUMNS = ['id', 'kind', 'tenant', 'name', 'spec', 'labels', 'annotations', 'created_at', 'updated_at'] as const;

/** Resources, and of tenants whether they are suspended. */
const resourceRows = (db: Db) =>
  db
    .selectFrom('resources')
    .leftJoin('suspended_tenants as suspension', 'suspension.id', 'resources.id')
    .select(RESOURCE_COLUMNS.map((column) => `resources.${column}` as const))
    .select('suspension.suspended_at');

type ResourceRow = Awaited<ReturnType<ReturnType<typeof resourceRows>['execute']>>[number];

export interface Page {
  readonly sent: Sent[];
  readonly last: string | undefined;
}

/** One page of the resources that gateways hold, of one tenant or of all, by id. */
export async function resourcePage(db: Db, after: string, tenant?: string): Promise<Page> {
  const all = resourceRows(db).where('kind', 'in', SYNCED_KINDS);
  const query = tenant === undefined ? all : all.where('resources.tenant', '=', tenant);
  const rows = await query.where('resources.id', '>', after).orderBy('resources.id').limit(CHUNK).execute();
  return { sent: rows.map(resourceText), last: rows.at(-1)?.id };
}

/** The resources of these keys, as far as they exist and gateways hold their kind. */
export async function resourcesByKey(db: Db, keys: readonly string[]): Promise<Sent[]> {
  const groups = new Map<string, { kind: string; tenant: string; names: string[] }>();
  for (const { kind, tenant, name } of keys.map(parseKey)) {
    const group = groups.get(`${kind} ${tenant}`) ?? { kind, tenant, names: [] };
    group.names.push(name);
    groups.set(`${kind} ${tenant}`, group);
  }
  const sent: Sent[] = [];
  for (const { kind, tenant, names } of groups.values()) {
    for (let start = 0; start < names.length; start += CHUNK) {
      const query = resourceRows(db).where('kind', '=', kind).where('tenant', '=', tenant);
      sent.push(...(await query.where('name', 'in', names.slice(start, start + CHUNK)).execute()).map(resourceText));
    }
  }
  return sent;
}

/** Whether gateways hold resources of the kind that a key names. */
export const isSyncedKey = (key: string): boolean => SYNCED_KINDS.includes(parseKey(key).kind);

/** The parts of what `keyOf` has made. */
function parseKey(key: string): { kind: string; tenant: string; name: string } {
  const space = key.indexOf(' ');
  const [tenant = '', name = tenant] = key.slice(space + 1).split('/');
  return { kind: key.slice(0, space), tenant, name };
}

/** JSON columns are put in as they are: what the database holds was written by `JSON.stringify`. */
function resourceText(row: ResourceRow): Sent {
  const { spec, labels, annotations, suspended_at, ...shown } = row;
  const plain = suspended_at === null ? shown : { ...shown, suspended: true };
  const key = row.tenant === row.name ? `${row.kind} ${row.name}` : `${row.kind} ${row.tenant}/${row.name}`;
  return [key, `${JSON.stringify(plain).slice(0, -1)},"spec":${spec},"labels":${labels},"annotations":${annotations}}`];
}

/** One page of subscriptions with their state, of one tenant or of all, by id. */
export async function subscriptionPage(db: Db, after: string, tenant?: string): Promise<Page> {
  const all = subscriptionRows(db);
  const query = tenant === undefined ? all : all.where('state.tenant', '=', tenant);
  const rows = await query.where('state.id', '>', after).orderBy('state.id').limit(CHUNK).execute();
  return { sent: rows.map(subscriptionText), last: rows.at(-1)?.id };
}

/** The subscriptions of these ids, as far as they exist. */
export async function subscriptionsById(db: Db, ids: readonly string[]): Promise<Sent[]> {
  const sent: Sent[] = [];
  for (let start = 0; start < ids.length; start += CHUNK) {
    const rows = await subscriptionRows(db)
      .where('state.id', 'in', ids.slice(start, start + CHUNK))
      .execute();
    sent.push(...rows.map(subscriptionText));
  }
  return sent;
}

function subscriptionRows(db: Db) {
  const joined = db.selectFrom('subscription_states as state').innerJoin('resources as resource', 'resource.id', 'state.id');
  return joined.select([
    'state.id',
    'state.tenant',
    'resource.name',
    'resource.spec',
    'state.status',
    'state.api',
    'state.consumer',
    'state.rate_limit',
    'state.quota',
    'state.expires_at',
  ]);
}

type SubscriptionRow = Awaited<ReturnType<ReturnType<typeof subscriptionRows>['execute']>>[number];

function subscriptionText(row: SubscriptionRow): Sent {
  const { plan } = JSON.parse(row.spec) as { plan?: string };
  const { id, tenant, name, api } = row;
  const status = row.status as SyncSubscription['status'];
  const expires_at = row.expires_at === null ? undefined : Date.parse(row.expires_at);
  const limits = { rate_limit: row.rate_limit ?? undefined, quota: row.quota ?? undefined };
  const subscription: SyncSubscription = {
    id,
    tenant,
    name,
    status,
    api,
    consumer: row.consumer ?? undefined,
    plan,
    ...limits,
    expires_at,
  };
  return [id, JSON.stringify(subscription)];
}

/** One page of keys that gateways must know, of one tenant or of all, by id: those that may be valid, and those that ended after an instant. */
export async function credentialPage(db: Db, after: string, endedAfter: string, tenant?: string): Promise<Page> {
  const all = db.selectFrom('api_keys').selectAll().where('id', '>', after);
  const query = tenant === undefined ? all : all.where('tenant', '=', tenant);
  const known = query.where((row) => row.or([row('status', 'in', ['active', 'grace']), row('not_after', '>', endedAfter)]));
  const rows = await known.orderBy('id').limit(CHUNK).execute();
  return { sent: rows.map(credentialText), last: rows.at(-1)?.id };
}

/** The keys of these ids that gateways must know. */
export async function credentialsById(db: Db, ids: readonly string[], endedAfter: string): Promise<Sent[]> {
  const sent: Sent[] = [];
  for (let start = 0; start < ids.length; start += CHUNK) {
    const query = db
      .selectFrom('api_keys')
      .selectAll()
      .where('id', 'in', ids.slice(start, start + CHUNK));
    const known = query.where((row) => row.or([row('status', 'in', ['active', 'grace']), row('not_after', '>', endedAfter)]));
    sent.push(...(await known.execute()).map(credentialText));
  }
  return sent;
}

function credentialText(row: Selectable<ApiKeyTable>): Sent {
  const credential: SyncCredential = {
    id: row.id,
    tenant: row.tenant,
    subscription: row.subscription_id,
    digest: row.digest,
    status: row.status as SyncCredential['status'],
    not_before: Date.parse(row.not_before),
    not_after: row.not_after === null ? null : Date.parse(row.not_after),
  };
  return [row.id, JSON.stringify(credential)];
}

/** Those of these names that tenants have. */
export async function existingTenants(db: Db, names: readonly string[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (let start = 0; start < names.length; start += CHUNK) {
    const query = db.selectFrom('resources').select('name').where('kind', '=', 'Tenant');
    for (const { name } of await query.where('name', 'in', names.slice(start, start + CHUNK)).execute()) found.add(name);
  }
  return found;
}
