/** Plans that ship with the product, as every tenant has them (decision K2). */
import type { StoredResource } from '../../../schema/change.js';
import { BUILTIN_PLANS } from '../../../schema/kinds/plan.js';
import type { Db } from '../context.js';
import { resourcesByKey } from '../resources/store.js';

/** Those in whose place a tenant has declared none. Each is as old as its tenant, and its id is its name. */
export async function builtinPlans(db: Db, { name: tenant, created_at }: StoredResource): Promise<StoredResource[]> {
  const shipped = Object.entries(BUILTIN_PLANS).map(([name, spec]): StoredResource => {
    const plan = { kind: 'Plan', tenant, name, labels: {}, annotations: {}, spec: { ...spec } };
    return { ...plan, id: name, version: 0, managed_by: null, created_at, updated_at: created_at, updated_by: '' };
  });
  const replaced = new Set((await resourcesByKey(db, shipped)).map(({ name }) => name));
  return shipped.filter(({ name }) => !replaced.has(name));
}
