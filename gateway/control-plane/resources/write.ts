/** The one place where declared state is written: by an apply, or by REST. */
import { StoaError } from '../../../schema/error.js';
import type { StoredResource } from '../../../schema/change.js';
import { fieldChanges } from '../../../schema/plan-fields.js';
import { groupBy } from '../../../schema/group.js';
import { keyOf } from '../../../schema/resource.js';
import { changedValues } from '../audit/details.js';
import { recordAudits, type AuditEntry } from '../audit/store.js';
import type { Actor, ControlPlane, Origin, Trx } from '../context.js';
import { appendChanges } from '../gateways/store.js';
import { REACTIONS } from '../reactions.js';
import { claimHolders, claimsOf, claimTaken, deleteClaims, insertClaims, type ClaimingWrite } from './claims-store.js';
import { insertRevision, insertRevisionChanges } from './revision-store.js';
import { namedLikeIds, nameTaken } from './names-store.js';
import { deleteResources, insertResources, putSecrets, updateResource } from './store.js';

/** One resource before and after. Both undefined is never. */
export interface Write {
  readonly before: StoredResource | undefined;
  readonly after: StoredResource | undefined;
  /** Values of its secret fields that are to be kept, by field. */
  readonly secrets?: Readonly<Record<string, string>> | undefined;
}

/**
 * Writes a revision: rows, claims, secrets, history, audit, what gateways follow, and the reactions of lived state. Returns its number.
 * Throws `conflict` when a version has moved, a claim is held by another resource, or a name is the id of one.
 */
export async function writeRevision(cp: ControlPlane, trx: Trx, author: Actor, writes: readonly Write[], origin: Origin): Promise<number> {
  const actor = { ...author, origin };
  const [taken] = await namedLikeIds(
    trx,
    writes.flatMap(({ before, after }) => (before === undefined && after !== undefined ? [after] : [])),
  );
  if (taken !== undefined) throw nameTaken(taken);
  const at = new Date(cp.now()).toISOString();
  const source = JSON.stringify(origin.source);
  const revision = await insertRevision(trx, { project: origin.project, actor: actor.name, source, created_at: at });
  await removeGone(cp, trx, actor, writes);
  await writeRows(cp, trx, writes, revision);
  await insertRevisionChanges(
    trx,
    writes.map((write) => historyRow(write, revision)),
  );
  await appendChanges(
    trx,
    'resource',
    writes.map((write) => keyOf(resourceOf(write))),
  );
  await react(
    cp,
    trx,
    actor,
    writes.filter(({ after }) => after !== undefined),
  );
  await recordAudits(
    trx,
    writes.map((write) => auditEntry(cp, actor, write, revision)),
  );
  return revision;
}

/** Reactions to a deletion run while the resource is still there. */
async function removeGone(cp: ControlPlane, trx: Trx, actor: Actor, writes: readonly Write[]): Promise<void> {
  const gone = writes.filter(({ after }) => after === undefined);
  await react(cp, trx, actor, gone);
  await deleteResources(
    trx,
    gone.map((write) => resourceOf(write).id),
  );
}

async function writeRows(cp: ControlPlane, trx: Trx, writes: readonly Write[], revision: number): Promise<void> {
  const put = writes.flatMap(({ before, after, secrets = {} }) => (after === undefined ? [] : [{ before, after, secrets }]));
  await deleteClaims(
    trx,
    put.flatMap(({ before }) => before?.id ?? []),
  );
  for (const { before, after } of put) {
    if (before !== undefined && !(await updateResource(trx, after, before.version, revision))) throw moved(after);
  }
  await insertResources(
    trx,
    put.flatMap(({ before, after }) => (before === undefined ? [after] : [])),
    revision,
  );
  await takeClaims(cp, trx, put);
  for (const { after, secrets } of put) {
    const sealed = Object.entries(secrets).map(([field, value]) => [field, cp.vault.seal(value)] as const);
    await putSecrets(trx, after.id, Object.fromEntries(sealed));
  }
}

async function takeClaims({ catalog }: ControlPlane, trx: Trx, put: readonly ClaimingWrite[]): Promise<void> {
  const [holder] = await claimHolders(catalog, trx, put);
  if (holder !== undefined) throw claimTaken(holder);
  await insertClaims(
    trx,
    put.flatMap(({ after }) => claimsOf(catalog, after)),
  );
}

/** Kind by kind, in the order in which kinds come. */
async function react(cp: ControlPlane, trx: Trx, actor: Actor, writes: readonly Write[]): Promise<void> {
  const byKind = groupBy(writes, (write) => resourceOf(write).kind);
  for (const [kind, some] of byKind) {
    const written = some.map((write) => ({ before: write.before, after: write.after, id: resourceOf(write).id }));
    await REACTIONS[kind]?.(trx, cp, actor, written);
  }
}

function historyRow(write: Write, revision: number) {
  const { before, after } = write;
  const { id, kind, tenant, name } = resourceOf(write);
  const json = (resource: StoredResource | undefined) => (resource === undefined ? null : JSON.stringify(resource));
  return { revision, resource_id: id, kind, tenant, name, before: json(before), after: json(after) };
}

function auditEntry(cp: ControlPlane, actor: Actor, write: Write, revision: number): AuditEntry {
  const { id, kind, tenant } = resourceOf(write);
  const { before, after } = write;
  const key = keyOf(resourceOf(write));
  const verb = before === undefined ? 'created' : after === undefined ? 'deleted' : 'updated';
  const details = {
    resource: key,
    revision,
    versions: { before: before?.version ?? null, after: after?.version ?? null },
    ...changedValues(fieldChanges(before, after)),
  };
  return { tenant, action: `${kind.toLowerCase()}.${verb}`, resource: id, key, actor, details, at: cp.now() };
}

function resourceOf({ before, after }: Write): StoredResource {
  const resource = after ?? before;
  if (resource === undefined) throw new TypeError('A write has a resource before or after it.');
  return resource;
}

function moved(resource: StoredResource): StoaError {
  return new StoaError('conflict', `${keyOf(resource)} has changed since it was read.`, { hint: 'Read it again, then try again.' });
}
