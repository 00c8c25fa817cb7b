/** Bindings over HTTP (row PL3). */
import * as z from 'zod';
import { StoaError } from '../../../schema/error.js';
import { pageOf } from '../http/answers.js';
import { endpoint, type Endpoint } from '../http/endpoint.js';
import { pageAnswer } from '../http/page.js';
import { invalidField } from '../http/parse.js';
import { requireTenant } from '../tenants/access.js';
import { requirePolicy } from './access.js';
import { bindPolicy, listBindings, targetOf, unbindPolicy } from './bindings.js';

const tag = 'Policies';
const urls = ['/admin/policies/bindings'];
const id = z.string().min(1).max(200);
const bindingsQuery = z.strictObject({ policy_id: id.describe('Id or name of the policy.') });

/** A binding in an answer. */
export const policyBinding = z.strictObject({
  id: z.string().describe('Id of the binding, the same for the same policy and target.'),
  policy_id: z.string().describe('Id of the policy.'),
  tenant_id: z.string().describe('Name of the tenant.'),
  api_catalog_id: z.string().nullable().describe('Id of the API; null when every API is governed.'),
  consumer_id: z.string().nullable().describe('Id of the consumer; null when every consumer is governed.'),
});

const createBinding = endpoint({
  id: 'createPolicyBinding',
  method: 'POST',
  urls,
  tag,
  summary: 'Bind a policy to an API, a consumer, or the tenant',
  right: 'write',
  body: z.strictObject({
    policy_id: id.describe('Id or name of the policy.'),
    api_catalog_id: id.optional().describe('Id or name of the API.'),
    api_id: id.optional().describe('Another word for api_catalog_id.'),
    consumer_id: id.optional().describe('Id or name of the consumer; with an API: only its requests there.'),
    tenant_id: id.optional().describe('Id or name of the tenant, where the policy is named and not given by its id.'),
  }),
  status: 201,
  answer: policyBinding,
  errors: ['conflict', 'not_found'],
  examples: {
    body: { policy_id: 'pol-5e0a17', api_catalog_id: 'api-xyz789', tenant_id: 'ten-abc123' },
    answer: { id: 'bin-8c4e2f91ab03', policy_id: 'pol-5e0a17', tenant_id: 'acme', api_catalog_id: 'api-xyz789', consumer_id: null },
  },
  async handle(cp, { actor, body: { policy_id, api_catalog_id, api_id, consumer_id, tenant_id } }) {
    if (api_catalog_id !== undefined && api_id !== undefined) throw invalidField('api_id', 'Give api_catalog_id or api_id, not both.');
    const tenant = tenant_id === undefined ? undefined : (await requireTenant(cp.db, actor, tenant_id)).name;
    const policy = await requirePolicy(cp, actor, policy_id, tenant);
    const target = await targetOf(cp.db, policy.tenant, api_catalog_id ?? api_id, consumer_id);
    return bindPolicy(cp, actor, policy, target);
  },
});

const listPolicyBindings = endpoint({
  id: 'listPolicyBindings',
  method: 'GET',
  urls,
  tag,
  summary: 'List the bindings of a policy',
  right: 'read',
  query: bindingsQuery,
  status: 200,
  answer: pageOf('bindings', policyBinding),
  errors: ['not_found'],
  async handle(cp, { actor, query }) {
    const bindings = await listBindings(cp.db, await requirePolicy(cp, actor, query.policy_id));
    return pageAnswer('bindings', bindings, bindings.length, { page: 1, limit: Math.max(1, bindings.length) });
  },
});

const deleteBinding = endpoint({
  id: 'deletePolicyBinding',
  method: 'DELETE',
  urls: urls.map((url) => `${url}/:binding`),
  tag,
  summary: 'Take a binding away',
  right: 'write',
  params: z.object({ binding: z.string().describe('Id of the binding.') }),
  query: bindingsQuery,
  status: 204,
  async handle(cp, { actor, params: { binding }, query }) {
    const policy = await requirePolicy(cp, actor, query.policy_id);
    if (!(await listBindings(cp.db, policy)).some((known) => known.id === binding))
      throw new StoaError('not_found', `Binding "${binding}" does not exist.`);
    await unbindPolicy(cp, actor, policy, binding);
  },
});

export const bindingEndpoints: readonly Endpoint[] = [createBinding, listPolicyBindings, deleteBinding];
