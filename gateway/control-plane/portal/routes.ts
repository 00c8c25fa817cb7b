/** The developer portal (rows UI1 to UI4): its page, and what the page asks. Off unless the operator turns it on. */
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { ConsumerSpec } from '../../../schema/kinds/consumer.js';
import type { TenantSpec } from '../../../schema/kinds/tenant.js';
import * as z from 'zod';
import type { ControlPlane } from '../context.js';
import { sendBuilt, sendPage } from '../http/pages.js';
import { parse } from '../http/parse.js';
import { StoaError } from '../../../schema/error.js';
import {
  findVisitor,
  onlyPortal,
  presentVisitor,
  requirePortal,
  requireRunning,
  requireVisitor,
  SIGN_IN_MS,
  type Visitor,
} from './access.js';
import { accessBody, noteSignIn, register, renewSignIn, requirePlace } from './accounts.js';
import { offeredApis, offeredPlans } from './catalog.js';
import { SECRET, setCookie } from './cookie.js';
import { createPortalLimits, networkOf, type PortalLimits } from './limits.js';
import { requireOwnPage } from './origin.js';
import type { Me, Offer, OtherSession, Person, SignIn } from './shapes.js';
import { makeNewKey, newKeyBody, ownSubscriptions, subscribe, subscribeBody, takeSealedKey } from './subscriptions.js';

const MAX_BODY_BYTES = 8 * 1024;
const SIGN_IN_SECONDS = SIGN_IN_MS / 1000;
const sessionBody = z.strictObject({
  secret: z.string().regex(SECRET, 'The sign-in link is not whole.'),
  /** Whether it may end the session of somebody else in this browser. */
  replace: z.boolean().default(false),
});

type TenantRequest = FastifyRequest<{ Params: { tenant: string } }>;
type SubscriptionRequest = FastifyRequest<{ Params: { tenant: string; subscription: string } }>;

interface Deps {
  readonly cp: ControlPlane;
  readonly limits: PortalLimits;
}

/** `/portal`, `/portal/:tenant`, and below that what the page of a tenant asks. */
export const portalRoutes: FastifyPluginAsync<{ readonly cp: ControlPlane }> = async (app, { cp }) => {
  const deps: Deps = { cp, limits: createPortalLimits(cp.now) };
  app.get('/portal', async (_request, reply) => {
    const only = await onlyPortal(cp.db);
    return only === undefined ? sendPage('portal', 'portal.html', reply) : reply.redirect(`/portal/${only}`);
  });
  app.get('/portal/:tenant', async ({ params }: TenantRequest, reply) => {
    await requirePortal(cp.db, params.tenant);
    return sendPage('portal', 'portal.html', reply);
  });
  app.get('/portal-files/:file', ({ params }: FastifyRequest<{ Params: { file: string } }>, reply) =>
    sendBuilt('portal', params.file, reply),
  );
  await app.register(
    (below) => {
      below.addHook('onRequest', async (request, reply) => {
        void reply.header('cache-control', 'no-store');
        if (request.method !== 'GET') requireOwnPage(cp, request);
      });
      addSignIn(below, deps);
      addReading(below, cp);
      addWriting(below, deps);
      return Promise.resolve();
    },
    { prefix: '/portal/:tenant' },
  );
};

const post = { bodyLimit: MAX_BODY_BYTES };

/** Ways in and out. */
function addSignIn(app: FastifyInstance, { cp, limits }: Deps): void {
  app.post('/access', post, async (request: TenantRequest, reply) => {
    const tenant = await runningPortal(cp, request);
    const said = parse(accessBody, request.body);
    const network = networkOf(request.clientIp);
    limits.attempt(network);
    // Before the count of the tenant: what is refused to one network takes nothing from the others.
    await requirePlace(cp, tenant.name, network);
    limits.registration(tenant.id);
    return signIn(request, reply, await register(cp, tenant, said, { network, requestId: request.id }));
  });
  app.post('/session', post, async (request: TenantRequest, reply) => {
    const tenant = await runningPortal(cp, request);
    const { secret, replace } = parse(sessionBody, request.body);
    const visitor = await findVisitor(cp, tenant, secret, request.id);
    if (visitor === undefined)
      throw new StoaError('unauthorized', 'The sign-in link has ended, or a newer one has taken its place.', {
        hint: 'Ask whoever sent you here for a new one.',
      });
    limits.write(visitor.consumer.id);
    const present = await presentVisitor(cp, tenant, request);
    // Whoever sends a link of their own to somebody else would have them work under a foreign name, unnoticed (login CSRF).
    if (!replace && present !== undefined && present.consumer.id !== visitor.consumer.id)
      return { present: personOf(present), next: personOf(visitor) } satisfies OtherSession;
    await noteSignIn(cp, visitor.consumer, visitor.actor);
    setCookie(request, reply, tenant.name, secret, SIGN_IN_SECONDS);
    return reply.code(204).send();
  });
  app.delete('/session', async (request: TenantRequest, reply) => {
    const { name } = await requirePortal(cp.db, request.params.tenant);
    setCookie(request, reply, name, '', 0);
    return reply.code(204).send();
  });
}

/** What the signed in see. */
function addReading(app: FastifyInstance, cp: ControlPlane): void {
  app.get('/me', async (request: TenantRequest): Promise<Me> => {
    const visitor = await visitorOf(cp, request);
    const { tenant } = visitor;
    const { display_name: title, description } = tenant.spec as unknown as TenantSpec;
    return {
      tenant: { name: tenant.name, title: title ?? tenant.name, description: description ?? null },
      consumer: personOf(visitor),
    };
  });
  app.get('/apis', async (request: TenantRequest): Promise<Offer> => {
    const { tenant } = await visitorOf(cp, request);
    return { apis: await offeredApis(cp, tenant), plans: await offeredPlans(cp, tenant) };
  });
  app.get('/subscriptions', async (request: TenantRequest) => ({
    subscriptions: await ownSubscriptions(cp, await visitorOf(cp, request)),
  }));
}

/** What the signed in do. */
function addWriting(app: FastifyInstance, { cp, limits }: Deps): void {
  const writer = async (request: TenantRequest): Promise<Visitor> => {
    const visitor = await visitorOf(cp, request);
    limits.write(visitor.consumer.id);
    return visitor;
  };
  app.post('/sign-in-link', post, async (request: TenantRequest, reply) => {
    const { tenant, consumer, actor } = await writer(request);
    return signIn(request, reply, await renewSignIn(cp, actor, tenant.name, consumer.id));
  });
  app.post('/subscriptions', post, async (request: TenantRequest, reply) => {
    const visitor = await writer(request);
    return reply.code(201).send(await subscribe(cp, visitor, parse(subscribeBody, request.body)));
  });
  app.post('/subscriptions/:subscription/sealed-key', post, async (request: SubscriptionRequest) =>
    takeSealedKey(cp, await writer(request), request.params.subscription),
  );
  app.post('/subscriptions/:subscription/new-key', post, async (request: SubscriptionRequest) => {
    const visitor = await writer(request);
    const made = await makeNewKey(cp, visitor, request.params.subscription, parse(newKeyBody, request.body));
    return { api_key: made.issued.secret, old_key_expires_at: made.oldKeyExpiresAt };
  });
}

async function runningPortal(cp: ControlPlane, { params }: TenantRequest) {
  const tenant = await requirePortal(cp.db, params.tenant);
  await requireRunning(cp.db, tenant);
  return tenant;
}

function personOf({ consumer: { name, spec } }: Visitor): Person {
  const { display_name, email } = spec as unknown as ConsumerSpec;
  return { name: display_name ?? name, email: email ?? null };
}

/** Whoever is signed in; the line of the log names them. */
async function visitorOf(cp: ControlPlane, request: TenantRequest): Promise<Visitor> {
  const visitor = await requireVisitor(cp, await runningPortal(cp, request), request);
  request.actor = visitor.actor;
  return visitor;
}

function signIn(request: TenantRequest, reply: FastifyReply, { secret, expires_at }: SignIn): FastifyReply {
  setCookie(request, reply, request.params.tenant, secret, SIGN_IN_SECONDS);
  return reply.code(201).send({ secret, expires_at });
}
