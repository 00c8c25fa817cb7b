/** Policies over HTTP: of all tenants below /admin, of one below its tenant; the same handlers (decision K7). */
import * as z from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import type { Json, JsonObject } from '../../../schema/kind.js';
import { policyKind, type PolicySpec } from '../../../schema/kinds/policy.js';
import { catalog } from '../../catalog.js';
import type { Actor, ControlPlane } from '../context.js';
import { pageOf, resourceAnswer, resourceBody } from '../http/answers.js';
import { jsonObject } from '../http/body.js';
import { endpoint, type Endpoint } from '../http/endpoint.js';
import { listQuery, offsetOf, pageAnswer } from '../http/page.js';
import { invalidField } from '../http/parse.js';
import { writtenAnswer, changeOperation, getOperation, removeOperation, type RestKind } from '../resources/kind-endpoints.js';
import { createResource, nameIn, requireText } from '../resources/rest.js';
import { countResources, listResources } from '../resources/store.js';
import { requireTenant } from '../tenants/access.js';
import { requirePolicy } from './access.js';
import { bindingEndpoints, policyBinding } from './binding-routes.js';
import { listBindings, targetOf } from './bindings.js';

const tag = 'Policies';
const urls = ['/tenants/:tenant/policies', '/admin/policies'];
const policy = policyKind(catalog.policyTypes);

const policies: RestKind = {
  definition: policy,
  tag,
  urls,
  answer: resourceAnswer(policy, {
    tenant_id: z.string().describe('Name of the tenant.'),
    bindings: z.array(policyBinding).describe('The targets, each with its id.'),
    warnings: z.array(z.string()).optional().describe('In the answer to a write: what may surprise.'),
  }),
  bodyFields: {
    tenant_id: z.string().optional().describe('Id or name of the tenant, where the path names none.'),
    api_id: z.string().optional().describe('Id or name of an API: binds the policy to it.'),
    consumer_id: z.string().optional().describe('Id or name of a consumer: binds the policy to it.'),
  },
  examples: { change: { config: { requests_per_minute: 200, burst: 20 } } },
  view: (cp, resources) => Promise.all(resources.map((resource) => viewPolicy(cp, resource))),
  find: (cp, actor, tenant, idOrName) => requirePolicy(cp, actor, idOrName, tenant?.name),
  patch: patchOf,
  warnings: (_cp, policy) => warningsFor(policy),
};

const create = endpoint({
  id: 'createPolicy',
  method: 'POST',
  urls,
  tag,
  summary: 'Create a policy',
  right: 'write',
  body: jsonObject,
  documentedBody: resourceBody(policy, policies.bodyFields),
  status: 201,
  answer: policies.answer,
  errors: ['conflict', 'not_found'],
  examples: {
    body: {
      name: 'browser-cors',
      policy_type: 'cors',
      tenant_id: 'ten-abc123',
      scope: 'api',
      config: {
        origins: ['https://yourapp.com', 'http://localhost:3000'],
        methods: ['GET', 'POST', 'PUT', 'DELETE'],
        headers: ['Content-Type', 'X-API-Key'],
        max_age: 3600,
      },
    },
  },
  async handle(cp, { actor, tenant, body, reply }) {
    const { name: _name, tenant_id, consumer_id, api_id, ...fields } = body;
    const owner = tenant ?? (await requireTenant(cp.db, actor, tenantWord(tenant_id, actor.tenant)));
    const spec = await withBinding(cp, owner.name, fields, { api_id, consumer_id });
    const draft = { kind: 'Policy', tenant: owner.name, name: nameIn(body), spec };
    const created = await createResource(cp, actor, draft);
    return writtenAnswer(cp, policies, reply, created);
  },
});

const list = endpoint({
  id: 'listPolicies',
  method: 'GET',
  urls,
  tag,
  summary: 'List policies',
  right: 'read',
  query: listQuery.extend({ tenant_id: z.string().optional().describe('Id or name of the tenant, where the path names none.') }),
  status: 200,
  answer: pageOf('policies', policies.answer),
  async handle(cp, { actor, tenant, query }) {
    const { tenant_id, ...page } = query;
    const named = tenant ?? (tenant_id === undefined ? undefined : await requireTenant(cp.db, actor, tenant_id));
    const filter = { kind: 'Policy', tenant: named?.name ?? actor.tenant };
    const found = await listResources(cp.db, filter, offsetOf(page), page.limit);
    return pageAnswer('policies', await policies.view(cp, found), await countResources(cp.db, filter), page);
  },
});

export const policyEndpoints: readonly Endpoint[] = [
  create,
  list,
  getOperation(policies),
  changeOperation(policies),
  removeOperation(policies),
  ...bindingEndpoints,
];

/** Where the path names no tenant it stands in the body, or in the token. */
function tenantWord(inBody: Json | undefined, ofActor: string | undefined): string {
  if (inBody !== undefined && typeof inBody !== 'string') throw invalidField('tenant_id', 'Expected a text.');
  const word = inBody ?? ofActor;
  if (word === undefined) throw invalidField('tenant_id', 'The field "tenant_id" is missing.');
  return word;
}

/** `api_id` and `consumer_id` bind a policy while it is written (decision K23). */
async function withBinding(
  { db }: ControlPlane,
  tenant: string,
  fields: JsonObject,
  ids: Readonly<Record<'api_id' | 'consumer_id', Json | undefined>>,
): Promise<JsonObject> {
  const { api_id, consumer_id } = ids;
  if (api_id === undefined && consumer_id === undefined) return fields;
  const target = await targetOf(db, tenant, optionalText('api_id', api_id), optionalText('consumer_id', consumer_id));
  const targets = fields['targets'] ?? [];
  if (!Array.isArray(targets)) throw invalidField('targets', 'Expected a list.');
  return { ...fields, targets: [...(targets as readonly Json[]), target as unknown as Json] };
}

function optionalText(field: string, value: Json | undefined): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw invalidField(field, 'Expected a text.');
}

async function patchOf(cp: ControlPlane, actor: Actor, { tenant }: StoredResource, body: JsonObject): Promise<JsonObject> {
  const { tenant_id, consumer_id, api_id, ...fields } = body;
  if (tenant_id !== undefined) {
    const named = await requireTenant(cp.db, actor, requireText({ tenant_id }, 'tenant_id'));
    if (named.name !== tenant) throw invalidField('tenant_id', 'A policy cannot move to another tenant.');
  }
  return withBinding(cp, tenant, fields, { api_id, consumer_id });
}

async function viewPolicy({ db }: ControlPlane, policy: StoredResource): Promise<Record<string, unknown>> {
  const { id, name, tenant, spec, managed_by, created_at, updated_at } = policy;
  return { id, name, tenant_id: tenant, ...spec, bindings: await listBindings(db, policy), managed_by, created_at, updated_at };
}

/** Decision K23: a policy of the tenant that was meant for one consumer governs all of them until it is bound. */
function warningsFor({ spec }: StoredResource): readonly string[] {
  const { scope, targets } = spec as unknown as PolicySpec;
  if (scope !== 'tenant' || targets.length > 0) return [];
  return ['The policy governs every consumer and API of the tenant. Give consumer_id, or bind it, to narrow it down.'];
}
