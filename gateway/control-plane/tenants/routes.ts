/** Tenants over HTTP (rows TN1 to TN10). */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import type { JsonObject } from '../../../schema/kind.js';
import { requireRight } from '../auth/roles.js';
import type { ControlPlane } from '../context.js';
import { etagOf, expectedVersion } from '../http/etag.js';
import { listQuery, offsetOf, pageAnswer } from '../http/page.js';
import { parse } from '../http/parse.js';
import { bodyOf, changeResource, createResource, patchSpec, removeResource, requireText } from '../resources/rest.js';
import { countResources, listResources } from '../resources/store.js';
import { requireTenant } from './access.js';

const tenantParams = z.object({ tenant: z.string() });

/** Routes of tenants, mounted below `/v1`. */
export const tenantRoutes: FastifyPluginAsync<{ cp: ControlPlane }> = (app, { cp }) => {
  app.post('/tenants', async (request, reply) => {
    const tenant = await create(cp, request);
    // Nothing has to be prepared: a tenant is active as soon as it is read again (row TN2).
    return reply
      .code(201)
      .header('etag', etagOf(tenant))
      .send({ ...viewTenant(cp, tenant), status: 'provisioning' });
  });

  app.get('/tenants', async ({ actor, query }) => {
    requireRight(actor, 'read');
    const page = parse(listQuery, query);
    const filter = { kind: 'Tenant', tenant: actor.tenant };
    const tenants = (await listResources(cp.db, filter, offsetOf(page), page.limit)).map((tenant) => viewTenant(cp, tenant));
    return pageAnswer('tenants', tenants, await countResources(cp.db, filter), page);
  });

  app.get('/tenants/:tenant', async (request, reply) => {
    requireRight(request.actor, 'read');
    const tenant = await tenantOf(cp, request);
    return reply.header('etag', etagOf(tenant)).send(viewTenant(cp, tenant));
  });

  app.route({
    method: ['PATCH', 'PUT'],
    url: '/tenants/:tenant',
    handler: async (request, reply) => {
      const changed = await change(cp, request);
      return reply.header('etag', etagOf(changed)).send(viewTenant(cp, changed));
    },
  });

  app.delete('/tenants/:tenant', async (request, reply) => {
    const tenant = await tenantOf(cp, request);
    requireRight(request.actor, 'tenants');
    await removeResource(cp, request.actor, tenant, expectedVersion(request, tenant));
    return reply.code(204).send();
  });
  return Promise.resolve();
};

async function create(cp: ControlPlane, { actor, body }: FastifyRequest): Promise<StoredResource> {
  requireRight(actor, 'tenants');
  if (actor.tenant !== undefined) throw new StoaError('forbidden');
  const { name: _name, ...spec } = bodyOf(body);
  const name = requireText(bodyOf(body), 'name');
  return createResource(cp, actor, { kind: 'Tenant', tenant: name, name, spec });
}

async function change(cp: ControlPlane, request: FastifyRequest): Promise<StoredResource> {
  const tenant = await tenantOf(cp, request);
  requireRight(request.actor, 'tenants');
  const patch = bodyOf(request.body);
  const patched = (spec: JsonObject) => patchSpec({ name: tenant.name, spec }, patch, ['settings']);
  return changeResource(cp, request.actor, tenant, patched, { expectVersion: expectedVersion(request, tenant) });
}

const tenantOf = (cp: ControlPlane, { actor, params }: FastifyRequest): Promise<StoredResource> =>
  requireTenant(cp.db, actor, parse(tenantParams, params).tenant);

function viewTenant(
  { gatewayUrl }: ControlPlane,
  { id, name, spec, managed_by, created_at, updated_at }: StoredResource,
): Record<string, unknown> {
  return { id, name, status: 'active', gateway_url: `${gatewayUrl}/${name}`, ...spec, managed_by, created_at, updated_at };
}
