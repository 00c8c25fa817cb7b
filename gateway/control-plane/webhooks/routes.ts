/** Webhooks over HTTP (rows WH1 to WH3, WH8). A secret is taken in, sealed, and never shown. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import type { JsonObject } from '../../../schema/kind.js';
import { requireRight, type Right } from '../auth/roles.js';
import type { ControlPlane } from '../context.js';
import { etagOf, expectedVersion } from '../http/etag.js';
import { listQuery, offsetOf, pageAnswer } from '../http/page.js';
import { invalidField, parse } from '../http/parse.js';
import { newResourceId } from '../resource-id.js';
import { bodyOf, changeResource, createResource, patchSpec, removeResource, requireResource, requireText } from '../resources/rest.js';
import { countResources, listResources } from '../resources/store.js';
import { requireTenant } from '../tenants/access.js';

const SECRET_FIELD = 'secret_ref';
const secret = z.string({ error: 'Expected a text of 8 to 1000 characters.' }).min(8).max(1000);

const tenantParams = z.object({ tenant: z.string() });
const webhookParams = z.object({ tenant: z.string(), webhook: z.string() });

/** Routes of webhooks, mounted below `/v1`. */
export const webhookRoutes: FastifyPluginAsync<{ cp: ControlPlane }> = (app, { cp }) => {
  app.post('/tenants/:tenant/webhooks', async (request, reply) => {
    const webhook = await create(cp, request);
    return reply.code(201).header('etag', etagOf(webhook)).send(viewWebhook(webhook));
  });

  app.get('/tenants/:tenant/webhooks', async ({ actor, params, query }) => {
    requireRight(actor, 'read');
    const tenant = await requireTenant(cp.db, actor, parse(tenantParams, params).tenant);
    const page = parse(listQuery, query);
    const filter = { kind: 'Webhook', tenant: tenant.name };
    const webhooks = await listResources(cp.db, filter, offsetOf(page), page.limit);
    return pageAnswer('webhooks', webhooks.map(viewWebhook), await countResources(cp.db, filter), page);
  });

  app.get('/tenants/:tenant/webhooks/:webhook', async (request, reply) => {
    const webhook = await webhookOf(cp, request, 'read');
    return reply.header('etag', etagOf(webhook)).send(viewWebhook(webhook));
  });

  app.route({
    method: ['PATCH', 'PUT'],
    url: '/tenants/:tenant/webhooks/:webhook',
    handler: async (request, reply) => {
      const webhook = await webhookOf(cp, request, 'write');
      const { fields, secrets } = takeSecret(bodyOf(request.body));
      const change = (spec: JsonObject) => patchSpec({ name: webhook.name, spec }, fields);
      const changed = await changeResource(cp, request.actor, webhook, change, {
        expectVersion: expectedVersion(request, webhook),
        secrets,
      });
      return reply.header('etag', etagOf(changed)).send(viewWebhook(changed));
    },
  });

  app.delete('/tenants/:tenant/webhooks/:webhook', async (request, reply) => {
    const webhook = await webhookOf(cp, request, 'write');
    await removeResource(cp, request.actor, webhook, expectedVersion(request, webhook));
    return reply.code(204).send();
  });
  return Promise.resolve();
};

async function create(cp: ControlPlane, { actor, params, body }: FastifyRequest): Promise<StoredResource> {
  const tenant = await requireTenant(cp.db, actor, parse(tenantParams, params).tenant);
  requireRight(actor, 'write');
  const { fields, secrets } = takeSecret(bodyOf(body));
  const { name: _name, ...spec } = fields;
  const id = newResourceId('Webhook');
  const name = fields['name'] === undefined ? id : requireText(fields, 'name');
  return createResource(cp, actor, { kind: 'Webhook', tenant: tenant.name, name, spec }, { id, secrets });
}

/** The secret stands beside the fields, never among them. */
function takeSecret({ secret: given, ...fields }: JsonObject): { fields: JsonObject; secrets: Record<string, string> | undefined } {
  if (SECRET_FIELD in fields) throw invalidField(SECRET_FIELD, 'Over REST a secret is given as "secret".');
  if (given === undefined) return { fields, secrets: undefined };
  return { fields, secrets: { [SECRET_FIELD]: parse(z.object({ secret }), { secret: given }).secret } };
}

async function webhookOf(cp: ControlPlane, { actor, params }: FastifyRequest, right: Right): Promise<StoredResource> {
  const wanted = parse(webhookParams, params);
  const tenant = await requireTenant(cp.db, actor, wanted.tenant);
  const webhook = await requireResource(cp.db, 'Webhook', tenant.name, wanted.webhook);
  requireRight(actor, right);
  return webhook;
}

function viewWebhook({
  id,
  name,
  tenant,
  spec,
  secretDigests = {},
  managed_by,
  created_at,
  updated_at,
}: StoredResource): Record<string, unknown> {
  const { secret_ref: _reference, ...fields } = spec;
  return { id, name, tenant_id: tenant, ...fields, has_secret: SECRET_FIELD in secretDigests, managed_by, created_at, updated_at };
}
