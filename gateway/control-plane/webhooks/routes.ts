/** Webhooks over HTTP (rows WH1 to WH3, WH8). A secret is taken in, sealed, and never shown. */
import * as z from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import type { JsonObject } from '../../../schema/kind.js';
import { webhook as webhookKind } from '../../../schema/kinds/webhook.js';
import { patchBody, resourceAnswer, resourceBody } from '../http/answers.js';
import { jsonObject } from '../http/body.js';
import { tenantEndpoint, type Endpoint } from '../http/endpoint.js';
import { expectedVersion } from '../http/etag.js';
import { invalidField, parse } from '../http/parse.js';
import { newResourceId } from '../resource-id.js';
import { answerWith, getOperation, listOperation, removeOperation, type RestKind } from '../resources/kind-endpoints.js';
import { changeResource, createResource, patchSpec, requireResource, nameIn } from '../resources/rest.js';

const SECRET_FIELD = 'secret_ref';
const secret = z.string({ error: 'Expected a text of 8 to 1000 characters.' }).min(8).max(1000);
const bodyFields = { secret: secret.optional().describe('Signs what is sent; never shown again.'), secret_ref: z.never().optional() };
const documentB = {
  url: 'https://myapp.com/webhooks/stoa',
  events: ['subscription.created', 'subscription.approved'],
  secret: 'whsec_abc123',
};

const webhooks: RestKind = {
  definition: webhookKind,
  tag: 'Webhooks',
  urls: ['/tenants/:tenant/webhooks'],
  answer: resourceAnswer(
    webhookKind,
    {
      tenant_id: z.string().describe('Name of the tenant.'),
      has_secret: z.boolean().describe('Whether deliveries are signed.'),
    },
    [SECRET_FIELD],
  ),
  view: (_cp, resources) => Promise.resolve(resources.map(viewWebhook)),
};

const createWebhook = tenantEndpoint({
  id: 'createWebhook',
  method: 'POST',
  urls: webhooks.urls,
  tag: webhooks.tag,
  summary: 'Create a webhook',
  right: 'write',
  body: jsonObject,
  documentedBody: resourceBody(webhookKind, { name: webhookKind.name.optional().describe('Name; made when absent.'), ...bodyFields }),
  status: 201,
  answer: webhooks.answer,
  errors: ['conflict'],
  examples: { body: documentB },
  async handle(cp, { actor, tenant, body, reply }) {
    const { fields, secrets } = takeSecret(body);
    const { name: _name, ...spec } = fields;
    const id = newResourceId('Webhook');
    const name = fields['name'] === undefined ? id : nameIn(fields);
    const draft = { kind: 'Webhook', tenant: tenant.name, name, spec };
    return answerWith(cp, webhooks, reply, await createResource(cp, actor, draft, { id, secrets }));
  },
});

const updateWebhook = tenantEndpoint({
  id: 'updateWebhook',
  method: ['PATCH', 'PUT'],
  urls: ['/tenants/:tenant/webhooks/:webhook'],
  tag: webhooks.tag,
  summary: 'Change a webhook',
  right: 'write',
  params: z.object({ webhook: z.string().describe('Id or name of the webhook.') }),
  body: jsonObject,
  documentedBody: patchBody(webhookKind, bodyFields),
  status: 200,
  answer: webhooks.answer,
  errors: ['conflict', 'precondition_failed'],
  async handle(cp, { actor, tenant, params, body, request, reply }) {
    const webhook = await requireResource(cp.db, 'Webhook', tenant.name, params.webhook);
    const { fields, secrets } = takeSecret(body);
    const change = (spec: JsonObject) => patchSpec({ name: webhook.name, spec }, fields);
    const options = { expectVersion: expectedVersion(request, webhook), secrets };
    return answerWith(cp, webhooks, reply, await changeResource(cp, actor, webhook, change, options));
  },
});

export const webhookEndpoints: readonly Endpoint[] = [
  createWebhook,
  listOperation(webhooks),
  getOperation(webhooks),
  updateWebhook,
  removeOperation(webhooks),
];

/** The secret stands beside the fields, never among them. */
function takeSecret({ secret: given, ...fields }: JsonObject): { fields: JsonObject; secrets: Record<string, string> | undefined } {
  if (SECRET_FIELD in fields) throw invalidField(SECRET_FIELD, 'Over REST a secret is given as "secret".');
  if (given === undefined) return { fields, secrets: undefined };
  return { fields, secrets: { [SECRET_FIELD]: parse(z.object({ secret }), { secret: given }).secret } };
}

function viewWebhook({ id, name, tenant, spec, secretDigests = {}, managed_by, created_at, updated_at }: StoredResource) {
  const { secret_ref: _reference, ...fields } = spec;
  return { id, name, tenant_id: tenant, ...fields, has_secret: SECRET_FIELD in secretDigests, managed_by, created_at, updated_at };
}
