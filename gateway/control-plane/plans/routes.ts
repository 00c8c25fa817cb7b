/** Plans over HTTP: what subscribers of a tenant may choose. */
import * as z from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import { plan } from '../../../schema/kinds/plan.js';
import { resourceAnswer } from '../http/answers.js';
import type { Endpoint } from '../http/endpoint.js';
import {
  changeOperation,
  createOperation,
  getOperation,
  listOperation,
  removeOperation,
  type RestKind,
} from '../resources/kind-endpoints.js';

const plans: RestKind = {
  definition: plan,
  tag: 'Plans',
  urls: ['/tenants/:tenant/plans'],
  answer: resourceAnswer(plan, { tenant_id: z.string().describe('Name of the tenant.') }),
  view: (_cp, resources) => Promise.resolve(resources.map(viewPlan)),
};

export const planEndpoints: readonly Endpoint[] = [
  createOperation(plans),
  listOperation(plans),
  getOperation(plans),
  changeOperation(plans),
  removeOperation(plans),
];

function viewPlan({ id, name, tenant, spec, managed_by, created_at, updated_at }: StoredResource): Record<string, unknown> {
  return { id, name, tenant_id: tenant, ...spec, managed_by, created_at, updated_at };
}
