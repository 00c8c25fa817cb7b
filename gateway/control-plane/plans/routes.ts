/** Plans over HTTP: what subscribers of a tenant may choose, those that ship with the product included (row SB8). */
import * as z from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import { isBuiltinPlan, plan } from '../../../schema/kinds/plan.js';
import { resourceAnswer } from '../http/answers.js';
import { tenantEndpoint, type Endpoint } from '../http/endpoint.js';
import { listQuery, offsetOf, pageAnswer } from '../http/page.js';
import {
  changeOperation,
  createOperation,
  getOperation,
  listOperation,
  removeOperation,
  type RestKind,
} from '../resources/kind-endpoints.js';
import { requireResource } from '../resources/rest.js';
import { countResources, findResource, listResources } from '../resources/store.js';
import { builtinPlans } from './builtin.js';

const plans: RestKind = {
  definition: plan,
  tag: 'Plans',
  urls: ['/tenants/:tenant/plans'],
  answer: resourceAnswer(plan, {
    tenant_id: z.string().describe('Name of the tenant.'),
    built_in: z.boolean().describe('Whether it ships with the product; a plan of that name in the tenant takes its place.'),
  }),
  view: (_cp, resources) => Promise.resolve(resources.map(viewPlan)),
};

/** One that can be changed. Throws `not_found`, and `conflict` for one that ships with the product. */
const declared: RestKind = {
  ...plans,
  async find({ db }, _actor, tenant, name) {
    const found = await findResource(db, 'Plan', tenant?.name ?? '', name);
    if (found !== undefined || !isBuiltinPlan(name)) return found ?? requireResource(db, 'Plan', tenant?.name ?? '', name);
    throw new StoaError('conflict', `Plan "${name}" ships with the product.`, { hint: 'Create a plan of this name to take its place.' });
  },
};

const shown: RestKind = {
  ...plans,
  async find(cp, _actor, tenant, name) {
    const shipped = tenant === undefined ? [] : await builtinPlans(cp.db, tenant);
    return shipped.find((each) => each.name === name) ?? requireResource(cp.db, 'Plan', tenant?.name ?? '', name);
  },
};

const list = tenantEndpoint({
  ...listOperation(plans),
  method: 'GET',
  query: listQuery,
  async handle({ db }, { tenant, query }) {
    const filter = { kind: 'Plan', tenant: tenant.name };
    const [own, count, shipped] = [
      await listResources(db, filter, offsetOf(query), query.limit),
      await countResources(db, filter),
      await builtinPlans(db, tenant),
    ];
    const start = Math.max(0, offsetOf(query) - count);
    const page = [...own, ...shipped.slice(start, start + query.limit - own.length)];
    return pageAnswer('plans', page.map(viewPlan), count + shipped.length, query);
  },
});

export const planEndpoints: readonly Endpoint[] = [
  createOperation(plans),
  list,
  getOperation(shown),
  changeOperation(declared),
  removeOperation(declared),
];

function viewPlan({ id, name, tenant, spec, managed_by, created_at, updated_at }: StoredResource): Record<string, unknown> {
  return { id, name, tenant_id: tenant, built_in: id === name, ...spec, managed_by, created_at, updated_at };
}
