/** The history of declared state over HTTP: what each revision changed, and who made it. */
import * as z from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import { fieldChanges } from '../../../schema/plan-fields.js';
import { keyOf } from '../../../schema/resource.js';
import type { RevisionChangeTable } from '../database/tables.js';
import type { Actor, Db } from '../context.js';
import { instant, pageOf } from '../http/answers.js';
import { endpoint, type Endpoint } from '../http/endpoint.js';
import { offsetOf, pageAnswer, pageQuery } from '../http/page.js';
import { queryInteger } from '../http/parse.js';
import { requireTenant } from '../tenants/access.js';
import { declaredResource } from './answers.js';
import {
  changesOfRevisions,
  countRevisions,
  findRevision,
  firstRevisionOf,
  listRevisions,
  resourcesAtRevision,
  type HistoryScope,
  tenantsMadeAfter,
} from './revision-store.js';
import { resourcesByKey } from './store.js';

const tag = 'Declared state';
const count = z.int().min(0);

const fields = {
  revision: z.int().positive().describe('Number, counted up over the whole control plane.'),
  project: z.string().nullable().describe('The project that was applied; null for a write over REST.'),
  actor: z.string().describe('Who made it.'),
  commit: z.string().nullable().describe('Commit of an apply, when known.'),
  ci_run: z.string().nullable().describe('CI run of an apply, when known.'),
  created_at: instant('When it was made.'),
  created: count.describe('How many resources it created.'),
  updated: count.describe('How many it changed.'),
  deleted: count.describe('How many it deleted.'),
};

const change = z.strictObject({
  action: z.enum(['create', 'update', 'delete']).describe('What was done.'),
  kind: z.string().describe('Kind of the resource.'),
  tenant: z.string().describe('Its tenant.'),
  name: z.string().describe('Its name.'),
  fields: z
    .array(z.strictObject({ path: z.string(), before: z.json().optional(), after: z.json().optional() }))
    .describe('What differs, never a secret.'),
});

const listAll = endpoint({
  id: 'listRevisions',
  method: 'GET',
  urls: ['/revisions'],
  tag,
  summary: 'List the revisions of declared state, newest first',
  right: 'read',
  query: z.strictObject({
    ...pageQuery,
    tenant: z.string().min(1).max(200).optional().describe('Only those that changed something of this tenant: id or name.'),
    project: z.string().min(1).max(200).optional().describe('Only those of this project.'),
  }),
  status: 200,
  answer: pageOf('revisions', z.strictObject(fields)),
  errors: ['not_found'],
  async handle(cp, { actor, query }) {
    const own = await scopeOf(cp.db, actor);
    const scope = query.tenant === undefined ? own : { ...own, tenant: (await requireTenant(cp.db, actor, query.tenant)).name };
    const filter = { ...scope, project: query.project };
    const rows = await listRevisions(cp.db, filter, offsetOf(query), query.limit);
    const changes = await changesOfRevisions(
      cp.db,
      rows.map(({ revision }) => revision),
      scope,
    );
    const revisions = rows.map((row) =>
      view(
        row,
        changes.filter(({ revision }) => revision === row.revision),
      ),
    );
    return pageAnswer('revisions', revisions, await countRevisions(cp.db, filter), query);
  },
});

const getOne = endpoint({
  id: 'getRevision',
  method: 'GET',
  urls: ['/revisions/:revision'],
  tag,
  summary: 'Get what a revision changed',
  right: 'read',
  params: z.object({ revision: z.string().describe('Its number.') }),
  status: 200,
  answer: z.strictObject({ ...fields, changes: z.array(change).describe('What it changed, as far as the caller sees it.') }),
  errors: ['not_found'],
  async handle(cp, { actor, params }) {
    const { row, changes } = await requireRevision(cp.db, actor, params.revision);
    return { ...view(row, changes), changes: changes.map(viewChange) };
  },
});

const listResources = endpoint({
  id: 'listRevisionResources',
  method: 'GET',
  urls: ['/revisions/:revision/resources'],
  tag,
  summary: 'List what a project declared after a revision',
  right: 'read',
  params: z.object({ revision: z.string().describe('Its number.') }),
  query: z.strictObject({
    project: z.string().min(1).max(200).describe('The project.'),
    page: queryInteger(1, 1_000_000).default(1).describe('Number of the page, from 1.'),
    limit: queryInteger(1, 1000).default(100).describe('How many items a page holds.'),
  }),
  status: 200,
  answer: pageOf('resources', declaredResource),
  errors: ['not_found', 'conflict'],
  async handle(cp, { actor, params, query }) {
    const { row } = await requireRevision(cp.db, actor, params.revision);
    const all = await resourcesAtRevision(cp.db, { revision: row.revision, tenant: actor.tenant });
    const owned = all.filter(({ managed_by }) => managed_by === query.project).sort(inOrder);
    await requireSameTenants(cp.db, row.revision, owned);
    const offset = offsetOf(query);
    return pageAnswer('resources', owned.slice(offset, offset + query.limit).map(declaredForm), owned.length, query);
  },
});

export const revisionEndpoints: readonly Endpoint[] = [listAll, getOne, listResources];

/** Digests of secrets stay here. */
const declaredForm = ({ kind, tenant, name, labels, annotations, spec }: StoredResource) => ({
  kind,
  tenant,
  name,
  labels,
  annotations,
  spec,
});

const inOrder = (a: StoredResource, b: StoredResource): number => (keyOf(a) < keyOf(b) ? -1 : 1);

type Revision = Awaited<ReturnType<typeof listRevisions>>[number];

/** The platform sees everything; a tenant what happened since it was made: what was before under its name is somebody else's. */
async function scopeOf(db: Db, { tenant }: Actor): Promise<HistoryScope> {
  return tenant === undefined ? {} : { tenant, since: await firstRevisionOf(db, tenant) };
}

/** What one tenant declared is not applied to another one that has its name now. Throws `conflict`. */
async function requireSameTenants(db: Db, revision: number, resources: readonly StoredResource[]): Promise<void> {
  const newer = await tenantsMadeAfter(db, revision, [...new Set(resources.map(({ tenant }) => tenant))]);
  const [another] = await resourcesByKey(
    db,
    newer.map((name) => ({ kind: 'Tenant', tenant: name, name })),
  );
  if (another !== undefined)
    throw new StoaError(
      'conflict',
      `The tenant "${another.name}" of revision ${revision} was deleted since; another one has its name now.`,
      {
        hint: 'Choose a later revision, or apply the manifests of that time.',
      },
    );
}

/** A revision that the actor sees something of. Throws `not_found`. */
async function requireRevision(db: Db, actor: Actor, text: string): Promise<{ row: Revision; changes: RevisionChangeTable[] }> {
  const number = /^[1-9]\d{0,14}$/.test(text) ? Number(text) : 0;
  const changes = await changesOfRevisions(db, [number], await scopeOf(db, actor));
  const row = changes.length === 0 ? undefined : await findRevision(db, number);
  if (row === undefined) throw new StoaError('not_found', `Revision "${text}" does not exist.`);
  return { row, changes };
}

function view({ revision, project, actor, source, created_at }: Revision, changes: readonly RevisionChangeTable[]) {
  const { commit = null, ci_run = null } = JSON.parse(source) as { commit?: string; ci_run?: string };
  const counted = (action: string): number => changes.filter((each) => actionOf(each) === action).length;
  const numbers = { created: counted('create'), updated: counted('update'), deleted: counted('delete') };
  return { revision, project, actor, commit, ci_run, created_at, ...numbers };
}

const actionOf = ({ before, after }: Pick<RevisionChangeTable, 'before' | 'after'>): 'create' | 'update' | 'delete' =>
  before === null ? 'create' : after === null ? 'delete' : 'update';

function viewChange(row: RevisionChangeTable) {
  const parse = (text: string | null) => (text === null ? undefined : (JSON.parse(text) as StoredResource));
  const { kind, tenant, name } = row;
  return { action: actionOf(row), kind, tenant, name, fields: fieldChanges(parse(row.before), parse(row.after)) };
}
