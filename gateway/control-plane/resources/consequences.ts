/** What else follows from the changes of a plan, and what stops them: the part that only the database knows. */
import type { Change, Plan, PlanRequest, Refusal, StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import { isForeign, protectedRefusal } from '../../../schema/plan-deletes.js';
import { keyOf, type Resource } from '../../../schema/resource.js';
import type { ControlPlane, Trx } from '../context.js';
import { cascade, type CascadeStep } from './cascade.js';
import { claimHolders, claimTaken } from './claims-store.js';
import { namedLikeIds, nameTaken } from './names-store.js';

interface Found {
  readonly plan: Plan;
  readonly desired: readonly Resource[];
  readonly current: readonly StoredResource[];
}

export interface Consequences {
  /** What the deletes take along or change. */
  readonly steps: readonly CascadeStep[];
  readonly refusals: readonly Refusal[];
}

/** A plan shows what would stop its apply, rather than leave it to the apply. */
export async function consequencesOf(cp: ControlPlane, trx: Trx, request: PlanRequest, found: Found): Promise<Consequences> {
  if (found.plan.refusals.length > 0) return { steps: [], refusals: [] };
  const { steps, refusals } = deletionsOf(cp, request, found);
  return { steps, refusals: [...refusals, ...(await nameRefusals(trx, found.plan)), ...(await claimRefusals(cp, trx, found, steps))] };
}

function deletionsOf({ catalog }: ControlPlane, request: PlanRequest, { plan: { changes }, current }: Found): Consequences {
  const deleted = new Set(changes.filter(({ action }) => action === 'delete').map(keyOf));
  const gone = deleted.size === 0 ? [] : current.filter((resource) => deleted.has(keyOf(resource)));
  if (gone.length === 0) return { steps: [], refusals: [] };
  const handled = new Set([...deleted, ...request.resources.map(keyOf)]);
  const others = current.filter((resource) => !handled.has(keyOf(resource)));
  try {
    const steps = cascade(catalog, gone, others);
    return { steps, refusals: steps.flatMap((step) => stepRefusals(request, step)) };
  } catch (error) {
    if (!(error instanceof StoaError) || error.code !== 'conflict') throw error;
    return { steps: [], refusals: [{ code: 'conflict', message: error.message, hint: error.hint ?? '' }] };
  }
}

/** What another project owns does not go with what this one deletes, and what is protected goes with nothing. */
function stepRefusals({ project, take_ownership }: PlanRequest, { before, after }: CascadeStep): Refusal[] {
  if (isForeign(before, project) && take_ownership !== true) {
    const message = `${keyOf(before)} depends on what would be deleted, and belongs to project "${before.managed_by ?? ''}".`;
    return [{ code: 'conflict', resource: keyOf(before), message, hint: 'Delete it there first, or apply with --take-ownership.' }];
  }
  return after === undefined ? protectedRefusal(before) : [];
}

async function nameRefusals(trx: Trx, { changes }: Plan): Promise<Refusal[]> {
  const taken = await namedLikeIds(
    trx,
    changes.filter(({ action }) => action === 'create'),
  );
  return taken.map((key) => {
    const { message, hint = '' } = nameTaken(key);
    return { code: 'conflict', resource: keyOf(key), message, hint };
  });
}

/** Claims that resources outside of the set hold; inside of it the check has compared them. */
async function claimRefusals(
  cp: ControlPlane,
  trx: Trx,
  { plan: { changes }, desired, current }: Found,
  steps: readonly CascadeStep[],
): Promise<Refusal[]> {
  const written = new Set(changes.filter(({ action }: Change) => action !== 'delete').map(keyOf));
  const freed = new Set([...changes.map(keyOf), ...steps.flatMap(({ before, after }) => (after === undefined ? [keyOf(before)] : []))]);
  const stored = new Map(current.map((resource) => [keyOf(resource), resource]));
  const writes = desired.flatMap((resource) => {
    const before = stored.get(keyOf(resource));
    return written.has(keyOf(resource))
      ? [{ before, after: { ...resource, id: before?.id ?? '', created_at: before?.created_at ?? '' } }]
      : [];
  });
  const holders = await claimHolders(cp.catalog, trx, writes, freed);
  return holders.map((holder) => {
    const { message, hint = '' } = claimTaken(holder);
    return { code: 'conflict', resource: keyOf(holder), message, hint };
  });
}
