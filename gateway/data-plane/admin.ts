/** The admin API of document D. Every route needs the gateway's admin token, in `Authorization: Bearer` and nowhere else. */
import type { Catalog } from '../../schema/catalog.js';
import { StoaError, errorBody, ERRORS } from '../../schema/error.js';
import { keyOf } from '../../schema/resource.js';
import type { Reply } from '../policies/contract.js';
import { adminPolicyView, apiView, policyView, readAdminApi, readAdminPolicy } from './admin-objects.js';
import type { AnswerCache } from './answer-cache.js';
import { cacheStats } from './cache-view.js';
import { createBearerCheck } from './bearer.js';
import type { CertificateJudge } from './client-certificate.js';
import type { AdminApi, AdminObjects, AdminPolicy, ConfigSource } from './config-source.js';
import { errorReply, jsonReply, type OwnHandler, type OwnRequest } from './own-routes.js';
import type { SessionTable } from './mcp/sessions.js';
import { findQuota, listQuotas, resetQuota, type QuotaSources } from './quota-view.js';
import type { UsageMeter } from './usage-meter.js';
import type { Publisher } from './publisher.js';
import type { Breaker, KeyStore } from './snapshot.js';
import { adminKey } from './topology.js';

export interface AdminOptions {
  /** Undefined turns the admin API off: 503. */
  readonly token: string | undefined;
  readonly version: string;
  readonly catalog: Catalog;
  readonly source: ConfigSource;
  readonly publisher: Publisher;
  readonly keys: Pick<KeyStore, 'stats' | 'clear'>;
  readonly answers: Pick<AnswerCache, 'stats' | 'clear'>;
  readonly quotas: QuotaSources;
  readonly usage: Pick<UsageMeter, 'takeBack'>;
  readonly certificates: Pick<CertificateJudge, 'mode' | 'stats'>;
  /** Sessions of MCP clients. */
  sessions(): ReturnType<SessionTable['stats']>;
  /** The breaker of the connection to the control plane. */
  readonly controlPlaneBreaker: Breaker;
  /** Tells the connection that its breaker was closed by hand. */
  onBreakerReset(): void;
  /** Keeps what was registered; returns when it is on the disk, throws when it cannot be. */
  save(objects: AdminObjects): void;
  readonly allowPrivateUpstreams: boolean;
  /** Wall clock, epoch milliseconds. */
  now(): number;
}

interface Call {
  readonly request: OwnRequest;
  /** The decoded segment at the place of `:id`. */
  readonly id: string;
}

type Run = (call: Call) => Reply | Promise<Reply>;
type Routes = Readonly<Record<string, Readonly<Record<string, Run>>>>;

const NO_CONTENT: Reply = { status: 204, headers: [], body: '' };
const ok = (value: unknown): Reply => jsonReply(200, value);

/** The handler of everything below `/admin/`. */
export function createAdmin(options: AdminOptions): OwnHandler {
  const routes: Routes = {
    ...healthRoutes(options),
    ...apiRoutes(options),
    ...policyRoutes(options),
    ...breakerRoutes(options),
    ...stateRoutes(options),
  };
  const isAuthorized = options.token === undefined ? undefined : createBearerCheck(options.token);
  return async (request) => {
    if (isAuthorized === undefined) return errorReply('service_unavailable', 'The admin API is disabled: the gateway has no admin token.');
    if (!isAuthorized(request.authorization)) {
      return errorReply('unauthorized', 'A valid admin token is needed.', ['WWW-Authenticate', 'Bearer realm="stoa-admin"']);
    }
    try {
      return await dispatch(routes, request);
    } catch (error) {
      if (error instanceof StoaError) return jsonReply(ERRORS[error.code].status, errorBody(error));
      throw error;
    }
  };
}

function dispatch(routes: Routes, request: OwnRequest): Reply | Promise<Reply> {
  const { pattern, id } = matchPath(request.path);
  const methods = Object.hasOwn(routes, pattern) ? routes[pattern] : undefined;
  if (methods === undefined) return errorReply('not_found', 'The admin API has no such route.');
  const run = methods[request.method === 'HEAD' ? 'GET' : request.method];
  if (run !== undefined) return run({ request, id });
  const allowed = Object.keys(methods).flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  return errorReply('method_not_allowed', undefined, ['Allow', allowed.join(', ')]);
}

/** `/admin/apis/api-1` is `apis/:id`; `/admin/circuit-breakers/x/reset` is `circuit-breakers/:id/reset`. */
function matchPath(path: string): { readonly pattern: string; readonly id: string } {
  const segments = path.slice('/admin/'.length).split('/');
  const [first = '', second, ...rest] = segments;
  const hasId = second !== undefined && ['apis', 'policies', 'circuit-breakers', 'quotas'].includes(first);
  if (!hasId) return { pattern: segments.join('/'), id: '' };
  return { pattern: [first, ':id', ...rest].join('/'), id: decoded(second) };
}

/** A segment without its percent escapes; as it is when they are none. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function healthRoutes({ publisher, source, version }: AdminOptions): Routes {
  const countPolicies = (): number =>
    [...source.resources.values()].filter(({ kind }) => kind === 'Policy').length + source.adminPolicies.size;
  return {
    health: { GET: () => ok({ status: 'ok', version, routes_count: publisher.snapshot.routes.length, policies_count: countPolicies() }) },
  };
}

/** Puts and removes what the admin API gave: first on the disk, then in force, then answered. */
async function store(
  { source, publisher, save }: AdminOptions,
  put: Partial<AdminObjects>,
  remove: { readonly apis?: readonly string[]; readonly policies?: readonly string[] } = {},
): Promise<void> {
  const apis = new Map(source.adminApis);
  const policies = new Map(source.adminPolicies);
  for (const key of remove.apis ?? []) apis.delete(key);
  for (const key of remove.policies ?? []) policies.delete(key);
  for (const api of put.apis ?? []) apis.set(api.id, api);
  for (const policy of put.policies ?? []) policies.set(policy.id, policy);
  try {
    save({ apis: [...apis.values()], policies: [...policies.values()] });
  } catch (error) {
    throw unsaved(error);
  }
  source.changeAdmin({ apis: put.apis ?? [], policies: put.policies ?? [] }, { apis: remove.apis ?? [], policies: remove.policies ?? [] });
  await publisher.settled();
}

const unsaved = (cause: unknown): StoaError =>
  cause instanceof StoaError
    ? cause
    : new StoaError('service_unavailable', 'The change could not be written to the disk of the gateway; nothing was changed.', { cause });

function apiRoutes(options: AdminOptions): Routes {
  const { source, publisher, catalog, allowPrivateUpstreams, now } = options;
  const find = (id: string) => publisher.snapshot.byKey.get(id) ?? publisher.snapshot.byKey.get(adminKey(id));
  const show = (route: ReturnType<typeof find>): unknown =>
    route === undefined ? undefined : apiView(route, route.source.prefix === undefined ? undefined : source.adminApis.get(route.id));
  return {
    apis: {
      GET: () => ok(publisher.snapshot.routes.map(show)),
      POST: async ({ request }) => {
        const body = await request.readBody();
        const before = (id: string): AdminApi | undefined => source.adminApis.get(id);
        const draft = readAdminApi(catalog, body, allowPrivateUpstreams, new Date(now()).toISOString());
        const api = { ...draft, created_at: before(draft.id)?.created_at ?? draft.created_at };
        refuseShadow(options, api);
        const isNew = before(api.id) === undefined;
        await store(options, { apis: [api] });
        return jsonReply(isNew ? 201 : 200, show(find(api.id)));
      },
    },
    'apis/:id': {
      GET: ({ id }) => {
        const route = find(id);
        return route === undefined ? errorReply('not_found', 'No route has this id.') : ok(show(route));
      },
      DELETE: async ({ id }) => {
        if (publisher.snapshot.byKey.has(id)) throw givenByControlPlane('route');
        if (!source.adminApis.has(id)) return errorReply('not_found', 'No route has this id.');
        await store(options, {}, { apis: [id] });
        return NO_CONTENT;
      },
    },
  };
}

const givenByControlPlane = (what: string): StoaError =>
  new StoaError('conflict', `The control plane gave this ${what}.`, { hint: 'Change it there: the gateway follows within a second.' });

/** What is registered here may take nothing from the control plane, and no prefix from another route. */
function refuseShadow({ publisher }: AdminOptions, { id, path_prefix: prefix }: AdminApi): void {
  const { snapshot } = publisher;
  if (snapshot.byKey.has(id)) throw givenByControlPlane('route');
  const above = snapshot.match(prefix)?.route;
  if (above !== undefined && snapshot.byKey.has(above.id))
    throw new StoaError('conflict', `What comes to ${prefix} goes to the API "${above.api}" of tenant "${above.tenant}".`, {
      hint: 'Choose a path_prefix outside of what the control plane publishes.',
    });
  const owner = publisher.ownerOf(prefix);
  if (owner === undefined || owner.source.key === adminKey(id)) return;
  throw new StoaError('conflict', `Route "${owner.id}" is served at ${prefix}.`, {
    hint: 'Choose another path_prefix, or remove that route first.',
  });
}

function policyRoutes(options: AdminOptions): Routes {
  const { source, catalog, now } = options;
  const isGiven = (id: string): boolean =>
    [...source.resources.values()].some((resource) => resource.kind === 'Policy' && resource.id === id);
  const list = (): unknown[] => {
    const given = [...source.resources.values()].filter(({ kind }) => kind === 'Policy');
    const idOfApi = (tenant: string) => (name: string) => source.resources.get(keyOf({ kind: 'API', tenant, name }))?.id;
    return [
      ...given.map((policy) => policyView(policy, idOfApi(policy.tenant))),
      ...[...source.adminPolicies.values()].map(adminPolicyView),
    ];
  };
  return {
    policies: {
      GET: () => ok(list()),
      POST: async ({ request }) => {
        const policy: AdminPolicy = readAdminPolicy(catalog, await request.readBody(), new Date(now()).toISOString());
        if (isGiven(policy.id)) throw givenByControlPlane('policy');
        const isNew = !source.adminPolicies.has(policy.id);
        await store(options, { policies: [policy] });
        return jsonReply(isNew ? 201 : 200, adminPolicyView(policy));
      },
    },
    'policies/:id': {
      DELETE: async ({ id }) => {
        if (isGiven(id)) throw givenByControlPlane('policy');
        if (!source.adminPolicies.has(id)) return errorReply('not_found', 'No policy has this id.');
        await store(options, {}, { policies: [id] });
        return NO_CONTENT;
      },
    },
  };
}

const RESET = { status: 'ok', message: 'Circuit breaker reset to closed' } as const;

function breakerRoutes({ controlPlaneBreaker, onBreakerReset, publisher, now }: AdminOptions): Routes {
  const breakers = (): Breaker[] => [
    ...new Set(
      publisher.snapshot.routes
        .filter(({ state }) => state !== 'broken')
        .flatMap(({ upstreams }) => upstreams.all.map(({ breaker }) => breaker)),
    ),
  ];
  return {
    'circuit-breaker/stats': { GET: () => ok(controlPlaneBreaker.stats(now())) },
    'circuit-breaker/reset': {
      POST: () => {
        controlPlaneBreaker.reset();
        onBreakerReset();
        return ok(RESET);
      },
    },
    'circuit-breakers': { GET: () => ok(breakers().map((breaker) => breaker.stats(now()))) },
    'circuit-breakers/:id/reset': {
      POST: ({ id }) => {
        const named = breakers().filter(({ name }) => name === id);
        if (named.length === 0) return errorReply('not_found', 'No circuit breaker has this name.');
        for (const breaker of named) breaker.reset();
        return ok(RESET);
      },
    },
  };
}

/** Sessions, mTLS and quotas in the shapes of document D. */
function stateRoutes({ keys, answers, quotas, usage, certificates, sessions, now }: AdminOptions): Routes {
  const reset = (name: string): boolean =>
    resetQuota(quotas, name, ({ id: subscription, tenant, api: name }, used) => {
      const api = quotas.resources.get(keyOf({ kind: 'API', tenant, name }))?.id;
      if (api !== undefined) usage.takeBack({ tenant, api, subscription }, used, now());
    });
  const noQuota = (): Reply => errorReply('not_found', 'No quota data is kept for this consumer.');
  return {
    'cache/stats': { GET: () => ok(cacheStats(keys, answers)) },
    'cache/clear': {
      POST: () => {
        keys.clear();
        answers.clear();
        return ok({ status: 'ok', message: 'Cache cleared' });
      },
    },
    'sessions/stats': { GET: () => ok(sessions()) },
    'mtls/config': { GET: () => ok(certificateConfig(certificates)) },
    'mtls/stats': { GET: () => ok(certificates.stats()) },
    quotas: { GET: () => ok(listQuotas(quotas)) },
    'quotas/:id': {
      GET: ({ id }) => {
        const quota = findQuota(quotas, id);
        return quota === undefined ? noQuota() : ok(quota);
      },
    },
    'quotas/:id/reset': {
      POST: ({ id }) => (reset(id) ? ok({ status: 'ok', message: `Quota reset for consumer '${id}'` }) : noQuota()),
    },
  };
}

const certificateConfig = ({ mode }: Pick<CertificateJudge, 'mode'>) => ({
  enabled: mode !== 'off',
  require_client_cert: mode === 'required',
  trusted_proxies: '[redacted]',
});
