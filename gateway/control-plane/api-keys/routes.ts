/** API keys over HTTP: the keys of a tenant, and the four spellings of one rotation (decision K5). */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { requireRight } from '../auth/roles.js';
import type { ControlPlane, Trx } from '../context.js';
import { offsetOf, pageAnswer, pageQuery } from '../http/page.js';
import { parse } from '../http/parse.js';
import { requireSubscription } from '../subscriptions/require.js';
import { requireTenant } from '../tenants/access.js';
import { targetByConsumer } from './consumers.js';
import { createKey, revokeKey, rotateKey, targetByKey, targetBySubscription, type RotationTarget } from './service.js';
import { countKeys, listKeys, liveKeys } from './store.js';
import { keyView, newKeyView, rotationInfo, rotationView } from './view.js';

const id = z.string().min(1).max(200);
/** The last instant that its text form can hold without growing. */
const LATEST = Date.parse('9999-12-31T23:59:59.999Z');

const createBody = z.strictObject({
  subscription_id: id,
  name: z
    .string()
    .min(1)
    .max(200)
    // eslint-disable-next-line no-control-regex -- control characters are what is refused here
    .regex(/^[^\u0000-\u001f\u007f]*$/, 'A name has no control characters.')
    .optional(),
  expires_at: z.iso
    .datetime({ offset: true, error: 'Expected an instant such as 2026-01-09T00:00:00Z.' })
    .refine((text) => !(Date.parse(text) > LATEST), 'Expected an instant before the year 10000.')
    .optional(),
});

const RANGE = 'Expected a whole number of hours from 1 to 168.';
const rotateFields = {
  grace_period_hours: z.int({ error: RANGE }).min(1, RANGE).max(168, RANGE).default(24),
  force: z.boolean().default(false),
};
const rotateBody = z.strictObject(rotateFields);
const consumerRotateBody = z.strictObject({ ...rotateFields, subscription_id: id.optional(), api_id: id.optional() });
const listQuery = z.strictObject({ ...pageQuery, subscription_id: id.optional() });

const tenantParams = z.object({ tenant: id });
const idParams = z.object({ id });
const nestedParams = z.object({ tenant: id, id });

/** Routes of API keys, mounted below `/v1`. */
export const apiKeyRoutes: FastifyPluginAsync<{ cp: ControlPlane }> = (app, { cp }) => {
  app.get('/tenants/:tenant/apikeys', async (request) => list(cp, request));
  app.post('/tenants/:tenant/apikeys', async (request, reply) => reply.code(201).send(await create(cp, request)));
  app.delete('/tenants/:tenant/apikeys/:id', async (request, reply) => {
    requireRight(request.actor, 'grant');
    const { tenant, name } = await nestedPlaceOf(cp, request);
    await revokeKey(cp, request.actor, tenant, name);
    return reply.code(204).send();
  });

  for (const path of ['/tenants/:tenant/subscriptions/:id', '/subscriptions/:id']) {
    app.post(`${path}/rotate-key`, async (request) => {
      const { tenant, name } = await placeOf(cp, request);
      return (await rotate(cp, request, rotateBody, (trx) => targetBySubscription(trx, tenant, name))).view;
    });
    app.get(`${path}/rotation-info`, async (request) => info(cp, request));
  }
  app.post('/tenants/:tenant/apikeys/:id/rotate', async (request) => {
    const { tenant, name } = await nestedPlaceOf(cp, request);
    const { view, key } = await rotate(cp, request, rotateBody, (trx) => targetByKey(trx, tenant, name));
    return { id: key, ...view };
  });
  for (const path of ['/tenants/:tenant/consumers/:id/rotate-key', '/consumers/:tenant/:id/rotate-key']) {
    app.post(path, async (request) => {
      const { tenant, name } = await nestedPlaceOf(cp, request);
      const find = (trx: Trx, { subscription_id, api_id }: z.output<typeof consumerRotateBody>) =>
        targetByConsumer(trx, tenant, name, { subscription: subscription_id, api: api_id });
      return (await rotate(cp, request, consumerRotateBody, find)).view;
    });
  }
  return Promise.resolve();
};

async function rotate<Body extends z.output<typeof rotateBody>>(
  cp: ControlPlane,
  { actor, body }: FastifyRequest,
  schema: z.ZodType<Body>,
  find: (trx: Trx, body: Body) => Promise<RotationTarget>,
) {
  requireRight(actor, 'operate');
  const wanted = parse(schema, body);
  const { grace_period_hours: graceHours, force } = wanted;
  const result = await rotateKey(cp, actor, { find: (trx) => find(trx, wanted), graceHours, force });
  return { view: rotationView(result, graceHours), key: result.issued.row.id };
}

/** The tenant's name and what the path names below it. Throws `not_found` for a tenant that the actor does not see. */
async function nestedPlaceOf(cp: ControlPlane, { params, actor }: FastifyRequest): Promise<{ tenant: string; name: string }> {
  const nested = parse(nestedParams, params);
  return { tenant: (await requireTenant(cp.db, actor, nested.tenant)).name, name: nested.id };
}

/** The same for a path that may leave the tenant out. */
async function placeOf(cp: ControlPlane, request: FastifyRequest): Promise<{ tenant: string | undefined; name: string }> {
  const { params, actor } = request;
  if (typeof params === 'object' && params !== null && 'tenant' in params) return nestedPlaceOf(cp, request);
  return { tenant: actor.tenant, name: parse(idParams, params).id };
}

async function info(cp: ControlPlane, request: FastifyRequest) {
  requireRight(request.actor, 'read');
  const { tenant, name } = await placeOf(cp, request);
  const subscription = await requireSubscription(cp.db, tenant, name);
  return rotationInfo(subscription, await liveKeys(cp.db, [subscription.id]), cp.now());
}

async function list(cp: ControlPlane, { actor, params, query }: FastifyRequest) {
  requireRight(actor, 'read');
  const { name: tenant, created_at } = await requireTenant(cp.db, actor, parse(tenantParams, params).tenant);
  const { subscription_id, ...page } = parse(listQuery, query);
  // A tenant of the same name that was deleted before is somebody else's: only the platform sees its keys.
  const madeSince = actor.tenant === undefined ? undefined : created_at;
  const subscription = subscription_id === undefined ? undefined : (await requireSubscription(cp.db, tenant, subscription_id)).id;
  const rows = await listKeys(cp.db, { tenant, subscription, madeSince }, offsetOf(page), page.limit);
  const total = await countKeys(cp.db, { tenant, subscription, madeSince });
  const now = cp.now();
  return pageAnswer(
    'apikeys',
    rows.map((row) => keyView(row, now)),
    total,
    page,
  );
}

async function create(cp: ControlPlane, { actor, params, body }: FastifyRequest) {
  requireRight(actor, 'grant');
  const { name: tenant } = await requireTenant(cp.db, actor, parse(tenantParams, params).tenant);
  const { subscription_id, name, expires_at } = parse(createBody, body);
  return newKeyView(await createKey(cp, actor, { tenant, subscription: subscription_id, name, expiresAt: expires_at }), cp.now());
}
