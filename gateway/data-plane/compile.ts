/** One API with its policies to a route. It knows its kinds by name; what it makes is immutable and decides all that configuration alone can decide. */
import type { Catalog } from '../../schema/catalog.js';
import type { ApiSpec } from '../../schema/kinds/api.js';
import { normalizeRateLimit } from '../../schema/rate-limit.js';
import type { Hooks } from '../policies/contract.js';
import { callerOf, limitHooks } from '../policies/rate-limit.js';
import { balance, oneUpstream } from './balancer.js';
import { DEFAULT_BREAKER, createBreaker, type BreakerSettings } from './breaker.js';
import { plainName, type CertificateRule } from './client-certificate.js';
import type { CombineLimits } from './combine-limits.js';
import {
  createPolicyCompiler,
  earlyHooks,
  orderHooks,
  policyServices,
  type CompilePolicy,
  type HookScope,
  type ServiceOwner,
} from './hooks.js';
import { counterKey, ownLimitKey, type Binding } from './policy-bindings.js';
import type { HealthSettings } from './health-checks.js';
import { problemOf } from './mcp/tools.js';
import type { RuntimeState } from './runtime-state.js';
import type { Credential, Route, RouteMetrics, Upstream, Upstreams } from './snapshot.js';
import type { ApiSource, RouteBindings } from './topology.js';

/** A route with what the gateway itself wants to know of it. */
export interface CompiledRoute extends Route {
  readonly source: ApiSource;
  /** Why it is broken, or what is wrong with its policies. Empty for a sound route. */
  readonly problems: readonly string[];
  /** Keys of the counters that belong to this route alone. */
  readonly counterKeys: readonly string[];
}

export interface CompileServices {
  readonly catalog: Catalog;
  readonly state: RuntimeState;
  /** Wall clock, epoch milliseconds. */
  now(): number;
  /** The Prometheus children of a route. */
  metricsOf(tenant: string, label: string): RouteMetrics;
}

export interface RouteInput {
  readonly source: ApiSource;
  readonly prefixes: readonly string[];
  /** Prefixes of its own that another API has. */
  readonly lost: readonly string[];
  readonly bindings: RouteBindings;
  readonly multiplier: number;
  /** Whether its tenant is suspended: it is known, and not served. */
  readonly isSuspended: boolean;
}

export type CompileRoute = (input: RouteInput) => CompiledRoute;

/** The upstream of a route that has none: such a route answers 503 before it would be called. */
const NO_UPSTREAM: Upstream = {
  origin: 'http://127.0.0.1:0',
  basePath: '',
  host: '',
  timeoutMs: 1,
  connectTimeoutMs: 1,
  poolKey: '',
  retries: 0,
  maxBodyBytes: undefined,
  breaker: createBreaker('none'),
  health: undefined,
};
const NO_UPSTREAMS = oneUpstream(NO_UPSTREAM);
const NO_HOOKS: readonly Hooks[] = [];

/** The spec of an API by the catalog's rules, or what is wrong with it. */
export function readApi(catalog: Catalog, source: ApiSource): ReadApi {
  const known = reads.get(source) ?? parseApi(catalog, source);
  reads.set(source, known);
  return known;
}

type ReadApi = { readonly api: ApiSpec } | { readonly problem: string };
const reads = new WeakMap<ApiSource, ReadApi>();

/** Its document may be large, and was checked where it was written: it is taken as it is. */
function parseApi(catalog: Catalog, source: ApiSource): ReadApi {
  const { openapi, ...spec } = Object(source.spec) as { readonly openapi?: ApiSpec['openapi'] };
  const parsed = catalog.find('API')?.spec.safeParse(spec);
  if (parsed?.success === true) return { api: { ...(parsed.data as ApiSpec), openapi } };
  const issue = parsed?.error.issues[0];
  return { problem: issue === undefined ? 'This gateway knows no APIs.' : `spec.${issue.path.join('.')}: ${issue.message}` };
}

/** A compiler of routes. It keeps what it made of a policy for as long as the policy is the same object. */
export function createRouteCompiler(services: CompileServices): CompileRoute {
  const { catalog, state, now, metricsOf } = services;
  const compilePolicy = createPolicyCompiler(state, now);
  return (input) => {
    const { source, bindings, multiplier } = input;
    const scope: HookScope = { apiKey: source.key, multiplier };
    const found = readApi(catalog, source);
    const problems = [...('problem' in found ? [found.problem] : []), ...problemsOf(bindings.general)];
    if ('problem' in found || problems.length > 0) return brokenRoute(input, problems, metricsOf(source.tenant, source.label));
    try {
      const own = ownLimit(found.api, state, now, { tenant: source.tenant, key: ownLimitKey(source.key), multiplier });
      return route(
        input,
        found.api,
        upstreamsOf(found.api, state),
        hooksOf(bindings, own, (binding) => compilePolicy(binding, scope), state.combine),
        metricsOf,
      );
    } catch (error) {
      return brokenRoute(
        input,
        [`A policy cannot be compiled: ${error instanceof Error ? error.message : String(error)}`],
        metricsOf(source.tenant, source.label),
      );
    }
  };
}

const problemsOf = (bindings: readonly Binding[]): string[] =>
  bindings.flatMap(({ policy: { usable } }) => ('problem' in usable ? [usable.problem] : []));

/** Shared by all routes of one list of methods. */
const methodSets = new Map<string, { readonly methods: ReadonlySet<string>; readonly allow: string }>();

function methodsOf(methods: readonly string[]): { readonly methods: ReadonlySet<string>; readonly allow: string } {
  const allow = methods.join(', ');
  const known = methodSets.get(allow) ?? { methods: new Set(methods), allow };
  methodSets.set(allow, known);
  return known;
}

interface RouteHooks {
  readonly preflight: readonly Hooks[];
  hooksFor(credential: Credential | undefined): readonly Hooks[];
}

function route(
  { source, prefixes, lost, bindings, isSuspended }: RouteInput,
  api: ApiSpec,
  upstreams: Upstreams,
  hooks: RouteHooks,
  metricsOf: CompileServices['metricsOf'],
): CompiledRoute {
  const { key, id, tenant, name, label } = source;
  const unoffered = problemOf(api);
  const local = bindings.general.filter(({ scope }) => scope === undefined);
  return {
    source,
    id,
    tenant,
    api: name,
    label,
    prefixes,
    state: api.activated && !isSuspended ? 'active' : 'inactive',
    ...methodsOf(api.methods),
    authRequired: api.auth_required,
    clientCertificate: certificateRule(api),
    ...hooks,
    upstream: upstreams.all[0] ?? NO_UPSTREAM,
    upstreams,
    metrics: metricsOf(tenant, label),
    tools: api,
    problems: [
      ...lost.map((prefix) => `Another API is served at ${prefix}.`),
      ...(unoffered === undefined ? [] : [unoffered]),
      ...[...bindings.single.values()].flatMap(problemsOf),
    ],
    counterKeys: [ownLimitKey(key), ...[...local, ...[...bindings.single.values()].flat()].map((binding) => counterKey(binding, key))],
  };
}

function brokenRoute({ source, prefixes }: RouteInput, problems: readonly string[], metrics: RouteMetrics): CompiledRoute {
  const { id, tenant, name, label } = source;
  return {
    source,
    id,
    tenant,
    api: name,
    label,
    prefixes,
    state: 'broken',
    ...methodsOf([]),
    authRequired: true,
    clientCertificate: undefined,
    preflight: NO_HOOKS,
    hooksFor: () => NO_HOOKS,
    upstream: NO_UPSTREAM,
    upstreams: NO_UPSTREAMS,
    metrics,
    tools: undefined,
    problems,
    counterKeys: [],
  };
}

function certificateRule({ client_certificate: rule }: ApiSpec): CertificateRule | undefined {
  if (rule === undefined) return undefined;
  return { isRequired: rule.required, issuers: rule.issuers === undefined ? undefined : new Set(rule.issuers.map(plainName)) };
}

/** The `rate_limit` of the API itself: a limiter beside the policies, per consumer. */
function ownLimit({ rate_limit }: ApiSpec, state: RuntimeState, now: () => number, owner: ServiceOwner): readonly Hooks[] {
  if (rate_limit === undefined) return NO_HOOKS;
  const services = policyServices(state, now, owner);
  const { limit, window_secs: windowSeconds, burst } = normalizeRateLimit(rate_limit);
  return [limitHooks(services.limiter({ limit, windowSeconds, burst }), services, callerOf)];
}

/** One array for all callers without policies or limits of their own; one array per credential that has some, made when it first calls. */
function hooksOf(
  { general, single, consumers }: RouteBindings,
  own: readonly Hooks[],
  compile: (binding: Binding) => ReturnType<CompilePolicy>,
  combine: CombineLimits,
): RouteHooks {
  const preflight = earlyHooks(general, compile);
  const base = orderHooks(general, compile, own, combine);
  const special = new WeakMap<Credential, readonly Hooks[]>();
  const hasConsumers = single.size > 0 || consumers.size > 0;
  const makeSpecial = ({ consumer, limits }: Credential): readonly Hooks[] => {
    const bindings = consumer === undefined ? [] : [...(single.get(consumer) ?? []), ...(consumers.get(consumer) ?? [])];
    return bindings.length === 0 && limits.length === 0
      ? base
      : orderHooks([...general, ...bindings], compile, [...own, ...limits], combine);
  };
  return {
    preflight,
    hooksFor(credential) {
      if (credential === undefined || (!hasConsumers && credential.limits.length === 0)) return base;
      const known = special.get(credential) ?? makeSpecial(credential);
      special.set(credential, known);
      return known;
    },
  };
}

/** `upstream_url` alone, or the list that it is one of. */
function upstreamsOf(api: ApiSpec, state: RuntimeState): Upstreams {
  const servers = api.upstreams ?? [{ url: api.upstream_url, weight: 1 }];
  return balance(servers.map(({ url, weight }) => ({ upstream: upstreamOf(url, api, state), weight })));
}

function upstreamOf(url: string, api: ApiSpec, state: RuntimeState): Upstream {
  const { origin, pathname, host } = new URL(url);
  const basePath = pathname.replace(/\/+$/, '');
  const check = healthSettings(api);
  return {
    origin,
    basePath,
    host,
    timeoutMs: api.timeout_ms,
    connectTimeoutMs: api.connect_timeout_ms,
    poolKey: `${origin} ${api.connect_timeout_ms}`,
    retries: api.retries,
    maxBodyBytes: api.max_body_bytes,
    breaker: state.breaker(`${origin}${basePath}`, breakerSettings(api)),
    health: check === undefined ? undefined : state.health(`${origin}${basePath}`, check),
  };
}

function healthSettings({ health_check: check }: ApiSpec): HealthSettings | undefined {
  if (check === undefined) return undefined;
  return {
    path: check.path,
    intervalMs: check.interval_secs * 1000,
    timeoutMs: check.timeout_ms,
    unhealthyThreshold: check.unhealthy_threshold,
    healthyThreshold: check.healthy_threshold,
  };
}

function breakerSettings({ circuit_breaker: settings }: ApiSpec): BreakerSettings {
  if (settings === undefined) return DEFAULT_BREAKER;
  return {
    failureThreshold: settings.failure_threshold,
    windowMs: settings.window_secs * 1000,
    openMs: settings.open_secs * 1000,
    successThreshold: settings.success_threshold,
  };
}
