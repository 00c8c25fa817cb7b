/** What a plan deletes, what depends on it, and the guards in front of it. */
import type { Catalog } from './catalog.js';
import type { PlanRequest, Refusal, StoredResource } from './change.js';
import { StoaError } from './error.js';
import { keyOf, type Resource } from './resource.js';

/** A resource with this annotation is never deleted. */
const PROTECTED = 'stoa/protected';
const isProtected = ({ annotations }: Resource): boolean => annotations[PROTECTED] === 'true';

export interface Deletes {
  readonly deletes: readonly (StoredResource & { readonly taken_from?: string })[];
  readonly refusals: readonly Refusal[];
}

/** What goes: what is named, and with `prune` what the project owns and the set no longer names. */
export function chooseDeletes(request: PlanRequest, current: ReadonlyMap<string, StoredResource>, wanted: ReadonlySet<string>): Deletes {
  const named = namedDeletes(request, current, wanted);
  const taken = new Set(named.deletes.map(keyOf));
  const owned = [...current.values()].filter(({ managed_by }) => managed_by === request.project);
  const pruned = request.prune === true ? owned.filter((resource) => !wanted.has(keyOf(resource)) && !taken.has(keyOf(resource))) : [];
  const deletes = [...named.deletes, ...pruned];
  return {
    deletes,
    refusals: [
      ...named.refusals,
      ...emptySet(request),
      ...deletes.flatMap(protectedRefusal),
      ...tooMany(request, deletes.length, owned.length),
    ],
  };
}

function namedDeletes(
  { delete: keys = [], project, take_ownership }: PlanRequest,
  current: ReadonlyMap<string, StoredResource>,
  wanted: ReadonlySet<string>,
): Deletes {
  const deletes = new Map<string, StoredResource & { taken_from?: string }>();
  const refusals: Refusal[] = [];
  for (const key of keys) {
    const resource = keyOf(key);
    const stored = current.get(resource);
    if (stored === undefined)
      refusals.push({
        code: 'not_found',
        resource,
        message: `There is no ${resource} to delete.`,
        hint: 'Run "stoactl get" to see what there is.',
      });
    else if (wanted.has(resource))
      refusals.push({
        code: 'conflict',
        resource,
        message: `${resource} is to be deleted and is in the set.`,
        hint: 'Leave it out of one of them.',
      });
    else if (isForeign(stored, project) && take_ownership !== true) refusals.push(ownerRefusal(stored));
    else deletes.set(resource, isForeign(stored, project) ? { ...stored, taken_from: stored.managed_by ?? '' } : stored);
  }
  return { deletes: [...deletes.values()], refusals };
}

/** Whether another project owns it. What nobody owns was made by hand over REST. */
export const isForeign = ({ managed_by }: StoredResource, project: string): boolean => managed_by !== null && managed_by !== project;

export function ownerRefusal(stored: StoredResource): Refusal {
  return {
    code: 'conflict',
    resource: keyOf(stored),
    message: `${keyOf(stored)} belongs to the project "${stored.managed_by ?? ''}".`,
    hint: 'Add --take-ownership to take it over, or leave it out of this set.',
  };
}

function emptySet({ prune, resources }: PlanRequest): Refusal[] {
  if (prune !== true || resources.length > 0) return [];
  return [
    {
      code: 'guard_refused',
      message: 'The set is empty: pruning would delete everything that the project owns.',
      hint: 'Check which files are read. To delete resources name them with "stoactl delete".',
    },
  ];
}

/** What stops the deletion of a protected resource. */
export function protectedRefusal(stored: StoredResource): Refusal[] {
  if (!isProtected(stored)) return [];
  return [
    {
      code: 'guard_refused',
      resource: keyOf(stored),
      message: `${keyOf(stored)} is protected by its annotation "${PROTECTED}".`,
      hint: 'Keep it in the set, or set the annotation to "false" and apply that first.',
    },
  ];
}

function tooMany({ max_deletes, project }: PlanRequest, count: number, owned: number): Refusal[] {
  if (max_deletes === undefined || count === 0) return [];
  const limit = deleteLimit(max_deletes, owned);
  if (count <= limit) return [];
  const share = max_deletes.endsWith('%') ? ` (of the ${owned} that the project "${project}" owns)` : '';
  return [
    {
      code: 'guard_refused',
      message: `The plan deletes ${count} ${count === 1 ? 'resource' : 'resources'}; at most ${max_deletes}${share} are allowed.`,
      hint: 'Look at the deletes. If they are meant, raise --max-deletes.',
    },
  ];
}

/** A count (`5`) or a share (`10%`), which is rounded down. Throws `validation_error` for anything else. */
function deleteLimit(text: string, owned: number): number {
  const [, amount, percent] = /^(\d{1,9})(%?)$/.exec(text.trim()) ?? [];
  if (amount === undefined || (percent === '%' && Number(amount) > 100))
    throw new StoaError('validation_error', `"${text}" is not a number of deletes.`, {
      hint: 'Write a count such as 5, or a share such as 10%.',
    });
  return percent === '%' ? Math.floor((Number(amount) * owned) / 100) : Number(amount);
}

/** Finds what depends on a resource: all that a tenant holds, all that refers to it, and so on. Built once, and only when something goes. */
export function dependentsFinder(catalog: Catalog, current: ReadonlyMap<string, StoredResource>): (resource: Resource) => StoredResource[] {
  const users = new Map<string, StoredResource[]>();
  const add = (key: string, user: StoredResource): void => {
    const list = users.get(key);
    if (list === undefined) users.set(key, [user]);
    else list.push(user);
  };
  const owner = catalog.kinds.find(({ scope }) => scope === 'global');
  for (const resource of current.values()) {
    const definition = catalog.find(resource.kind);
    if (definition === undefined || definition.scope === 'global') continue;
    if (owner !== undefined) add(keyOf({ kind: owner.kind, tenant: resource.tenant, name: resource.tenant }), resource);
    for (const { kind, name } of definition.references(resource.spec)) {
      const isGlobal = catalog.find(kind)?.scope === 'global';
      if (!isGlobal) add(keyOf({ kind, tenant: resource.tenant, name }), resource);
    }
  }
  return (resource) => {
    const found = new Map<string, StoredResource>();
    const queue = [keyOf(resource)];
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
      for (const user of users.get(key) ?? []) {
        if (found.has(keyOf(user))) continue;
        found.set(keyOf(user), user);
        queue.push(keyOf(user));
      }
    }
    return [...found.values()];
  };
}

/** A tenant takes what it holds with it: what is protected there holds the tenant. */
export function heldBack(catalog: Catalog, resource: Resource, dependents: readonly StoredResource[]): Refusal[] {
  if (catalog.find(resource.kind)?.scope !== 'global') return [];
  return dependents.filter(isProtected).map((dependent) => ({
    code: 'guard_refused',
    resource: keyOf(resource),
    message: `${keyOf(resource)} cannot go: it holds ${keyOf(dependent)}, which is protected by its annotation "${PROTECTED}".`,
    hint: 'Set the annotation to "false" and apply that first.',
  }));
}
