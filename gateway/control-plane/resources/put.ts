/** The one way by which REST writes a declared resource: through the same check and the same write as an apply. */
import type { StoredResource } from '../../../schema/change.js';
import { StoaError, type Diagnostic } from '../../../schema/error.js';
import { canonicalJson, keyOf, type Resource, type ResourceKey } from '../../../schema/resource.js';
import { protectedRefusal } from '../../../schema/plan-deletes.js';
import type { JsonObject } from '../../../schema/kind.js';
import type { Actor, ControlPlane, Trx } from '../context.js';
import { newResourceId } from '../resource-id.js';
import { cascade } from './cascade.js';
import { checkAgainst, nextVersion, withSecretDigests } from './desired.js';
import { resourcesByKey, resourcesOfTenants } from './store.js';
import { writeRevision, type Write } from './write.js';

/** A resource as a request describes it; its spec is checked here. */
export interface ResourceDraft extends ResourceKey {
  readonly spec: unknown;
  /** Kept as they are when absent. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface PutOptions {
  /** True for a creation: a resource of that name is then a `conflict`. */
  readonly isNew?: boolean;
  /** Id of a new resource; made when absent. */
  readonly id?: string;
  /** The version that must be stored; another one is `precondition_failed`. */
  readonly expectVersion?: number | undefined;
  /** Values of its secret fields, by field. */
  readonly secrets?: Readonly<Record<string, string>> | undefined;
}

const REST = { project: null, source: {} } as const;

/**
 * Creates or replaces a resource: checked, with its claims, revision, audit row, change-log row and reaction. A resource that is the same already is not written.
 * Throws `validation_error` (fields as in the request, without `spec.`), `conflict`, `precondition_failed`.
 */
export async function putResource(
  cp: ControlPlane,
  trx: Trx,
  actor: Actor,
  draft: ResourceDraft,
  options: PutOptions = {},
): Promise<StoredResource> {
  const [before] = await resourcesByKey(trx, [draft]);
  if (before !== undefined && options.isNew === true) throw new StoaError('conflict', `${keyOf(draft)} exists already.`);
  requireVersion(before, options.expectVersion);
  const desired = await check(cp, trx, draft, before, options.secrets);
  if (before !== undefined && isSame(before, desired)) return before;
  const after = touched(cp, actor, before, desired, options.id);
  await writeRevision(cp, trx, actor, [{ before, after, secrets: options.secrets }], REST);
  return after;
}

/** Deletes a resource and what cannot live without it. Throws `conflict` when something needs it or some of that is protected, `precondition_failed`. */
export async function deleteResource(
  cp: ControlPlane,
  trx: Trx,
  actor: Actor,
  resource: StoredResource,
  options: Pick<PutOptions, 'expectVersion'> = {},
): Promise<void> {
  const [before] = await resourcesByKey(trx, [resource]);
  requireVersion(before, options.expectVersion);
  if (before === undefined) throw new StoaError('not_found', `${keyOf(resource)} does not exist.`);
  const others = (await resourcesOfTenants(trx, [before.tenant])).filter(({ id }) => id !== before.id);
  const steps = cascade(cp.catalog, [before], others);
  requireUnprotected([before, ...steps.flatMap((step) => (step.after === undefined ? [step.before] : []))]);
  const writes: Write[] = steps.map((step) => ({
    before: step.before,
    after: step.after === undefined ? undefined : touched(cp, actor, step.before, step.after),
  }));
  await writeRevision(cp, trx, actor, [...writes, { before, after: undefined }], REST);
}

/** What `stoactl` does not delete is not deleted by REST either, nor with something else. */
function requireUnprotected(leaving: readonly StoredResource[]): void {
  const [refusal] = leaving.flatMap(protectedRefusal);
  if (refusal === undefined) return;
  throw new StoaError('conflict', refusal.message, { hint: 'Set the annotation to "false" and apply that first.' });
}

function requireVersion(before: StoredResource | undefined, expected: number | undefined): void {
  if (expected === undefined || before?.version === expected) return;
  const now =
    before === undefined
      ? 'it does not exist'
      : `it has version ${before.version}, written by ${before.updated_by} at ${before.updated_at}`;
  throw new StoaError('precondition_failed', `The resource is not the one that If-Match names: ${now}.`, {
    hint: 'Read it again, then try again.',
  });
}

async function check(
  cp: ControlPlane,
  trx: Trx,
  draft: ResourceDraft,
  before: StoredResource | undefined,
  secrets: Readonly<Record<string, string>> = {},
): Promise<Resource> {
  const { kind, tenant, name } = draft;
  const { labels, annotations } = { labels: {}, annotations: {}, ...before, ...definedOf(draft) };
  const resource: Resource = { kind, tenant, name, labels, annotations, spec: withoutUndefined(draft.spec) };
  const { resources, diagnostics } = await checkAgainst(cp, trx, [resource], { current: before === undefined ? [] : [before] });
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const [checked] = resources;
  if (errors.length > 0 || checked === undefined)
    throw new StoaError('validation_error', undefined, { diagnostics: errors.map(asRequestField) });
  const [digested = checked] = withSecretDigests(cp, [checked], { [keyOf(checked)]: secrets });
  const secretDigests = { ...before?.secretDigests, ...digested.secretDigests };
  return Object.keys(secretDigests).length === 0 ? checked : { ...checked, secretDigests };
}

const definedOf = ({ labels, annotations }: ResourceDraft): Partial<Pick<Resource, 'labels' | 'annotations'>> => ({
  ...(labels === undefined ? {} : { labels }),
  ...(annotations === undefined ? {} : { annotations }),
});

/** Fields of `spec` stand at the top of a request's body. */
function asRequestField(diagnostic: Diagnostic): Diagnostic {
  return { ...diagnostic, path: diagnostic.path.replace(/^(spec|metadata)(\.|$)/, '') };
}

/** A draft is written in code, where an absent field is often `undefined`. */
const withoutUndefined = (spec: unknown): JsonObject => JSON.parse(JSON.stringify(spec)) as JsonObject;

function isSame(before: StoredResource, desired: Resource): boolean {
  const content = ({ spec, labels, annotations, secretDigests = {} }: Resource) =>
    canonicalJson([spec, labels, annotations, secretDigests]);
  return content(before) === content(desired);
}

/** What REST writes over a managed resource is drift until its project applies again. */
function touched(cp: ControlPlane, actor: Actor, before: StoredResource | undefined, desired: Resource, id?: string): StoredResource {
  const at = new Date(cp.now()).toISOString();
  const managedBy = before?.managed_by ?? null;
  const after = nextVersion(before, desired, { id: id ?? newResourceId(desired.kind), by: actor.name, at, managedBy });
  return managedBy === null ? after : { ...after, drift: { by: actor.name, at } };
}
