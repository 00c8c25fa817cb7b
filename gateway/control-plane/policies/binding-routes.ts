/** Bindings over HTTP. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { StoaError } from '../../../schema/error.js';
import { requireRight } from '../auth/roles.js';
import type { ControlPlane } from '../context.js';
import { pageAnswer } from '../http/page.js';
import { invalidField, parse } from '../http/parse.js';
import { requireTenant } from '../tenants/access.js';
import { requirePolicy } from './access.js';
import { bindPolicy, listBindings, targetOf, unbindPolicy } from './bindings.js';

const id = z.string().min(1).max(200);
const bindingBody = z.strictObject({
  policy_id: id,
  api_catalog_id: id.optional(),
  /** Another word for `api_catalog_id`. */
  api_id: id.optional(),
  consumer_id: id.optional(),
  tenant_id: id.optional(),
});
const bindingsQuery = z.strictObject({ policy_id: id });
const bindingParams = z.object({ binding: z.string() });

/** Adds the routes of bindings, below `/v1/admin/policies`. */
export function addBindingRoutes(app: FastifyInstance, cp: ControlPlane): void {
  app.post('/admin/policies/bindings', async ({ actor, body }, reply) => {
    const { policy_id, api_catalog_id, api_id, consumer_id, tenant_id } = parse(bindingBody, body);
    if (api_catalog_id !== undefined && api_id !== undefined) throw invalidField('api_id', 'Give api_catalog_id or api_id, not both.');
    const tenant = tenant_id === undefined ? undefined : (await requireTenant(cp.db, actor, tenant_id)).name;
    const policy = await requirePolicy(cp, actor, policy_id, tenant);
    requireRight(actor, 'write');
    const target = await targetOf(cp.db, policy.tenant, api_catalog_id ?? api_id, consumer_id);
    return reply.code(201).send(await bindPolicy(cp, actor, policy, target));
  });

  app.get('/admin/policies/bindings', async ({ actor, query }) => {
    requireRight(actor, 'read');
    const bindings = await listBindings(cp.db, await requirePolicy(cp, actor, parse(bindingsQuery, query).policy_id));
    return pageAnswer('bindings', bindings, bindings.length, { page: 1, limit: Math.max(1, bindings.length) });
  });

  app.delete('/admin/policies/bindings/:binding', async ({ actor, params, query }, reply) => {
    requireRight(actor, 'write');
    const { binding } = parse(bindingParams, params);
    const policy = await requirePolicy(cp, actor, parse(bindingsQuery, query).policy_id);
    if (!(await listBindings(cp.db, policy)).some((known) => known.id === binding))
      throw new StoaError('not_found', `Binding "${binding}" does not exist.`);
    await unbindPolicy(cp, actor, policy, binding);
    return reply.code(204).send();
  });
}
