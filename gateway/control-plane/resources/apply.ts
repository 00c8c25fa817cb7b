/** Plan and apply: a whole set of resources of one project, one transaction, all or nothing. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ApplyRequest, ApplyResult, Change, Plan, PlanRequest, StoredResource } from '../../../schema/change.js';
import { StoaError, type Diagnostic } from '../../../schema/error.js';
import type { HeldObjects, PlannedObjects } from '../../../schema/impact.js';
import { plan } from '../../../schema/plan.js';
import { keyOf, type Resource, type ResourceKey } from '../../../schema/resource.js';
import type { SyncCredential, SyncResource, SyncSubscription } from '../../../schema/sync.js';
import { requireRight } from '../auth/roles.js';
import { settleClaim, type Actor, type ControlPlane, type Trx } from '../context.js';
import { previewChange, type Preview } from '../gateways/feed.js';
import { newResourceId } from '../resource-id.js';
import { restingNotes } from '../subscriptions/resting.js';
import { mayEnter } from '../tenants/access.js';
import { checkAgainst, nextVersion, withChangeDigests, withSecretDigests } from './desired.js';
import { requireExpected } from './expect.js';
import { consequencesOf, type Consequences } from './consequences.js';
import { oneAtATime } from './one-at-a-time.js';
import { currentRevision, putProject } from './revision-store.js';
import { digestOf, emptyPlan, forgetUnchanged, isUnchanged, rememberUnchanged } from './short-cut.js';
import { resourcesByKey, resourcesOfProject, resourcesOfTenants } from './store.js';
import { writeRevision, type Write } from './write.js';

const TEXTS_PER_TURN = 1000;

interface Planned {
  readonly plan: Plan;
  /** Checked, with digests of their secrets. */
  readonly desired: readonly Resource[];
  readonly current: readonly StoredResource[];
  readonly steps: Consequences['steps'];
}

/** What an apply of this request would do now. Writes nothing. Throws `validation_error` with every finding, `conflict` when it is not what was expected. */
export async function planRequest(cp: ControlPlane, actor: Actor, request: PlanRequest): Promise<Plan> {
  requireOwnTenants(actor, request);
  const digest = digestOf(cp, actor, request);
  return cp.db.transaction().execute(async (trx) => {
    const isSame = await isUnchanged(cp, trx, request, digest);
    const found = isSame ? emptyPlan(request, await currentRevision(trx)) : (await makePlan(cp, trx, actor, request)).plan;
    await requireExpected(trx, request.expect, found);
    return { ...found, diagnostics: [...found.diagnostics, ...(await restingNotes(trx, request))] };
  });
}

/**
 * Plans and applies in one transaction. Throws `validation_error`, `conflict` when what is found is not what was expected or belongs to another project,
 * `guard_refused`, `forbidden`; nothing is written then.
 */
export async function applyRequest(cp: ControlPlane, actor: Actor, request: ApplyRequest): Promise<ApplyResult> {
  requireOwnTenants(actor, request);
  const digest = digestOf(cp, actor, request);
  const result = await cp.db.transaction().execute(async (trx): Promise<ApplyResult> => {
    if (await isUnchanged(cp, trx, request, digest)) {
      const revision = await currentRevision(trx);
      const unchanged = emptyPlan(request, revision);
      await requireExpected(trx, request.expect, unchanged);
      return { schema_version: 1, plan: unchanged, revision, applied: false };
    }
    const applied = await applyPlanned(cp, trx, actor, request, digest);
    await settleClaim(trx);
    return applied;
  });
  if (!result.applied) rememberUnchanged(cp, request, digest, result.revision);
  if (!result.applied) return result;
  forgetUnchanged(cp, request.project);
  cp.announce();
  return result;
}

/**
 * What gateways hold of the actor's tenants, and what an apply of this request would change of it: it is carried out and undone. Throws as
 * `applyRequest` does, but for the rights to write, and `service_unavailable` while too many others wait.
 */
export async function previewRequest(cp: ControlPlane, actor: Actor, request: PlanRequest): Promise<PlannedObjects> {
  requireOwnTenants(actor, request);
  return oneAtATime(cp, async () => {
    const { current, put, remove } = await previewChange(cp, actor.tenant, async (trx) => {
      await carryOut(cp, trx, actor, request, await soundPlan(cp, trx, actor, request), '');
    });
    return { schema_version: 1, current: await seenBy(actor, current), put: await seenBy(actor, put), remove };
  });
}

async function seenBy(actor: Actor, { resources, subscriptions, credentials }: Preview['current']): Promise<HeldObjects> {
  const keys = await visibleTo<SyncCredential>(actor, credentials);
  return {
    resources: await visibleTo<SyncResource>(actor, resources),
    subscriptions: await visibleTo<SyncSubscription>(actor, subscriptions),
    credentials: keys.map(({ digest: _digest, ...credential }) => credential),
  };
}

/** Slice by slice: tens of thousands of texts would hold up everybody else. */
async function visibleTo<T extends { readonly tenant: string }>(actor: Actor, texts: ReadonlyMap<string, string>): Promise<T[]> {
  const found: T[] = [];
  let read = 0;
  for (const text of texts.values()) {
    const object = JSON.parse(text) as T;
    if (mayEnter(actor, object.tenant)) found.push(object);
    read += 1;
    if (read % TEXTS_PER_TURN === 0) await nextTurn();
  }
  return found;
}

/** A token of one tenant names no other: it does not exist for it. */
function requireOwnTenants(actor: Actor, { resources, delete: deletes = [] }: PlanRequest): void {
  const foreign = [...resources, ...deletes].find(({ tenant }) => !mayEnter(actor, tenant));
  if (foreign !== undefined) throw new StoaError('not_found', `Tenant "${foreign.tenant}" does not exist.`);
}

async function makePlan(cp: ControlPlane, trx: Trx, actor: Actor, request: PlanRequest): Promise<Planned> {
  const named = new Map<string, ResourceKey>([...request.resources, ...(request.delete ?? [])].map((key) => [keyOf(key), key]));
  const owned = (await resourcesOfProject(trx, request.project)).filter(({ tenant }) => mayEnter(actor, tenant));
  const current = new Map(owned.map((resource) => [keyOf(resource), resource]));
  const missing = [...named].flatMap(([key, value]) => (current.has(key) ? [] : [value]));
  for (const resource of await resourcesByKey(trx, missing)) current.set(keyOf(resource), resource);
  const wanted = new Set(request.resources.map(keyOf));
  const leaving = [
    ...(request.delete ?? []).flatMap((key) => current.get(keyOf(key)) ?? []),
    ...(request.prune === true ? owned.filter((resource) => !wanted.has(keyOf(resource))) : []),
  ];
  for (const resource of await resourcesOfTenants(trx, [...new Set(leaving.map(({ tenant }) => tenant))]))
    current.set(keyOf(resource), resource);
  const excluded = new Set(leaving.map(keyOf));
  const replaced = [...wanted].flatMap((key) => (excluded.has(key) ? [] : (current.get(key) ?? [])));
  const checked = await checkAgainst(cp, trx, request.resources, { current: replaced, excluded });
  requireNoError(checked.diagnostics);
  const desired = withSecretDigests(cp, checked.resources, request.secrets ?? {});
  const revision = await currentRevision(trx);
  const made = planned(cp, { ...request, resources: desired }, [...current.values()], revision);
  const diagnostics = [...checked.diagnostics, ...made.diagnostics];
  const found = { plan: made, desired, current: [...current.values()] };
  const { steps, refusals } = await consequencesOf(cp, trx, request, found);
  return { ...found, plan: { ...made, refusals: [...made.refusals, ...refusals], diagnostics }, steps };
}

function planned(cp: ControlPlane, request: PlanRequest, current: readonly StoredResource[], revision: number): Plan {
  const made = plan({ catalog: cp.catalog, request, current, revision });
  const isAsked = request.with_digests === true || request.expect?.some(({ digest }) => digest !== undefined) === true;
  return isAsked ? { ...made, changes: withChangeDigests(cp, made.changes, request.resources) } : made;
}

/** In a set a field alone says nothing: the resource stands before it. What to do is told where it is the same for all. */
function requireNoError(diagnostics: readonly Diagnostic[]): void {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return;
  const placed = errors.map((error) => ({ ...error, path: [error.resource, error.path].filter(Boolean).join(' ') }));
  const [hint, ...others] = new Set(errors.map((error) => error.hint));
  throw new StoaError('validation_error', undefined, { diagnostics: placed, ...(hint === undefined || others.length > 0 ? {} : { hint }) });
}

/** A plan that may be carried out. */
async function soundPlan(cp: ControlPlane, trx: Trx, actor: Actor, request: PlanRequest): Promise<Planned> {
  const planned = await makePlan(cp, trx, actor, request);
  requireNoRefusal(planned.plan);
  await requireExpected(trx, request.expect, planned.plan);
  return planned;
}

async function applyPlanned(cp: ControlPlane, trx: Trx, actor: Actor, request: ApplyRequest, digest: string): Promise<ApplyResult> {
  const planned = await soundPlan(cp, trx, actor, request);
  requireRights(cp, actor, planned.plan.changes);
  return carryOut(cp, trx, actor, request, planned, digest);
}

async function carryOut(
  cp: ControlPlane,
  trx: Trx,
  actor: Actor,
  request: ApplyRequest,
  planned: Planned,
  digest: string,
): Promise<ApplyResult> {
  if (planned.plan.changes.length === 0) return { schema_version: 1, plan: planned.plan, revision: planned.plan.revision, applied: false };
  const writes = writesOf(cp, actor, request, planned);
  const revision = await writeRevision(cp, trx, actor, writes, { project: request.project, source: request.source ?? {} });
  // What was deleted by name is not part of the project's set: the next apply plans.
  await putProject(trx, { name: request.project, digest: request.delete === undefined ? digest : '', revision });
  return { schema_version: 1, plan: planned.plan, revision, applied: true };
}

function requireNoRefusal({ refusals }: Plan): void {
  const [first] = refusals;
  if (first === undefined) return;
  const diagnostics = refusals.map(({ code, message, hint, resource }) => ({
    severity: 'error' as const,
    code,
    message,
    hint,
    path: resource ?? '',
  }));
  throw new StoaError(first.code, first.message, { hint: first.hint, diagnostics });
}

/** Tenants themselves are the platform's. */
function requireRights({ catalog }: ControlPlane, actor: Actor, changes: readonly Change[]): void {
  requireRight(actor, 'write');
  if (changes.some(({ kind }) => catalog.find(kind)?.scope === 'global')) requireRight(actor, 'tenants');
}

function writesOf(cp: ControlPlane, actor: Actor, request: ApplyRequest, { plan: { changes }, desired, current, steps }: Planned): Write[] {
  const before = new Map(current.map((resource) => [keyOf(resource), resource]));
  const wanted = new Map(desired.map((resource) => [keyOf(resource), resource]));
  const at = new Date(cp.now()).toISOString();
  const touch = (kind: string, managedBy: string | null) => ({ id: newResourceId(kind), by: actor.name, at, managedBy });
  const own = changes.map((change): Write => {
    const key = keyOf(change);
    const next = change.action === 'delete' ? undefined : wanted.get(key);
    const after = next === undefined ? undefined : nextVersion(before.get(key), next, touch(change.kind, request.project));
    return { before: before.get(key), after, secrets: request.secrets?.[key] };
  });
  const taken = steps.map(({ before: old, after }): Write => {
    if (after === undefined) return { before: old, after };
    return { before: old, after: nextVersion(old, after, touch(old.kind, old.managed_by)) };
  });
  return [...taken, ...own];
}
