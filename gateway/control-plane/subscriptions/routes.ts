/** Subscriptions over HTTP: nested below their tenant (documents B, E) and flat (documents A, C), two views of the same verbs. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { StoaError } from '../../../schema/error.js';
import { requireRight, type Right } from '../auth/roles.js';
import type { ControlPlane } from '../context.js';
import { offsetOf, pageAnswer, pageQuery } from '../http/page.js';
import { invalidField, parse, queryInteger } from '../http/parse.js';
import { requireTenant } from '../tenants/access.js';
import { createSubscription } from './create.js';
import { requireSubscription } from './require.js';
import { consumersById, countSubscriptions, findReferenced, listSubscriptions, tenantOfApi, type SubscriptionFilter } from './store.js';
import { takeStep, type StepRequest, type StepResult, type Verb } from './transitions.js';
import { viewSubscription, viewSubscriptions } from './view.js';

const STATUSES = ['pending_approval', 'active', 'suspended', 'revoked', 'expired', 'rejected'] as const;

const id = z.string().min(1).max(200);
const text = z.string().max(1000);
const limit = z.int().positive().max(1_000_000_000).optional();

const createBody = z.strictObject({
  api_id: id,
  consumer_id: id.optional(),
  plan: z.string().optional(),
  application: z.string().optional(),
  callback_url: z.string().optional(),
  tenant_id: id.optional(),
});
const approveBody = z.strictObject({ rate_limit: limit, quota: limit });
const reasonBody = z.strictObject({ reason: text.optional() });
const listQuery = z.strictObject({
  ...pageQuery,
  status: z.enum([...STATUSES, 'pending']).optional(),
  api_id: id.optional(),
  consumer_id: id.optional(),
});
/** Document C lists all subscriptions of a tenant in one call: as many as a page can hold. */
const tenantListQuery = listQuery.extend({ limit: queryInteger(1, 100).default(100) });
const flatListQuery = listQuery.extend({ tenant_id: id.optional() });

const tenantParams = z.object({ tenant: id });
const idParams = z.object({ id });
const nestedParams = z.object({ tenant: id, id });

const VERB_RIGHTS: Readonly<Record<Verb, Right>> = {
  approve: 'grant',
  reject: 'grant',
  revoke: 'grant',
  suspend: 'operate',
  resume: 'operate',
};

/** Routes of subscriptions, mounted below `/v1`. */
export const subscriptionRoutes: FastifyPluginAsync<{ cp: ControlPlane }> = (app, { cp }) => {
  app.post('/tenants/:tenant/subscriptions', async (request, reply) => {
    const { tenant } = parse(tenantParams, request.params);
    return reply.code(201).send(await create(cp, request, tenant));
  });
  app.post('/subscriptions', async (request, reply) => reply.code(201).send(await create(cp, request, undefined)));

  app.get('/tenants/:tenant/subscriptions', async (request) => {
    const { tenant } = parse(tenantParams, request.params);
    return list(cp, request, { ...parse(listQuery, request.query), tenant_id: tenant });
  });
  app.get('/subscriptions/tenant/:tenant', async (request) => {
    const { tenant } = parse(tenantParams, request.params);
    return list(cp, request, { ...parse(tenantListQuery, request.query), tenant_id: tenant });
  });
  app.get('/subscriptions', async (request) => list(cp, request, parse(flatListQuery, request.query)));

  for (const path of ['/tenants/:tenant/subscriptions/:id', '/subscriptions/:id']) {
    app.get(path, async (request) => {
      requireRight(request.actor, 'read');
      const { tenant, subscription } = await subscriptionOf(cp, request);
      return viewSubscription(cp.db, await requireSubscription(cp.db, tenant, subscription), cp.now());
    });
    for (const verb of ['approve', 'reject', 'suspend', 'resume', 'revoke'] as const) {
      app.post(`${path}/${verb}`, async (request) => answer(cp, await step(cp, request, verb)));
    }
    app.delete(path, async (request, reply) => {
      await step(cp, request, 'revoke');
      return reply.code(204).send();
    });
  }
  return Promise.resolve();
};

/** The tenant's name, where it is known, and what the path calls the subscription. */
async function subscriptionOf(cp: ControlPlane, { params, actor }: FastifyRequest) {
  if (typeof params === 'object' && params !== null && 'tenant' in params) {
    const nested = parse(nestedParams, params);
    return { tenant: (await requireTenant(cp.db, actor, nested.tenant)).name, subscription: nested.id };
  }
  return { tenant: actor.tenant, subscription: parse(idParams, params).id };
}

async function step(cp: ControlPlane, request: FastifyRequest, verb: Verb): Promise<StepResult> {
  requireRight(request.actor, VERB_RIGHTS[verb]);
  const place = await subscriptionOf(cp, request);
  return takeStep(cp, request.actor, { verb, ...place, ...stepBody(verb, request.body) });
}

function stepBody(verb: Verb, body: unknown): Pick<StepRequest, 'reason' | 'rateLimit' | 'quota'> {
  if (verb !== 'approve') return parse(reasonBody, body);
  const { rate_limit, quota } = parse(approveBody, body);
  return { rateLimit: rate_limit, quota };
}

const answer = (cp: ControlPlane, { row, secret }: StepResult) => viewSubscription(cp.db, row, cp.now(), secret);

async function create(cp: ControlPlane, { actor, body }: FastifyRequest, tenantInPath: string | undefined) {
  requireRight(actor, 'write');
  const wanted = parse(createBody, body);
  const path = tenantInPath === undefined ? undefined : (await requireTenant(cp.db, actor, tenantInPath)).name;
  const named = wanted.tenant_id === undefined ? undefined : (await requireTenant(cp.db, actor, wanted.tenant_id)).name;
  if (path !== undefined && named !== undefined && path !== named) {
    throw invalidField('tenant_id', `"${wanted.tenant_id ?? ''}" is not the tenant of the path, "${path}".`);
  }
  const tenant = path ?? named ?? actor.tenant ?? (await tenantOfApi(cp.db, wanted.api_id));
  if (tenant === undefined) {
    throw new StoaError('not_found', `API "${wanted.api_id}" does not exist.`, {
      hint: 'Give tenant_id when you name an API by its name.',
    });
  }
  const { api_id, consumer_id, plan, application, callback_url } = wanted;
  const order = { tenant, api: api_id, consumer: consumer_id, plan, application, callbackUrl: callback_url };
  return answer(cp, await createSubscription(cp, actor, { ...order, waitsWithoutPlan: path !== undefined }));
}

async function list(cp: ControlPlane, { actor }: FastifyRequest, query: z.output<typeof flatListQuery>) {
  requireRight(actor, 'read');
  const named = query.tenant_id === undefined ? actor.tenant : (await requireTenant(cp.db, actor, query.tenant_id)).name;
  const tenant = named ?? (await tenantOfFilter(cp, query));
  const status = query.status === 'pending' ? 'pending_approval' : query.status;
  const filter: SubscriptionFilter = {
    tenant,
    status,
    api: await nameOf(cp, tenant, 'API', query.api_id),
    consumer: await nameOf(cp, tenant, 'Consumer', query.consumer_id),
  };
  const rows = await listSubscriptions(cp.db, filter, offsetOf(query), query.limit);
  const total = await countSubscriptions(cp.db, filter);
  return pageAnswer('subscriptions', await viewSubscriptions(cp.db, rows, cp.now()), total, query);
}

/** An id says which tenant is meant where nothing else does. */
async function tenantOfFilter({ db }: ControlPlane, { api_id, consumer_id }: z.output<typeof listQuery>): Promise<string | undefined> {
  const ofApi = api_id === undefined ? undefined : await tenantOfApi(db, api_id);
  return ofApi ?? (consumer_id === undefined ? undefined : (await consumersById(db, [consumer_id]))[0]?.tenant);
}

/** The name behind a reference in a filter. Where nothing is found the reference itself stands: it filters everything out. */
async function nameOf(
  cp: ControlPlane,
  tenant: string | undefined,
  kind: string,
  reference: string | undefined,
): Promise<string | undefined> {
  if (reference === undefined || tenant === undefined) return reference;
  return (await findReferenced(cp.db, tenant, kind, reference))?.name ?? reference;
}
