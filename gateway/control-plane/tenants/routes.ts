/** Tenants over HTTP (rows TN1 to TN10). */
import * as z from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import type { JsonObject } from '../../../schema/kind.js';
import { tenant as tenantKind } from '../../../schema/kinds/tenant.js';
import type { ControlPlane } from '../context.js';
import { pageOf, patchBody, resourceAnswer, resourceBody } from '../http/answers.js';
import { jsonObject } from '../http/body.js';
import { endpoint, tenantEndpoint, type Endpoint } from '../http/endpoint.js';
import { etagOf, expectedVersion } from '../http/etag.js';
import { listQuery, offsetOf, pageAnswer } from '../http/page.js';
import { changeResource, createResource, patchSpec, removeResource, nameIn } from '../resources/rest.js';
import { countResources, listResources } from '../resources/store.js';
import { reasonBody } from '../http/body.js';
import { hasOpenPortal, portalUrl } from '../portal/access.js';
import { suspensionsOf } from './store.js';
import { resumeTenant, suspendTenant } from './transitions.js';

const tag = 'Tenants';

const tenantAnswer = resourceAnswer(tenantKind, {
  status: z
    .enum(['provisioning', 'active', 'suspended'])
    .describe('provisioning in the answer that creates it, then active by itself; suspended while its traffic is stopped.'),
  gateway_url: z.string().describe('Where the gateway serves the APIs of the tenant.'),
  portal_url: z.string().nullable().describe('Where its clients ask for access; null without a developer portal.'),
});

const documentB = { name: 'acme', tier: 'starter', admin_email: 'admin@acme.com', region: 'us-east-1' };
const documentBAnswer = {
  id: 'ten-abc123',
  ...documentB,
  status: 'provisioning',
  gateway_url: 'https://gateway.gostoa.dev/acme',
  portal_url: null,
  settings: {},
  managed_by: null,
  created_at: '2025-01-09T10:00:00Z',
  updated_at: '2025-01-09T10:00:00Z',
};

const createTenant = endpoint({
  id: 'createTenant',
  method: 'POST',
  urls: ['/tenants'],
  tag,
  summary: 'Create a tenant',
  right: 'tenants',
  body: jsonObject,
  documentedBody: resourceBody(tenantKind),
  status: 201,
  answer: tenantAnswer,
  errors: ['conflict'],
  examples: { body: documentB, answer: documentBAnswer },
  async handle(cp, { actor, body, reply }) {
    if (actor.tenant !== undefined) throw new StoaError('forbidden');
    const { name: _name, ...spec } = body;
    const name = nameIn(body);
    const tenant = await createResource(cp, actor, { kind: 'Tenant', tenant: name, name, spec });
    void reply.header('etag', etagOf(tenant));
    // Nothing has to be prepared: a tenant is active as soon as it is read again (row TN2).
    return { ...view(cp, tenant, 'provisioning') };
  },
});

const listTenants = endpoint({
  id: 'listTenants',
  method: 'GET',
  urls: ['/tenants'],
  tag,
  summary: 'List tenants',
  right: 'read',
  query: listQuery,
  status: 200,
  answer: pageOf('tenants', tenantAnswer),
  async handle(cp, { actor, query }) {
    const filter = { kind: 'Tenant', tenant: actor.tenant };
    const tenants = await listResources(cp.db, filter, offsetOf(query), query.limit);
    return pageAnswer('tenants', await viewTenants(cp, tenants), await countResources(cp.db, filter), query);
  },
});

const getTenant = tenantEndpoint({
  id: 'getTenant',
  method: 'GET',
  urls: ['/tenants/:tenant'],
  tag,
  summary: 'Get a tenant',
  right: 'read',
  status: 200,
  answer: tenantAnswer,
  handle(cp, { tenant, reply }) {
    void reply.header('etag', etagOf(tenant));
    return viewTenant(cp, tenant);
  },
});

const updateTenant = tenantEndpoint({
  id: 'updateTenant',
  method: ['PATCH', 'PUT'],
  urls: ['/tenants/:tenant'],
  tag,
  summary: 'Change a tenant',
  right: 'tenants',
  body: jsonObject,
  documentedBody: patchBody(tenantKind),
  status: 200,
  answer: tenantAnswer,
  errors: ['precondition_failed'],
  examples: { body: { tier: 'business', settings: { rate_limit_multiplier: 2.0 } } },
  async handle(cp, { actor, tenant, body, request, reply }) {
    const patched = (spec: JsonObject) => patchSpec({ name: tenant.name, spec }, body, ['settings']);
    const changed = await changeResource(cp, actor, tenant, patched, { expectVersion: expectedVersion(request, tenant) });
    void reply.header('etag', etagOf(changed));
    return viewTenant(cp, changed);
  },
});

const deleteTenant = tenantEndpoint({
  id: 'deleteTenant',
  method: 'DELETE',
  urls: ['/tenants/:tenant'],
  tag,
  summary: 'Delete a tenant and everything in it',
  right: 'tenants',
  status: 204,
  errors: ['conflict', 'precondition_failed'],
  handle: (cp, { actor, tenant, request }) => removeResource(cp, actor, tenant, expectedVersion(request, tenant)),
});

const step = (name: 'suspend' | 'resume', summary: string, take: typeof suspendTenant): Endpoint =>
  tenantEndpoint({
    id: `${name}Tenant`,
    method: 'POST',
    urls: [`/tenants/:tenant/${name}`],
    tag,
    summary,
    right: 'tenants',
    body: reasonBody,
    bodyIsOptional: true,
    status: 200,
    answer: tenantAnswer,
    errors: ['conflict'],
    async handle(cp, { actor, tenant, body }) {
      await take(cp, actor, tenant, body.reason);
      return viewTenant(cp, tenant);
    },
  });

export const tenantEndpoints: readonly Endpoint[] = [
  createTenant,
  listTenants,
  getTenant,
  updateTenant,
  deleteTenant,
  step('suspend', 'Suspend a tenant: its APIs answer 503 and its own people may only look', suspendTenant),
  step('resume', 'Resume a suspended tenant', resumeTenant),
];

async function viewTenants(cp: ControlPlane, tenants: readonly StoredResource[]): Promise<Record<string, unknown>[]> {
  const suspended = await suspensionsOf(
    cp.db,
    tenants.map(({ id }) => id),
  );
  return tenants.map((tenant) => view(cp, tenant, suspended.has(tenant.id) ? 'suspended' : 'active'));
}

async function viewTenant(cp: ControlPlane, tenant: StoredResource): Promise<Record<string, unknown> | undefined> {
  return (await viewTenants(cp, [tenant]))[0];
}

function view(cp: ControlPlane, tenant: StoredResource, status: string): Record<string, unknown> {
  const { id, name, spec, managed_by, created_at, updated_at } = tenant;
  const portal_url = cp.hasPortal && hasOpenPortal(tenant) ? portalUrl(cp, name) : null;
  return { id, name, status, gateway_url: `${cp.gatewayUrl}/${name}`, portal_url, ...spec, managed_by, created_at, updated_at };
}
