/** Rows of declared resources, every kind. */
import type { ExpressionBuilder, ExpressionWrapper, Selectable, SqlBool } from 'kysely';
import type { StoredResource, Touch } from '../../../schema/change.js';
import type { JsonObject } from '../../../schema/kind.js';
import type { ResourceKey } from '../../../schema/resource.js';
import type { Db, Trx } from '../context.js';
import { isSettled } from '../portal/store.js';
import type { Database, ResourceTable } from '../database/tables.js';

export interface ResourceFilter {
  readonly kind?: string | undefined;
  readonly tenant?: string | undefined;
  readonly name?: string | undefined;
  /** Owner. */
  readonly project?: string | undefined;
  /** Without those who came by the portal and were approved nowhere, and without what they asked for: they are no configuration. */
  readonly isSettled?: boolean;
}

const CHUNK = 500;
/** Rows of one insert: 15 columns each, below SQLite's limit of 32 766 values. */
const INSERT_CHUNK = 200;

/** A resource of a tenant by id or name; an id wins over a name that looks like it. */
export async function findResource(db: Db, kind: string, tenant: string, idOrName: string): Promise<StoredResource | undefined> {
  const query = db.selectFrom('resources').selectAll().where('kind', '=', kind).where('tenant', '=', tenant);
  const rows = await query.where((row) => row.or([row('id', '=', idOrName), row('name', '=', idOrName)])).execute();
  const row = rows.find(({ id }) => id === idOrName) ?? rows[0];
  return row === undefined ? undefined : parseRow(row);
}

/** A tenant by id or name. */
export async function findTenant(db: Db, idOrName: string): Promise<StoredResource | undefined> {
  const query = db.selectFrom('resources').selectAll().where('kind', '=', 'Tenant');
  const rows = await query.where((row) => row.or([row('id', '=', idOrName), row('name', '=', idOrName)])).execute();
  const row = rows.find(({ id }) => id === idOrName) ?? rows[0];
  return row === undefined ? undefined : parseRow(row);
}

/** A resource of any tenant by its id. The caller checks that its actor may see the tenant. */
export async function findById(db: Db, kind: string, id: string): Promise<StoredResource | undefined> {
  const row = await db.selectFrom('resources').selectAll().where('id', '=', id).where('kind', '=', kind).executeTakeFirst();
  return row === undefined ? undefined : parseRow(row);
}

/** Resources of any tenant by name: for routes that name no tenant. */
export async function findByName(db: Db, kind: string, name: string): Promise<StoredResource[]> {
  const rows = await db.selectFrom('resources').selectAll().where('kind', '=', kind).where('name', '=', name).orderBy('tenant').execute();
  return rows.map(parseRow);
}

/** The resources of these keys, as far as they exist. */
export async function resourcesByKey(db: Db, keys: Iterable<ResourceKey>): Promise<StoredResource[]> {
  const groups = new Map<string, { kind: string; tenant: string; names: Set<string> }>();
  for (const { kind, tenant, name } of keys) {
    const group = groups.get(`${kind} ${tenant}`) ?? { kind, tenant, names: new Set() };
    group.names.add(name);
    groups.set(`${kind} ${tenant}`, group);
  }
  const found: StoredResource[] = [];
  for (const { kind, tenant, names } of groups.values()) {
    for (const slice of slices([...names], CHUNK)) {
      const query = db.selectFrom('resources').selectAll().where('kind', '=', kind).where('tenant', '=', tenant);
      for (const row of await query.where('name', 'in', slice).execute()) found.push(parseRow(row));
    }
  }
  return found;
}

/** Everything that a project owns. */
export async function resourcesOfProject(db: Db, project: string): Promise<StoredResource[]> {
  return (await db.selectFrom('resources').selectAll().where('managed_by', '=', project).execute()).map(parseRow);
}

/** Everything in these tenants, the tenants themselves included. */
export async function resourcesOfTenants(db: Db, tenants: readonly string[]): Promise<StoredResource[]> {
  const found: StoredResource[] = [];
  for (const slice of slices(tenants, CHUNK)) {
    const rows = await db.selectFrom('resources').selectAll().where('tenant', 'in', slice).execute();
    found.push(...rows.map(parseRow));
  }
  return found;
}

/** One page of resources, in the stable order tenant, kind, name. */
export async function listResources(db: Db, filter: ResourceFilter, offset: number, limit: number): Promise<StoredResource[]> {
  const query = db
    .selectFrom('resources')
    .selectAll()
    .where((row) => matches(db, row, filter));
  const page = query.orderBy('tenant').orderBy('kind').orderBy('name').offset(offset).limit(limit);
  return (await page.execute()).map(parseRow);
}

/** How many resources a filter finds. */
export async function countResources(db: Db, filter: ResourceFilter): Promise<number> {
  const query = db.selectFrom('resources').select(({ fn }) => fn.countAll().as('count'));
  const { count } = await query.where((row) => matches(db, row, filter)).executeTakeFirstOrThrow();
  return Number(count);
}

function matches(
  db: Db,
  row: ExpressionBuilder<Database, 'resources'>,
  filter: ResourceFilter,
): ExpressionWrapper<Database, 'resources', SqlBool> {
  const wanted = { kind: filter.kind, tenant: filter.tenant, name: filter.name, managed_by: filter.project };
  const entries = Object.entries(wanted) as [keyof typeof wanted, string | undefined][];
  const settled = filter.isSettled === true ? [isSettled(db, row)] : [];
  return row.and([...settled, ...entries.flatMap(([column, value]) => (value === undefined ? [] : [row(column, '=', value)]))]);
}

/** Adds resources, many to a statement. */
export async function insertResources(trx: Trx, resources: readonly StoredResource[], revision: number): Promise<void> {
  for (const slice of slices(resources, INSERT_CHUNK)) {
    await trx
      .insertInto('resources')
      .values(slice.map((resource) => toRow(resource, revision)))
      .execute();
  }
}

/** Writes a resource over the version that it was read with. False when that version is no longer there. */
export async function updateResource(trx: Trx, resource: StoredResource, expected: number, revision: number): Promise<boolean> {
  const { id, kind: _kind, tenant: _tenant, name: _name, created_at: _created, ...columns } = toRow(resource, revision);
  const update = trx.updateTable('resources').set(columns).where('id', '=', id).where('version', '=', expected);
  return (await update.executeTakeFirstOrThrow()).numUpdatedRows === 1n;
}

/** Removes resources; their claims and secrets go with them. */
export async function deleteResources(trx: Trx, ids: readonly string[]): Promise<void> {
  for (const slice of slices(ids, CHUNK)) await trx.deleteFrom('resources').where('id', 'in', slice).execute();
}

/** Keeps encrypted secret values of a resource. */
export async function putSecrets(trx: Trx, id: string, secrets: Readonly<Record<string, string>>): Promise<void> {
  for (const [field, ciphertext] of Object.entries(secrets)) {
    const insert = trx.insertInto('resource_secrets').values({ resource_id: id, field, ciphertext });
    await insert.onConflict((conflict) => conflict.columns(['resource_id', 'field']).doUpdateSet({ ciphertext })).execute();
  }
}

/** Slices of at most `size` values. */
export function slices<Value>(values: readonly Value[], size: number): Value[][] {
  const result: Value[][] = [];
  for (let start = 0; start < values.length; start += size) result.push(values.slice(start, start + size));
  return result;
}

function parseRow(row: Selectable<ResourceTable>): StoredResource {
  const { spec, labels, annotations, secret_digests, drift, revision: _revision, ...plain } = row;
  return {
    ...plain,
    spec: JSON.parse(spec) as JsonObject,
    labels: JSON.parse(labels) as Record<string, string>,
    annotations: JSON.parse(annotations) as Record<string, string>,
    ...(secret_digests === '{}' ? {} : { secretDigests: JSON.parse(secret_digests) as Record<string, string> }),
    ...(drift === null ? {} : { drift: JSON.parse(drift) as Touch }),
  };
}

function toRow(resource: StoredResource, revision: number): ResourceTable {
  const { spec, labels, annotations, secretDigests = {}, drift, ...plain } = resource;
  return {
    ...plain,
    spec: JSON.stringify(spec),
    labels: JSON.stringify(labels),
    annotations: JSON.stringify(annotations),
    secret_digests: JSON.stringify(secretDigests),
    drift: drift === undefined ? null : JSON.stringify(drift),
    revision,
  };
}
