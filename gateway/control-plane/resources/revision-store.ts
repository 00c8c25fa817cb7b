/** Revisions: every committed write of declared state, with whole resources before and after; and what projects applied last. */
import type { Insertable, Selectable } from 'kysely';
import type { Touch } from '../../../schema/change.js';
import type { ResourceKey } from '../../../schema/resource.js';
import type { Db, Trx } from '../context.js';
import type { ProjectTable, RevisionChangeTable, RevisionTable } from '../database/tables.js';
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

/** Who wrote or deleted a resource last, and when. */
export async function findLastTouch(db: Db, key: ResourceKey): Promise<Touch | undefined> {
  const query = db
    .selectFrom('revision_changes as change')
    .innerJoin('revisions', 'revisions.revision', 'change.revision')
    .select(['revisions.actor as by', 'revisions.created_at as at'])
    .where('change.tenant', '=', key.tenant)
    .where('change.kind', '=', key.kind)
    .where('change.name', '=', key.name);
  return query.orderBy('change.revision', 'desc').limit(1).executeTakeFirst();
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
