/** Revisions: every committed write of declared state, with whole resources before and after; and what projects applied last. */
import type { Insertable, Selectable } from 'kysely';
import type { StoredResource, Touch } from '../../../schema/change.js';
import type { ResourceKey } from '../../../schema/resource.js';
import type { Db, Trx } from '../context.js';
import type { ProjectTable, RevisionChangeTable, RevisionTable } from '../database/tables.js';
import { looksLikeId } from '../resource-id.js';
import { slices } from './store.js';

/** The number of the newest revision; 0 before the first. */
export async function currentRevision(db: Db): Promise<number> {
  const query = db.selectFrom('revisions').select(({ fn }) => fn.max<number | null>('revision').as('newest'));
  return (await query.executeTakeFirstOrThrow()).newest ?? 0;
}

/** Opens a revision and returns its number. */
export async function insertRevision(trx: Trx, row: Insertable<RevisionTable>): Promise<number> {
  const { revision } = await trx.insertInto('revisions').values(row).returning('revision').executeTakeFirstOrThrow();
  return revision;
}

/** Keeps what a revision changed. */
export async function insertRevisionChanges(trx: Trx, rows: readonly RevisionChangeTable[]): Promise<void> {
  for (const slice of slices(rows, 400)) await trx.insertInto('revision_changes').values(slice).execute();
}

/** Keys of what was written after a revision; undefined when that is more than `limit`. */
export async function keysWrittenAfter(db: Db, revision: number, limit: number): Promise<ResourceKey[] | undefined> {
  const query = db.selectFrom('revision_changes').select(['kind', 'tenant', 'name']).where('revision', '>', revision);
  const rows = await query.limit(limit + 1).execute();
  return rows.length > limit ? undefined : rows;
}

/** The revision that made the tenant of this name, the last one of those that have had it; 0 when there was none. What is older is another tenant's. */
export async function firstRevisionOf(db: Db, tenant: string): Promise<number> {
  const query = db.selectFrom('revision_changes').select(({ fn }) => fn.max<number | null>('revision').as('first'));
  const made = query.where('tenant', '=', tenant).where('kind', '=', 'Tenant').where('before', 'is', null);
  return (await made.executeTakeFirstOrThrow()).first ?? 0;
}

/** Those of these names under which a tenant was made after a revision, whether it is still there or not, in order. */
export async function tenantsMadeAfter(db: Db, revision: number, names: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const slice of slices(names, 500)) {
    const query = db.selectFrom('revision_changes').select('name').distinct().where('tenant', 'in', slice).where('kind', '=', 'Tenant');
    const made = query.where('before', 'is', null).where('revision', '>', revision);
    found.push(...(await made.execute()).map(({ name }) => name));
  }
  return found.sort();
}

/** Who wrote or deleted a resource last, and when, in the life of its tenant. */
export async function findLastTouch(db: Db, key: ResourceKey): Promise<Touch | undefined> {
  const query = db
    .selectFrom('revision_changes as change')
    .innerJoin('revisions', 'revisions.revision', 'change.revision')
    .select(['revisions.actor as by', 'revisions.created_at as at'])
    .where('change.tenant', '=', key.tenant)
    .where('change.kind', '=', key.kind)
    .where('change.name', '=', key.name)
    .where('change.revision', '>=', await firstRevisionOf(db, key.tenant));
  return query.orderBy('change.revision', 'desc').limit(1).executeTakeFirst();
}

/** A tenant that was deleted, by its name or its id, as it was last; of several of that name the last one. */
export async function findGoneTenant(db: Db, idOrName: string): Promise<StoredResource | undefined> {
  const deleted = db.selectFrom('revision_changes').select('before').where('kind', '=', 'Tenant').where('after', 'is', null);
  const named = deleted.where('tenant', '=', idOrName).where('name', '=', idOrName).orderBy('revision', 'desc');
  const byName = await named.limit(1).executeTakeFirst();
  const before = (byName ?? (looksLikeId(idOrName) ? await goneTenantOfId(db, idOrName) : undefined))?.before;
  return typeof before === 'string' ? (JSON.parse(before) as StoredResource) : undefined;
}

/** There is no index by id: the index by tenant is gone through from one name to the next, which is as long as there are tenants, and not as the history is. */
function goneTenantOfId(db: Db, id: string): Promise<{ readonly before: string | null } | undefined> {
  return db
    .withRecursive('ever(tenant)', (step) =>
      step
        .selectFrom('revision_changes as first')
        .select(({ fn }) => fn.min<string | null>('first.tenant').as('tenant'))
        .unionAll(
          step
            .selectFrom('ever as last')
            .select((row) =>
              row
                .selectFrom('revision_changes as next')
                .select(({ fn }) => fn.min<string | null>('next.tenant').as('tenant'))
                .whereRef('next.tenant', '>', 'last.tenant')
                .as('tenant'),
            )
            .where('last.tenant', 'is not', null),
        ),
    )
    .selectFrom('ever')
    .innerJoin('revision_changes as change', 'change.tenant', 'ever.tenant')
    .select('change.before')
    .whereRef('change.name', '=', 'ever.tenant')
    .where('change.kind', '=', 'Tenant')
    .where('change.resource_id', '=', id)
    .where('change.after', 'is', null)
    .executeTakeFirst();
}

/** When the name of a tenant was given to the next one, ISO 8601; undefined when it was not. What is under the name from then on is that one's. */
export async function nameGivenOnAt(db: Db, { id, name }: Pick<StoredResource, 'id' | 'name'>): Promise<string | undefined> {
  const births = db.selectFrom('revision_changes').where('tenant', '=', name).where('kind', '=', 'Tenant').where('before', 'is', null);
  const own = births.select(({ fn }) => fn.min<number | null>('revision').as('revision')).where('resource_id', '=', id);
  const next = await births.select('after').where('revision', '>', own).orderBy('revision').limit(1).executeTakeFirst();
  return typeof next?.after === 'string' ? (JSON.parse(next.after) as StoredResource).created_at : undefined;
}

/** What of the history somebody sees: all of it, or what concerns one tenant. */
export interface HistoryScope {
  /** Only changes of this tenant. */
  readonly tenant?: string | undefined;
  /** Only from this revision on. */
  readonly since?: number;
}

export interface RevisionFilter extends HistoryScope {
  readonly project?: string | undefined;
}

/** One page of revisions, newest first. */
export function listRevisions(db: Db, filter: RevisionFilter, offset: number, limit: number): Promise<Selectable<RevisionTable>[]> {
  return revisionsOf(db, filter).selectAll().orderBy('revision', 'desc').offset(offset).limit(limit).execute();
}

/** One revision by its number. */
export function findRevision(db: Db, revision: number): Promise<Selectable<RevisionTable> | undefined> {
  return db.selectFrom('revisions').selectAll().where('revision', '=', revision).executeTakeFirst();
}

/** How many revisions a filter finds. */
export async function countRevisions(db: Db, filter: RevisionFilter): Promise<number> {
  const query = revisionsOf(db, filter).select(({ fn }) => fn.countAll().as('count'));
  return Number((await query.executeTakeFirstOrThrow()).count);
}

function revisionsOf(db: Db, { tenant, project, since = 0 }: RevisionFilter) {
  const all = db.selectFrom('revisions').where('revision', '>=', since);
  const own = project === undefined ? all : all.where('project', '=', project);
  if (tenant === undefined) return own;
  const touching = db.selectFrom('revision_changes').select('revision').where('tenant', '=', tenant);
  return own.where('revision', 'in', touching);
}

/** What these revisions changed, as far as the scope goes. */
export function changesOfRevisions(
  db: Db,
  revisions: readonly number[],
  { tenant, since = 0 }: HistoryScope,
): Promise<Selectable<RevisionChangeTable>[]> {
  const query = db.selectFrom('revision_changes').selectAll().where('revision', 'in', revisions).where('revision', '>=', since);
  const seen = tenant === undefined ? query : query.where('tenant', '=', tenant);
  return seen.orderBy('tenant').orderBy('kind').orderBy('name').execute();
}

/** Every resource as it was after a revision, of one tenant or of all. */
export async function resourcesAtRevision(
  db: Db,
  at: { readonly revision: number; readonly tenant: string | undefined },
): Promise<StoredResource[]> {
  const newest = db
    .selectFrom('revision_changes')
    .select(({ fn }) => ['resource_id', fn.max('revision').as('revision')])
    .where('revision', '<=', at.revision)
    .groupBy('resource_id')
    .as('newest');
  const query = db
    .selectFrom('revision_changes as change')
    .innerJoin(newest, (join) =>
      join.onRef('newest.resource_id', '=', 'change.resource_id').onRef('newest.revision', '=', 'change.revision'),
    )
    .select('change.after')
    .where('change.after', 'is not', null);
  const rows = await (at.tenant === undefined ? query : query.where('change.tenant', '=', at.tenant)).execute();
  return rows.map(({ after }) => JSON.parse(after ?? '') as StoredResource);
}

/** What a project applied last. */
export function findProject(db: Db, name: string): Promise<Selectable<ProjectTable> | undefined> {
  return db.selectFrom('projects').selectAll().where('name', '=', name).executeTakeFirst();
}

/** Notes what a project applied last. */
export async function putProject(trx: Trx, project: ProjectTable): Promise<void> {
  const { digest, revision } = project;
  const insert = trx.insertInto('projects').values(project);
  await insert.onConflict((conflict) => conflict.column('name').doUpdateSet({ digest, revision })).execute();
}
