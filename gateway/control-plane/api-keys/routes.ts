/** API keys over HTTP: the keys of a tenant, and the spellings of one rotation (decision K5). */
import type * as z from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import { pageOf } from '../http/answers.js';
import { endpoint, tenantEndpoint, type Endpoint } from '../http/endpoint.js';
import { offsetOf, pageAnswer } from '../http/page.js';
import type { Actor, ControlPlane, Trx } from '../context.js';
import { subscriptionParams } from '../subscriptions/answers.js';
import { requireSubscription } from '../subscriptions/require.js';
import {
  consumerParams,
  consumerRotateBody,
  createBody,
  createExample,
  keyAnswer,
  keyParams,
  keyRotationAnswer,
  listQuery,
  newKeyAnswer,
  rotateBody,
  rotateExamples,
  rotationAnswer,
  rotationInfoAnswer,
  rotationInfoExample,
} from './answers.js';
import { targetByConsumer } from './consumers.js';
import { createKey, requireKey, revokeKey, rotateKey, targetByKey, targetBySubscription, type RotationTarget } from './service.js';
import { countKeys, listKeys, liveKeys } from './store.js';
import { keyView, newKeyView, rotationInfo, rotationView } from './view.js';

const tag = 'API keys';
const ROTATE = { tag, right: 'operate', bodyIsOptional: true, status: 200, errors: ['not_found', 'conflict'] } as const;

const listTenantKeys = tenantEndpoint({
  id: 'listApiKeys',
  method: 'GET',
  urls: ['/tenants/:tenant/apikeys'],
  tag,
  summary: 'List the API keys of a tenant; never the keys themselves',
  right: 'read',
  query: listQuery,
  status: 200,
  answer: pageOf('apikeys', keyAnswer),
  errors: ['not_found'],
  async handle(cp, { actor, tenant, query }) {
    const { subscription_id } = query;
    const madeSince = visibleSince(actor, tenant);
    const subscription = subscription_id === undefined ? undefined : (await requireSubscription(cp.db, tenant.name, subscription_id)).id;
    const filter = { tenant: tenant.name, subscription, madeSince };
    const rows = await listKeys(cp.db, filter, offsetOf(query), query.limit);
    const keys = rows.map((row) => keyView(row, cp.now()));
    return pageAnswer('apikeys', keys, await countKeys(cp.db, filter), query);
  },
});

const createTenantKey = tenantEndpoint({
  id: 'createApiKey',
  method: 'POST',
  urls: ['/tenants/:tenant/apikeys'],
  tag,
  summary: 'Create a further API key for an active subscription; it is shown once',
  right: 'operate',
  body: createBody,
  status: 201,
  answer: newKeyAnswer,
  errors: ['not_found', 'conflict'],
  examples: { body: createExample },
  async handle(cp, { actor, tenant, body }) {
    const order = { tenant: tenant.name, subscription: body.subscription_id, name: body.name, expiresAt: body.expires_at };
    return newKeyView(await createKey(cp, actor, order), cp.now());
  },
});

const getKey = tenantEndpoint({
  id: 'getApiKey',
  method: 'GET',
  urls: ['/tenants/:tenant/apikeys/:key'],
  tag,
  summary: 'Get an API key; never the key itself',
  right: 'read',
  params: keyParams,
  status: 200,
  answer: keyAnswer,
  errors: ['not_found'],
  async handle(cp, { actor, tenant, params }) {
    return keyView(await requireKey(cp.db, tenant.name, params.key, visibleSince(actor, tenant)), cp.now());
  },
});

const deleteKey = tenantEndpoint({
  id: 'deleteApiKey',
  method: 'DELETE',
  urls: ['/tenants/:tenant/apikeys/:key'],
  tag,
  summary: 'Revoke an API key: that key ends at once, and no other',
  right: 'operate',
  params: keyParams,
  status: 204,
  errors: ['not_found'],
  handle: (cp, { actor, tenant, params }) =>
    revokeKey(cp, actor, { tenant: tenant.name, id: params.key, madeSince: visibleSince(actor, tenant) }),
});

const rotateBySubscription = endpoint({
  ...ROTATE,
  id: 'rotateSubscriptionKey',
  method: 'POST',
  urls: ['/subscriptions/:subscription/rotate-key', '/tenants/:tenant/subscriptions/:subscription/rotate-key'],
  summary: 'Rotate the key of a subscription: the old one lives on for its grace window',
  params: subscriptionParams,
  body: rotateBody,
  answer: rotationAnswer,
  examples: rotateExamples,
  async handle(cp, { actor, tenant, params, body }) {
    const place = tenant?.name ?? actor.tenant;
    return (await rotate(cp, actor, body, (trx) => targetBySubscription(trx, place, params.subscription))).view;
  },
});

const rotateByKey = tenantEndpoint({
  ...ROTATE,
  id: 'rotateApiKey',
  method: 'POST',
  urls: ['/tenants/:tenant/apikeys/:key/rotate'],
  summary: 'Rotate an API key',
  params: keyParams,
  body: rotateBody,
  answer: keyRotationAnswer,
  async handle(cp, { actor, tenant, params, body }) {
    const { view, key } = await rotate(cp, actor, body, (trx) =>
      targetByKey(trx, { tenant: tenant.name, id: params.key, madeSince: visibleSince(actor, tenant) }),
    );
    return { id: key, ...view };
  },
});

const rotateByConsumer = tenantEndpoint({
  ...ROTATE,
  id: 'rotateConsumerKey',
  method: 'POST',
  urls: ['/tenants/:tenant/consumers/:consumer/rotate-key', '/consumers/:tenant/:consumer/rotate-key'],
  summary: 'Rotate the key of the only active subscription of a consumer, or of the one that is named',
  params: consumerParams,
  body: consumerRotateBody,
  answer: rotationAnswer,
  async handle(cp, { actor, tenant, params, body }) {
    const choice = { subscription: body.subscription_id, api: body.api_id };
    return (await rotate(cp, actor, body, (trx) => targetByConsumer(trx, tenant.name, params.consumer, choice, cp.now()))).view;
  },
});

const getRotation = endpoint({
  id: 'getRotationInfo',
  method: 'GET',
  urls: ['/subscriptions/:subscription/rotation-info', '/tenants/:tenant/subscriptions/:subscription/rotation-info'],
  tag,
  summary: 'Get where the rotation of a subscription stands',
  right: 'read',
  params: subscriptionParams,
  status: 200,
  answer: rotationInfoAnswer,
  errors: ['not_found', 'conflict'],
  examples: { answer: rotationInfoExample },
  async handle(cp, { actor, tenant, params }) {
    const subscription = await requireSubscription(cp.db, tenant?.name ?? actor.tenant, params.subscription);
    return rotationInfo(subscription, await liveKeys(cp.db, [subscription.id]), cp.now());
  },
});

export const apiKeyEndpoints: readonly Endpoint[] = [
  listTenantKeys,
  createTenantKey,
  getKey,
  deleteKey,
  rotateBySubscription,
  rotateByKey,
  rotateByConsumer,
  getRotation,
];

/** A tenant of the same name that was deleted before is somebody else's: only the platform sees its keys. */
const visibleSince = (actor: Actor, { created_at }: StoredResource): string | undefined =>
  actor.tenant === undefined ? undefined : created_at;

async function rotate(
  cp: ControlPlane,
  actor: Actor,
  { grace_period_hours: graceHours, force, expires_at: expiresAt }: z.output<typeof rotateBody>,
  find: (trx: Trx) => Promise<RotationTarget>,
) {
  const result = await rotateKey(cp, actor, { find, graceHours, force, expiresAt });
  return { view: rotationView(result, graceHours), key: result.issued.row.id };
}
