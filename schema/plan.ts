/** What an apply would change: the difference between the desired set and what is there. Pure; the CLI prints it, the control plane executes it. */
import type { Catalog } from './catalog.js';
import type { Change, Plan, PlanRequest, Refusal, StoredResource } from './change.js';
import { IMMUTABLE_HINT, immutableChanges } from './check-cross.js';
import { chooseDeletes, dependentsFinder, heldBack, isForeign, ownerRefusal } from './plan-deletes.js';
import { breakingReasons, fieldChanges, isSame } from './plan-fields.js';
import { keyOf, type Resource } from './resource.js';

export interface PlanInput {
  readonly catalog: Catalog;
  /** Its resources are checked. */
  readonly request: PlanRequest;
  /** The resources of the named keys, all that the project owns, and all that depends on what goes. */
  readonly current: readonly StoredResource[];
  /** Revision of the declared state that `current` was read at. */
  readonly revision: number;
}

/**
 * The changes that make the desired set true, in reading order, and what stops them. The order of the input does not matter.
 * Throws `validation_error` when `max_deletes` is neither a count nor a share.
 */
export function plan({ catalog, request, current, revision }: PlanInput): Plan {
  const stored = new Map(current.map((resource) => [keyOf(resource), resource]));
  const writes = request.resources.map((resource) => write(catalog, request, resource, stored.get(keyOf(resource))));
  const wanted = new Set(request.resources.map(keyOf));
  const chosen = chooseDeletes(request, stored, wanted);
  const removed = deletes(catalog, chosen.deletes, stored);
  const changes = [...writes.flatMap(({ change }) => (change === undefined ? [] : [change])), ...removed.changes];
  const count = (action: Change['action']): number => changes.filter((change) => change.action === action).length;
  return {
    schema_version: 1,
    project: request.project,
    revision,
    changes: inReadingOrder(catalog, changes),
    summary: {
      create: count('create'),
      update: count('update'),
      delete: count('delete'),
      unchanged: writes.filter((entry) => entry.isUnchanged).length,
    },
    refusals: sortRefusals([...writes.flatMap(({ refusals }) => refusals), ...chosen.refusals, ...removed.refusals]),
    diagnostics: [],
  };
}

interface Write {
  readonly change?: Change;
  readonly refusals: readonly Refusal[];
  readonly isUnchanged?: boolean;
}

function write(catalog: Catalog, request: PlanRequest, desired: Resource, stored: StoredResource | undefined): Write {
  const { kind, tenant, name } = desired;
  if (stored === undefined)
    return { change: { kind, tenant, name, action: 'create', version: 0, fields: fieldChanges(undefined, desired) }, refusals: [] };
  const foreign = isForeign(stored, request.project);
  if (foreign && request.take_ownership !== true) return { refusals: [ownerRefusal(stored)] };
  const isOwned = stored.managed_by === request.project;
  if (isOwned && isSame(stored, desired)) return { refusals: [], isUnchanged: true };
  const definition = catalog.find(kind);
  const breaking = definition === undefined ? [] : breakingReasons(definition, stored, desired);
  const change: Change = {
    kind,
    tenant,
    name,
    action: 'update',
    version: stored.version,
    fields: fieldChanges(stored, desired),
    ...(stored.managed_by === null ? { adopted: true } : {}),
    ...(foreign && stored.managed_by !== null ? { taken_from: stored.managed_by } : {}),
    ...(stored.drift === undefined ? {} : { drift: stored.drift }),
    ...(breaking.length === 0 ? {} : { breaking }),
  };
  const fixed = definition === undefined ? [] : immutableChanges(definition, stored, desired);
  return {
    change,
    refusals: fixed.map(({ message }) => ({
      code: 'conflict',
      resource: keyOf(desired),
      message,
      hint: IMMUTABLE_HINT,
    })),
  };
}

function deletes(
  catalog: Catalog,
  chosen: ReturnType<typeof chooseDeletes>['deletes'],
  stored: ReadonlyMap<string, StoredResource>,
): { changes: Change[]; refusals: Refusal[] } {
  if (chosen.length === 0) return { changes: [], refusals: [] };
  const dependentsOf = dependentsFinder(catalog, stored);
  const going = new Set(chosen.map(keyOf));
  const refusals: Refusal[] = [];
  const changes = chosen.map((resource): Change => {
    const { kind, tenant, name, version, drift, taken_from } = resource;
    const staying = dependentsOf(resource).filter((dependent) => !going.has(keyOf(dependent)));
    refusals.push(...heldBack(catalog, resource, staying));
    const dependents = staying.map(keyOf).sort();
    const definition = catalog.find(kind);
    const breaking = definition === undefined ? [] : breakingReasons(definition, resource, undefined);
    return {
      kind,
      tenant,
      name,
      action: 'delete',
      version,
      fields: [],
      ...(taken_from === undefined ? {} : { taken_from }),
      ...(drift === undefined ? {} : { drift }),
      ...(breaking.length === 0 ? {} : { breaking }),
      ...(dependents.length === 0 ? {} : { dependents }),
    };
  });
  return { changes, refusals };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Tenant, kind as in the catalog, name; deletes last. */
function inReadingOrder(catalog: Catalog, changes: readonly Change[]): Change[] {
  const ranks = new Map(catalog.kinds.map(({ kind }, index) => [kind, index]));
  const rank = ({ kind }: Change): number => ranks.get(kind) ?? ranks.size;
  const last = ({ action }: Change): number => (action === 'delete' ? 1 : 0);
  return [...changes].sort((a, b) => last(a) - last(b) || compare(a.tenant, b.tenant) || rank(a) - rank(b) || compare(a.name, b.name));
}

const sortRefusals = (refusals: readonly Refusal[]): Refusal[] =>
  [...refusals].sort((a, b) => compare(a.resource ?? '', b.resource ?? '') || compare(a.message, b.message));
