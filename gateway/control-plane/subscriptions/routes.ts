/** Subscriptions over HTTP: nested below their tenant (documents B, E) and flat (documents A, C), two views of the same verbs. */
import * as z from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import type { Right } from '../auth/roles.js';
import type { Actor, ControlPlane } from '../context.js';
import { pageOf } from '../http/answers.js';
import { reasonBody } from '../http/body.js';
import { endpoint, tenantEndpoint, type Call, type Endpoint } from '../http/endpoint.js';
import { etagOf, expectedVersion } from '../http/etag.js';
import { futureInstant, invalidField } from '../http/parse.js';
import { changeResource, patchSpec, requireResource } from '../resources/rest.js';
import { requireTenant } from '../tenants/access.js';
import {
  approveBody,
  changeBody,
  createBody,
  documentB,
  flatListQuery,
  listQuery,
  subscriptionAnswer,
  subscriptionParams,
  tenantListQuery,
} from './answers.js';
import { createSubscription, type CreateRequest } from './create.js';
import { pageOfSubscriptions } from './list.js';
import { requireSubscription } from './require.js';
import { tenantOfApi } from './store.js';
import { takeStep, type StepRequest, type StepResult, type Verb } from './transitions.js';
import { viewSubscription } from './view.js';

const tag = 'Subscriptions';
const ONE = ['/tenants/:tenant/subscriptions/:subscription', '/subscriptions/:subscription'];
const page = pageOf('subscriptions', subscriptionAnswer, {
  next_cursor: z
    .string()
    .nullable()
    .describe('Sent as "cursor" it gives the next page, at the same cost however far back; null on the last one.'),
});

/** A call that names one subscription, nested or flat. */
type OneCall<Body> = Call<z.output<typeof subscriptionParams>, unknown, Body>;

const answer = (cp: ControlPlane, { row, secret }: StepResult) => viewSubscription(cp.db, row, cp.now(), secret);

const nestedCreate = tenantEndpoint({
  id: 'createSubscription',
  method: 'POST',
  urls: ['/tenants/:tenant/subscriptions'],
  tag,
  summary: 'Subscribe to an API of a tenant; without a plan it waits for approval',
  right: 'write',
  body: createBody,
  status: 201,
  answer: subscriptionAnswer,
  errors: ['not_found', 'conflict'],
  examples: documentB,
  async handle(cp, { actor, tenant, body }) {
    const named = await tenantOfBody(cp, actor, body);
    if (named !== undefined && named !== tenant.name) {
      throw invalidField('tenant_id', `"${body.tenant_id ?? ''}" is not the tenant of the path, "${tenant.name}".`);
    }
    return create(cp, actor, body, { tenant: tenant.name, waits: 'without a plan too' });
  },
});

const flatCreate = endpoint({
  id: 'createSubscriptionFlat',
  method: 'POST',
  urls: ['/subscriptions'],
  tag,
  summary: 'Subscribe to an API; without a plan it is active and has its key at once',
  right: 'write',
  body: createBody,
  status: 201,
  answer: subscriptionAnswer,
  errors: ['not_found', 'conflict'],
  async handle(cp, { actor, body }) {
    const tenant = (await tenantOfBody(cp, actor, body)) ?? actor.tenant ?? (await tenantOfApi(cp.db, body.api_id));
    if (tenant !== undefined) return create(cp, actor, body, { tenant, waits: 'with such a plan' });
    throw new StoaError('not_found', `API "${body.api_id}" does not exist.`, {
      hint: 'Give tenant_id when you name an API by its name.',
    });
  },
});

const listInTenant = tenantEndpoint({
  id: 'listSubscriptions',
  method: 'GET',
  urls: ['/tenants/:tenant/subscriptions'],
  tag,
  summary: 'List the subscriptions of a tenant',
  right: 'read',
  query: listQuery,
  status: 200,
  answer: page,
  handle: (cp, { actor, tenant, query }) => pageOfSubscriptions(cp, actor, tenant.name, query),
});

const listByTenant = tenantEndpoint({
  id: 'listSubscriptionsByTenant',
  method: 'GET',
  urls: ['/subscriptions/tenant/:tenant'],
  tag,
  summary: 'List the subscriptions of a tenant with their rotations',
  right: 'read',
  query: tenantListQuery,
  status: 200,
  answer: page,
  handle: (cp, { actor, tenant, query }) => pageOfSubscriptions(cp, actor, tenant.name, query),
});

const listAll = endpoint({
  id: 'listAllSubscriptions',
  method: 'GET',
  urls: ['/subscriptions'],
  tag,
  summary: 'List the subscriptions of every tenant that the caller sees',
  right: 'read',
  query: flatListQuery,
  status: 200,
  answer: page,
  async handle(cp, { actor, query }) {
    return pageOfSubscriptions(cp, actor, await tenantOfBody(cp, actor, query), query);
  },
});

const getOne = endpoint({
  id: 'getSubscription',
  method: 'GET',
  urls: ONE,
  tag,
  summary: 'Get a subscription',
  right: 'read',
  params: subscriptionParams,
  status: 200,
  answer: subscriptionAnswer,
  errors: ['not_found', 'conflict'],
  async handle(cp, { tenant, actor, params, reply }) {
    const row = await requireSubscription(cp.db, placeOf(tenant, actor), params.subscription);
    void reply.header('etag', etagOf(row));
    return viewSubscription(cp.db, row, cp.now());
  },
});

const changeOne = endpoint({
  id: 'updateSubscription',
  method: ['PATCH', 'PUT'],
  urls: ONE,
  tag,
  summary: 'Change the plan, application, callback or expiry of a subscription; a later expiry renews it',
  right: 'write',
  params: subscriptionParams,
  body: changeBody,
  status: 200,
  answer: subscriptionAnswer,
  errors: ['not_found', 'conflict', 'precondition_failed'],
  examples: { body: { application: 'mobile-app' } },
  async handle(cp, { tenant, actor, params, body, request, reply }) {
    const row = await requireSubscription(cp.db, placeOf(tenant, actor), params.subscription);
    if (typeof body.expires_at === 'string') futureInstant('expires_at', body.expires_at, cp.now());
    const stored = await requireResource(cp.db, 'Subscription', row.tenant, row.id);
    const options = { expectVersion: expectedVersion(request, stored) };
    const changed = await changeResource(cp, actor, stored, (spec) => patchSpec({ name: row.name, spec }, body), options);
    void reply.header('etag', etagOf(changed));
    return viewSubscription(cp.db, await requireSubscription(cp.db, row.tenant, row.id), cp.now());
  },
});

const approve = endpoint({
  id: 'approveSubscription',
  method: 'POST',
  urls: ONE.map((url) => `${url}/approve`),
  tag,
  summary: 'Approve a subscription; the answer shows its key, once',
  right: 'grant',
  params: subscriptionParams,
  body: approveBody,
  bodyIsOptional: true,
  status: 200,
  answer: subscriptionAnswer,
  errors: ['not_found', 'conflict'],
  examples: { body: { rate_limit: 1000, quota: 50000 } },
  async handle(cp, call) {
    const { rate_limit, quota } = call.body;
    return answer(cp, await step(cp, call, { verb: 'approve', rateLimit: rate_limit, quota }));
  },
});

const verb = (name: Exclude<Verb, 'approve'>, right: Right, summary: string): Endpoint =>
  endpoint({
    id: `${name}Subscription`,
    method: 'POST',
    urls: ONE.map((url) => `${url}/${name}`),
    tag,
    summary,
    right,
    params: subscriptionParams,
    body: reasonBody,
    bodyIsOptional: true,
    status: 200,
    answer: subscriptionAnswer,
    errors: ['not_found', 'conflict'],
    handle: async (cp, call) => answer(cp, await step(cp, call, { verb: name, reason: call.body.reason })),
  });

const removeOne = endpoint({
  id: 'deleteSubscription',
  method: 'DELETE',
  urls: ONE,
  tag,
  summary: 'Revoke a subscription: its keys end at once',
  right: 'grant',
  params: subscriptionParams,
  body: reasonBody,
  bodyIsOptional: true,
  status: 204,
  errors: ['not_found', 'conflict'],
  handle: async (cp, call) => void (await step(cp, call, { verb: 'revoke', reason: call.body.reason })),
});

export const subscriptionEndpoints: readonly Endpoint[] = [
  nestedCreate,
  flatCreate,
  listInTenant,
  listByTenant,
  listAll,
  getOne,
  changeOne,
  approve,
  verb('reject', 'grant', 'Reject a subscription that waits for approval'),
  verb('suspend', 'operate', 'Suspend an active subscription: its keys rest'),
  verb('resume', 'operate', 'Resume a suspended subscription: its keys work again'),
  verb('revoke', 'grant', 'Revoke a subscription for ever; a second time changes nothing'),
  removeOne,
];

/** The name of the tenant to look in; undefined for an actor who sees every tenant. */
const placeOf = (tenant: StoredResource | undefined, actor: Actor): string | undefined => tenant?.name ?? actor.tenant;

async function step(
  cp: ControlPlane,
  { actor, tenant, params }: OneCall<unknown>,
  request: Omit<StepRequest, 'tenant' | 'subscription'>,
): Promise<StepResult> {
  return takeStep(cp, actor, { ...request, tenant: placeOf(tenant, actor), subscription: params.subscription });
}

async function tenantOfBody(
  { db }: ControlPlane,
  actor: Actor,
  { tenant_id }: { readonly tenant_id?: string | undefined },
): Promise<string | undefined> {
  return tenant_id === undefined ? undefined : (await requireTenant(db, actor, tenant_id)).name;
}

async function create(
  cp: ControlPlane,
  actor: Actor,
  { api_id, consumer_id, plan, application, callback_url, expires_at }: z.output<typeof createBody>,
  place: Pick<CreateRequest, 'tenant' | 'waits'>,
) {
  const order = { api: api_id, consumer: consumer_id, plan, application, callbackUrl: callback_url, expiresAt: expires_at };
  return answer(cp, await createSubscription(cp, actor, { ...order, ...place }));
}
