/** What a gateway serves from: immutable, compiled whole by `compile.ts`, swapped by one assignment. And the stores that outlive it. */
import { TOKEN_FAILURES, type Hooks } from '../policies/contract.js';
import { CERTIFICATE_FAILURES, type CertificateRule } from './client-certificate.js';
import type { ToolSource } from './mcp/tool-source.js';

export interface Snapshot {
  /** Number of the last change that it holds; 0 for a gateway that has only what its admin API registered. */
  readonly number: number;
  readonly routes: readonly Route[];
  /** Longest prefix of whole segments of the raw path. */
  match(path: string): RouteMatch | undefined;
}

export interface RouteMatch {
  readonly route: Route;
  /** Length of the matched prefix: the rest of the path goes to the upstream. */
  readonly prefixLength: number;
}

/** One API. Several prefixes lead to the same route (decision K16). */
export interface Route {
  /** Id of the API. */
  readonly id: string;
  readonly tenant: string;
  /** Its name, which keys and tools know it by. */
  readonly api: string;
  /** As metrics, log and events name it: no other route of the tenant has it. */
  readonly label: string;
  readonly prefixes: readonly string[];
  /** `broken`: it could not be compiled; it answers 503 and never runs without its policies. */
  readonly state: 'active' | 'inactive' | 'broken';
  readonly methods: ReadonlySet<string>;
  /** Value of the `Allow` header. */
  readonly allow: string;
  readonly authRequired: boolean;
  /** Whether callers show a certificate; undefined: it does not ask. */
  readonly clientCertificate: CertificateRule | undefined;
  /** Policies that run before authentication. */
  readonly preflight: readonly Hooks[];
  /** Policies and limits that run after authentication for this caller, in order; one array per distinct set, made at compile. */
  hooksFor(credential: Credential | undefined): readonly Hooks[];
  /** Its first server, whose settings are those of all. */
  readonly upstream: Upstream;
  readonly upstreams: Upstreams;
  readonly metrics: RouteMetrics;
  /** What MCP clients are offered of it; undefined: nothing. */
  readonly tools: ToolSource | undefined;
}

/** The servers of a route. */
export interface Upstreams {
  readonly all: readonly Upstream[];
  /**
   * Where several processes have a breaker in common and it is not closed: asks whether a request may go, and then `pick` knows. Undefined where nothing
   * has to be asked; absent in a process that is alone.
   */
  ask?: ((nowMs: number) => Promise<unknown> | undefined) | undefined;
  /** A server that takes a request now, admitted by its breaker; or the milliseconds until one may. */
  pick(nowMs: number): Upstream | number;
  /** Another one, admitted, after this one has failed on the request; undefined when there is none. */
  another(nowMs: number, than: Upstream): Upstream | undefined;
}

/** What active checks found out. */
export interface UpstreamHealth {
  readonly isHealthy: boolean;
}

export interface Upstream {
  /** `https://api.example.com:8443` */
  readonly origin: string;
  /** Path of the upstream URL without a slash at its end; empty for the root. */
  readonly basePath: string;
  /** Value of the `Host` header. */
  readonly host: string;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  /** What servers have in common that share connections. */
  readonly poolKey: string;
  readonly retries: number;
  readonly maxBodyBytes: number | undefined;
  readonly breaker: Breaker;
  /** Undefined: it is not checked. */
  readonly health: UpstreamHealth | undefined;
}

/** How a request fared in the cache of answers: answered from it, not answered from it, or not asked at all. */
export const CACHE_RESULTS = ['hit', 'miss', 'bypass'] as const;
export type CacheResult = (typeof CACHE_RESULTS)[number];

/** Counts of one route, looked up at compile. */
export interface RouteMetrics {
  /** One answer. The method is that of the request, whatever it was; unknown ones are counted together. The consumer is the resource name of a known one. */
  observe(status: number, latencyMs: number, method?: string, consumer?: string): void;
  /** One request to an API whose answers are kept. */
  cached(result: CacheResult): void;
}

/** Why a key, or the want of one, opens nothing. */
export const KEY_FAILURES = [
  'missing_api_key',
  'invalid_api_key',
  'expired_api_key',
  'revoked_api_key',
  'subscription_not_active',
  'api_not_allowed',
] as const;
export const AUTH_FAILURES = [...KEY_FAILURES, ...CERTIFICATE_FAILURES, ...TOKEN_FAILURES] as const;
export type AuthFailure = (typeof AUTH_FAILURES)[number];

/** A key joined with its subscription and consumer: all that a request needs to know. */
export interface Credential {
  readonly keyId: string;
  readonly tenant: string;
  readonly subscriptionId: string;
  readonly subscriptionActive: boolean;
  /** When the subscription ends by itself, epoch milliseconds; Infinity when it does not. */
  readonly subscriptionEnds: number;
  /** Name of the API that the subscription opens. */
  readonly api: string;
  readonly consumerId: string | undefined;
  /** Resource name of the consumer: policies target it. */
  readonly consumer: string | undefined;
  /** The same, for logs and events, and as the `Caller` that policies see. */
  readonly consumerName: string | undefined;
  readonly keyStatus: 'active' | 'grace' | 'revoked' | 'expired';
  /** Epoch milliseconds; valid while `notBefore <= now < notAfter`. */
  readonly notBefore: number;
  readonly notAfter: number | null;
  /** Fingerprints of the only certificates with which the consumer may call; undefined: its keys alone are enough. */
  readonly certificates: ReadonlySet<string> | undefined;
  /** Limits of the subscription itself: plan and approval. */
  readonly limits: readonly Hooks[];
}

/** The table of known keys, with the cache of documents C and D in front of it. */
export interface KeyStore {
  /** Undefined for an unknown key; validity is the caller's to check on every request. */
  find(key: string): Credential | undefined;
  stats(): { readonly hits: number; readonly misses: number; readonly entry_count: number };
  clear(): void;
}

export type BreakerState = 'closed' | 'open' | 'half_open';

export interface BreakerStats {
  readonly name: string;
  readonly state: BreakerState;
  readonly success_count: number;
  readonly failure_count: number;
  readonly consecutive_failures: number;
  readonly open_count: number;
  readonly rejected_count: number;
}

/** A circuit breaker: one per upstream URL. Each admitted request ends in exactly one of `success`, `failure`, `release`, told with its round. */
export interface Breaker {
  readonly name: string;
  /** Read right after `admit`: the round to which the admitted request belongs. The present one is meant where none is given. */
  readonly round: number;
  /** Whether `admit` would let a request go; counts nothing. */
  accepts(nowMs: number): boolean;
  /** As `ask` of the servers of a route. */
  ask?(nowMs: number): Promise<void> | undefined;
  /** 0 when the request may go; otherwise milliseconds until a probe is allowed. */
  admit(nowMs: number): number;
  success(nowMs: number, round?: number): void;
  failure(nowMs: number, round?: number): void;
  /** The request ended without telling anything about the upstream: the client went away. */
  release(round?: number): void;
  stats(nowMs: number): BreakerStats;
  reset(): void;
}

/** Where the pipeline reports what a person or the audit wants to know. Never blocks. */
export interface EventSink {
  record(event: {
    readonly type: 'rate_limit_exceeded' | 'auth_failed' | 'backend_error';
    readonly route: Pick<Route, 'tenant' | 'label'>;
    readonly consumer: string | undefined;
    /** Id of the subscription whose key it was. */
    readonly subscription?: string | undefined;
    readonly path: string;
    readonly status: number;
    readonly reason?: string;
    readonly requestId: string;
  }): void;
}
