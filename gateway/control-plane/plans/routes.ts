/** Plans over HTTP: what subscribers of a tenant may choose. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import type { JsonObject } from '../../../schema/kind.js';
import { requireRight, type Right } from '../auth/roles.js';
import type { ControlPlane } from '../context.js';
import { etagOf, expectedVersion } from '../http/etag.js';
import { listQuery, offsetOf, pageAnswer } from '../http/page.js';
import { parse } from '../http/parse.js';
import { bodyOf, changeResource, createResource, patchSpec, removeResource, requireResource, requireText } from '../resources/rest.js';
import { countResources, listResources } from '../resources/store.js';
import { requireTenant } from '../tenants/access.js';

const tenantParams = z.object({ tenant: z.string() });
const planParams = z.object({ tenant: z.string(), plan: z.string() });

/** Routes of plans, mounted below `/v1`. */
export const planRoutes: FastifyPluginAsync<{ cp: ControlPlane }> = (app, { cp }) => {
  app.post('/tenants/:tenant/plans', async ({ actor, params, body }, reply) => {
    const tenant = await requireTenant(cp.db, actor, parse(tenantParams, params).tenant);
    requireRight(actor, 'write');
    const { name: _name, ...spec } = bodyOf(body);
    const plan = await createResource(cp, actor, { kind: 'Plan', tenant: tenant.name, name: requireText(bodyOf(body), 'name'), spec });
    return reply.code(201).header('etag', etagOf(plan)).send(viewPlan(plan));
  });

  app.get('/tenants/:tenant/plans', async ({ actor, params, query }) => {
    requireRight(actor, 'read');
    const tenant = await requireTenant(cp.db, actor, parse(tenantParams, params).tenant);
    const page = parse(listQuery, query);
    const filter = { kind: 'Plan', tenant: tenant.name };
    const plans = await listResources(cp.db, filter, offsetOf(page), page.limit);
    return pageAnswer('plans', plans.map(viewPlan), await countResources(cp.db, filter), page);
  });

  app.get('/tenants/:tenant/plans/:plan', async (request, reply) => {
    const plan = await planOf(cp, request, 'read');
    return reply.header('etag', etagOf(plan)).send(viewPlan(plan));
  });

  app.route({
    method: ['PATCH', 'PUT'],
    url: '/tenants/:tenant/plans/:plan',
    handler: async (request, reply) => {
      const plan = await planOf(cp, request, 'write');
      const patch = bodyOf(request.body);
      const change = (spec: JsonObject) => patchSpec({ name: plan.name, spec }, patch);
      const changed = await changeResource(cp, request.actor, plan, change, { expectVersion: expectedVersion(request, plan) });
      return reply.header('etag', etagOf(changed)).send(viewPlan(changed));
    },
  });

  app.delete('/tenants/:tenant/plans/:plan', async (request, reply) => {
    const plan = await planOf(cp, request, 'write');
    await removeResource(cp, request.actor, plan, expectedVersion(request, plan));
    return reply.code(204).send();
  });
  return Promise.resolve();
};

async function planOf(cp: ControlPlane, { actor, params }: FastifyRequest, right: Right): Promise<StoredResource> {
  const wanted = parse(planParams, params);
  const tenant = await requireTenant(cp.db, actor, wanted.tenant);
  const plan = await requireResource(cp.db, 'Plan', tenant.name, wanted.plan);
  requireRight(actor, right);
  return plan;
}

function viewPlan({ id, name, tenant, spec, managed_by, created_at, updated_at }: StoredResource): Record<string, unknown> {
  return { id, name, tenant_id: tenant, ...spec, managed_by, created_at, updated_at };
}
