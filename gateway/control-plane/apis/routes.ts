/** APIs over HTTP (rows AP1 to AP11). */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import type { JsonObject } from '../../../schema/kind.js';
import type { ApiSpec } from '../../../schema/kinds/api.js';
import { requireRight, type Right } from '../auth/roles.js';
import type { ControlPlane } from '../context.js';
import { etagOf, expectedVersion } from '../http/etag.js';
import { listQuery, offsetOf, pageAnswer } from '../http/page.js';
import { parse } from '../http/parse.js';
import { bodyOf, changeResource, createResource, patchSpec, removeResource, requireResource, requireText } from '../resources/rest.js';
import { countResources, listResources } from '../resources/store.js';
import { requireTenant } from '../tenants/access.js';
import { firstOfPaths } from './store.js';

const tenantParams = z.object({ tenant: z.string() });
const apiParams = z.object({ tenant: z.string(), api: z.string() });

/** Routes of APIs, mounted below `/v1`. */
export const apiRoutes: FastifyPluginAsync<{ cp: ControlPlane }> = (app, { cp }) => {
  app.post('/tenants/:tenant/apis', async (request, reply) => {
    const api = await create(cp, request);
    return reply
      .code(201)
      .header('etag', etagOf(api))
      .send(await viewApi(cp, api));
  });

  app.get('/tenants/:tenant/apis', async ({ actor, params, query }) => {
    requireRight(actor, 'read');
    const tenant = await requireTenant(cp.db, actor, parse(tenantParams, params).tenant);
    const page = parse(listQuery, query);
    const filter = { kind: 'API', tenant: tenant.name };
    const apis = await listResources(cp.db, filter, offsetOf(page), page.limit);
    return pageAnswer('apis', await viewApis(cp, tenant.name, apis), await countResources(cp.db, filter), page);
  });

  app.get('/tenants/:tenant/apis/:api', async (request, reply) => {
    const api = await apiOf(cp, request, 'read');
    return reply.header('etag', etagOf(api)).send(await viewApi(cp, api));
  });

  app.route({
    method: ['PATCH', 'PUT'],
    url: '/tenants/:tenant/apis/:api',
    handler: async (request, reply) => {
      const api = await apiOf(cp, request, 'write');
      const patch = withUpstreamUrl(bodyOf(request.body));
      const change = (spec: JsonObject) => patchSpec({ name: api.name, spec }, patch);
      const changed = await changeResource(cp, request.actor, api, change, { expectVersion: expectedVersion(request, api) });
      return reply.header('etag', etagOf(changed)).send(await viewApi(cp, changed));
    },
  });

  app.delete('/tenants/:tenant/apis/:api', async (request, reply) => {
    const api = await apiOf(cp, request, 'write');
    await removeResource(cp, request.actor, api, expectedVersion(request, api));
    return reply.code(204).send();
  });
  return Promise.resolve();
};

async function create(cp: ControlPlane, { actor, params, body }: FastifyRequest): Promise<StoredResource> {
  const tenant = await requireTenant(cp.db, actor, parse(tenantParams, params).tenant);
  requireRight(actor, 'write');
  const { name: _name, ...spec } = bodyOf(body);
  return createResource(cp, actor, { kind: 'API', tenant: tenant.name, name: requireText(bodyOf(body), 'name'), spec });
}

async function apiOf(cp: ControlPlane, { actor, params }: FastifyRequest, right: Right): Promise<StoredResource> {
  const wanted = parse(apiParams, params);
  const tenant = await requireTenant(cp.db, actor, wanted.tenant);
  const api = await requireResource(cp.db, 'API', tenant.name, wanted.api);
  requireRight(actor, right);
  return api;
}

/** `backend_url` is an older word (row AP1); a stored spec knows the newer one alone. */
function withUpstreamUrl({ backend_url, ...patch }: JsonObject): JsonObject {
  return backend_url === undefined || 'upstream_url' in patch
    ? { ...patch, ...(backend_url === undefined ? {} : { backend_url }) }
    : { ...patch, upstream_url: backend_url };
}

const viewApi = async (cp: ControlPlane, api: StoredResource): Promise<unknown> => (await viewApis(cp, api.tenant, [api]))[0];

async function viewApis(
  { db, gatewayUrl }: ControlPlane,
  tenant: string,
  apis: readonly StoredResource[],
): Promise<Record<string, unknown>[]> {
  const first = await firstOfPaths(db, tenant, apis);
  return apis.map((api) => {
    const { path, version, activated } = api.spec as unknown as ApiSpec;
    const suffix = version === undefined || first.has(api.id) ? '' : `${path === '/' ? '' : path}/${version}`;
    const public_url = `${gatewayUrl}/${tenant}${suffix === '' ? path : suffix}`;
    const { id, name, spec, managed_by, created_at, updated_at } = api;
    return {
      id,
      name,
      tenant_id: tenant,
      public_url,
      status: activated ? 'active' : 'inactive',
      ...spec,
      managed_by,
      created_at,
      updated_at,
    };
  });
}
