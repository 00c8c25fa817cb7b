/** What was sent to webhooks and callbacks, and sending it again. */
import * as z from 'zod';
import type { WebhookSpec } from '../../../schema/kinds/webhook.js';
import { StoaError } from '../../../schema/error.js';
import { recordAudit } from '../audit/store.js';
import { commit, type Actor, type ControlPlane } from '../context.js';
import { instant, pageOf } from '../http/answers.js';
import { tenantEndpoint, type Endpoint } from '../http/endpoint.js';
import { offsetOf, pageAnswer, pageQuery } from '../http/page.js';
import { requireResource } from '../resources/rest.js';
import { deliveriesOf } from './outbox.js';
import {
  countDeliveries,
  findDelivery,
  insertDeliveries,
  listDeliveries,
  updateDelivery,
  type DeliveryFilter,
  type DeliveryRow,
} from './store.js';

const tag = 'Webhooks';
const STATUSES = ['pending', 'delivered', 'dead'] as const;
const query = z.strictObject({ ...pageQuery, status: z.enum(STATUSES).optional().describe('Only those in this state.') });
const webhookParam = z.string().describe('Id or name of the webhook.');
const deliveryParam = z.string().describe('Id of the delivery.');

const deliveryAnswer = z.strictObject({
  id: z.string().describe('Id of the delivery.'),
  event_id: z.string().describe('Sent as webhook-id: the same on every try.'),
  webhook_id: z.string().nullable().describe('Id of the webhook; null for the callback of a subscription.'),
  url: z.string().describe('Where it goes.'),
  event: z.string().describe('What it tells of, such as subscription.approved.'),
  status: z.enum(STATUSES).describe('dead after the fifth try that failed.'),
  tries: z.int().min(0).describe('How often it was tried.'),
  next_try_at: instant('When it is tried next; null when it is not.').nullable(),
  last_status: z.int().nullable().describe('What the receiver answered last; null when it did not.'),
  last_error: z.string().nullable().describe('Why the last try failed.'),
  payload: z.record(z.string(), z.json()).describe('The body that is sent.'),
  created_at: instant('When the event happened.'),
  finished_at: instant('When it was delivered or given up; null before.').nullable(),
});

const deliveriesAnswer = pageOf('deliveries', deliveryAnswer);

const list = tenantEndpoint({
  id: 'listWebhookDeliveries',
  method: 'GET',
  urls: ['/tenants/:tenant/webhooks/:webhook/deliveries'],
  tag,
  summary: 'List what was sent to a webhook, newest first',
  right: 'read',
  params: z.object({ webhook: webhookParam }),
  query,
  status: 200,
  answer: deliveriesAnswer,
  async handle(cp, call) {
    const webhook = await requireResource(cp.db, 'Webhook', call.tenant.name, call.params.webhook);
    return page(cp, { tenant: call.tenant.name, webhook: webhook.id, status: call.query.status }, call.query);
  },
});

const listOfTenant = tenantEndpoint({
  id: 'listDeliveries',
  method: 'GET',
  urls: ['/tenants/:tenant/webhook-deliveries'],
  tag,
  summary: 'List what was sent to all webhooks and callbacks of a tenant; status=dead for what was given up',
  right: 'read',
  query,
  status: 200,
  answer: deliveriesAnswer,
  handle: (cp, call) => page(cp, { tenant: call.tenant.name, status: call.query.status }, call.query),
});

const get = tenantEndpoint({
  id: 'getDelivery',
  method: 'GET',
  urls: ['/tenants/:tenant/webhook-deliveries/:delivery'],
  tag,
  summary: 'Get one delivery',
  right: 'read',
  params: z.object({ delivery: deliveryParam }),
  status: 200,
  answer: deliveryAnswer,
  handle: async (cp, { tenant, params }) => view(await requireDelivery(cp, tenant.name, params.delivery)),
});

const resend = tenantEndpoint({
  id: 'resendDelivery',
  method: 'POST',
  urls: ['/tenants/:tenant/webhook-deliveries/:delivery/resend', '/tenants/:tenant/webhooks/:webhook/deliveries/:delivery/resend'],
  tag,
  summary: 'Send a delivery again, now, with five more tries',
  right: 'write',
  params: z.object({ delivery: deliveryParam, webhook: webhookParam.optional() }),
  bodyIsOptional: true,
  status: 202,
  answer: deliveryAnswer,
  async handle(cp, { actor, tenant, params }) {
    const { id } = await requireDelivery(cp, tenant.name, params.delivery);
    await commit(cp, async (trx) => {
      await updateDelivery(trx, id, { status: 'pending', tries: 0, next_at: new Date(cp.now()).toISOString(), finished_at: null });
      await audit(trx, cp, actor, tenant.name, 'webhook.delivery_resent', id);
    });
    return view(await requireDelivery(cp, tenant.name, id));
  },
});

const test = tenantEndpoint({
  id: 'testWebhook',
  method: 'POST',
  urls: ['/tenants/:tenant/webhooks/:webhook/test'],
  tag,
  summary: 'Send the event webhook.test to a webhook',
  right: 'write',
  params: z.object({ webhook: webhookParam }),
  bodyIsOptional: true,
  status: 202,
  answer: deliveryAnswer,
  async handle(cp, { actor, tenant, params }) {
    const { id, name, spec } = await requireResource(cp.db, 'Webhook', tenant.name, params.webhook);
    const draft = { type: 'webhook.test', tenant: tenant.name, data: { webhook_id: id, name }, at: cp.now() };
    const rows = deliveriesOf(draft, [{ webhook_id: id, url: (spec as unknown as WebhookSpec).url }]);
    await commit(cp, async (trx) => {
      await insertDeliveries(trx, rows);
      await audit(trx, cp, actor, tenant.name, 'webhook.tested', id);
    });
    return view(await requireDelivery(cp, tenant.name, rows[0]?.id ?? ''));
  },
});

export const deliveryEndpoints: readonly Endpoint[] = [list, listOfTenant, get, resend, test];

async function page(cp: ControlPlane, filter: DeliveryFilter, { page: number, limit }: { readonly page: number; readonly limit: number }) {
  const rows = await listDeliveries(cp.db, filter, offsetOf({ page: number, limit }), limit);
  return pageAnswer('deliveries', rows.map(view), await countDeliveries(cp.db, filter), { page: number, limit });
}

async function requireDelivery({ db }: ControlPlane, tenant: string, id: string): Promise<DeliveryRow> {
  const row = await findDelivery(db, tenant, id);
  if (row !== undefined) return row;
  throw new StoaError('not_found', `Delivery "${id}" does not exist in tenant "${tenant}".`);
}

const audit = (
  trx: Parameters<typeof recordAudit>[0],
  { now }: ControlPlane,
  actor: Actor,
  tenant: string,
  action: string,
  resource: string,
): Promise<void> => recordAudit(trx, { tenant, action, resource, actor, at: now() });

function view(row: DeliveryRow) {
  const { id, event_id, webhook_id, url, event, status, tries, next_at, last_status, last_error, payload, created_at, finished_at } = row;
  const next_try_at = status === 'pending' ? next_at : null;
  const sent = JSON.parse(payload) as unknown;
  return {
    id,
    event_id,
    webhook_id,
    url,
    event,
    status,
    tries,
    next_try_at,
    last_status,
    last_error,
    payload: sent,
    created_at,
    finished_at,
  };
}
