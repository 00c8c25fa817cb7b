/** Policies over HTTP: of all tenants below /admin, of one below its tenant; the same handlers (decision K7). */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import type { Json, JsonObject } from '../../../schema/kind.js';
import type { PolicySpec } from '../../../schema/kinds/policy.js';
import { requireRight, type Right } from '../auth/roles.js';
import type { ControlPlane } from '../context.js';
import { etagOf, expectedVersion } from '../http/etag.js';
import { listQuery, offsetOf, pageAnswer } from '../http/page.js';
import { invalidField, parse } from '../http/parse.js';
import { bodyOf, changeResource, createResource, patchSpec, removeResource, requireText } from '../resources/rest.js';
import { countResources, listResources } from '../resources/store.js';
import { requireTenant } from '../tenants/access.js';
import { requirePolicy } from './access.js';
import { listBindings, targetOf } from './bindings.js';
import { addBindingRoutes } from './binding-routes.js';

const tenantParams = z.object({ tenant: z.string().optional() });
const policyParams = z.object({ tenant: z.string().optional(), policy: z.string() });
const policiesQuery = listQuery.extend({ tenant_id: z.string().optional() });

/** Routes of policies and their bindings, mounted below `/v1`. */
export const policyRoutes: FastifyPluginAsync<{ cp: ControlPlane }> = (app, { cp }) => {
  addBindingRoutes(app, cp);
  for (const url of ['/admin/policies', '/tenants/:tenant/policies']) {
    app.post(url, async (request, reply) => {
      const policy = await create(cp, request);
      return reply
        .code(201)
        .header('etag', etagOf(policy))
        .send({ ...(await viewPolicy(cp, policy)), ...warningsFor(policy) });
    });
    app.get(url, (request) => list(cp, request));
    app.get(`${url}/:policy`, async (request, reply) => {
      const policy = await policyOf(cp, request, 'read');
      return reply.header('etag', etagOf(policy)).send(await viewPolicy(cp, policy));
    });
    app.route({
      method: ['PATCH', 'PUT'],
      url: `${url}/:policy`,
      handler: async (request, reply) => {
        const changed = await patch(cp, request);
        return reply.header('etag', etagOf(changed)).send(await viewPolicy(cp, changed));
      },
    });
    app.delete(`${url}/:policy`, async (request, reply) => {
      const policy = await policyOf(cp, request, 'write');
      await removeResource(cp, request.actor, policy, expectedVersion(request, policy));
      return reply.code(204).send();
    });
  }
  return Promise.resolve();
};

async function create(cp: ControlPlane, { actor, params, body }: FastifyRequest): Promise<StoredResource> {
  const { name: _name, tenant_id, consumer_id, api_id, ...fields } = bodyOf(body);
  const tenant = (await requireTenant(cp.db, actor, tenantWord(parse(tenantParams, params).tenant, tenant_id, actor.tenant))).name;
  requireRight(actor, 'write');
  const spec = await withBinding(cp, tenant, fields, { api_id, consumer_id });
  return createResource(cp, actor, { kind: 'Policy', tenant, name: requireText(bodyOf(body), 'name'), spec });
}

/** The tenant stands in the path, in the body, or in the token. */
function tenantWord(inPath: string | undefined, inBody: Json | undefined, ofActor: string | undefined): string {
  if (inBody !== undefined && typeof inBody !== 'string') throw invalidField('tenant_id', 'Expected a text.');
  const word = inPath ?? inBody ?? ofActor;
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

async function patch(cp: ControlPlane, request: FastifyRequest): Promise<StoredResource> {
  const policy = await policyOf(cp, request, 'write');
  const { tenant_id, consumer_id, api_id, ...fields } = bodyOf(request.body);
  if (tenant_id !== undefined) {
    const named = await requireTenant(cp.db, request.actor, requireText({ tenant_id }, 'tenant_id'));
    if (named.name !== policy.tenant) throw invalidField('tenant_id', 'A policy cannot move to another tenant.');
  }
  const wanted = await withBinding(cp, policy.tenant, fields, { api_id, consumer_id });
  const change = (spec: JsonObject) => patchSpec({ name: policy.name, spec }, wanted);
  return changeResource(cp, request.actor, policy, change, { expectVersion: expectedVersion(request, policy) });
}

async function policyOf(cp: ControlPlane, { actor, params }: FastifyRequest, right: Right): Promise<StoredResource> {
  const { policy, tenant } = parse(policyParams, params);
  const found = await requirePolicy(cp, actor, policy, tenant);
  requireRight(actor, right);
  return found;
}

async function list(cp: ControlPlane, { actor, params, query }: FastifyRequest): Promise<Record<string, unknown>> {
  requireRight(actor, 'read');
  const { tenant_id, ...page } = parse(policiesQuery, query);
  const word = parse(tenantParams, params).tenant ?? tenant_id;
  const tenant = word === undefined ? actor.tenant : (await requireTenant(cp.db, actor, word)).name;
  const filter = { kind: 'Policy', tenant };
  const policies = await listResources(cp.db, filter, offsetOf(page), page.limit);
  return pageAnswer(
    'policies',
    await Promise.all(policies.map((policy) => viewPolicy(cp, policy))),
    await countResources(cp.db, filter),
    page,
  );
}

async function viewPolicy({ db }: ControlPlane, policy: StoredResource): Promise<Record<string, unknown>> {
  const { id, name, tenant, spec, managed_by, created_at, updated_at } = policy;
  return { id, name, tenant_id: tenant, ...spec, bindings: await listBindings(db, policy), managed_by, created_at, updated_at };
}

/** Decision K23: a policy of the tenant that was meant for one consumer governs all of them until it is bound. */
function warningsFor({ spec }: StoredResource): { readonly warnings?: readonly string[] } {
  const { scope, targets } = spec as unknown as PolicySpec;
  if (scope !== 'tenant' || targets.length > 0) return {};
  return { warnings: ['The policy governs every consumer and API of the tenant. Give consumer_id, or bind it, to narrow it down.'] };
}
