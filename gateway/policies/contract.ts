/** What a policy type is: its schema and docs, and the functions that run on live traffic. */
import type * as z from 'zod';
import type { PolicyType } from '../../schema/policy-type.js';

/**
 * Order in which policies see a request. `preflight` and `address` run before authentication; what is bound to single consumers waits for it, so their
 * `address` policies run right after.
 */
export const STAGES = ['preflight', 'address', 'authenticate', 'authorize', 'limit', 'transform'] as const;
export type Stage = (typeof STAGES)[number];

/** Who is calling, known after authentication. */
export interface Caller {
  readonly subscriptionId: string;
  readonly consumerId?: string | undefined;
  readonly consumerName?: string | undefined;
  readonly keyId: string;
}

/** One request on its way, as policies see it. The only object that is made for a request; never node's own. */
export interface Exchange {
  readonly requestId: string;
  readonly method: string;
  /** The raw canonical path: what was matched and what is forwarded. */
  readonly path: string;
  /** With the question mark, or empty. */
  readonly query: string;
  readonly clientIp: string;
  /** Value of a request header by lower-case name; undefined when absent. */
  header(name: string): string | undefined;
  /** Set by authentication. */
  caller: Caller | undefined;
  /** The tightest limit that was looked at; the gateway writes the rate-limit headers from it. */
  limit: LimitState | undefined;
  /** Why a policy refuses the caller; the gateway logs and counts it. */
  tokenFailure: TokenFailure | undefined;
  /** How answers to it may be kept, as a policy says; undefined: not at all. */
  cache: CacheRules | undefined;
  /** How many bytes its body may have, as policies say; the smaller of it and the API's own holds. */
  maxBodyBytes: number | undefined;
  /** Whether a quota has counted it. */
  isCounted: boolean;
}

/** State of one limit for one subject after a request was counted. */
export interface LimitState {
  readonly limit: number;
  /** Requests left in the window, never below 0 and without the burst. */
  readonly remaining: number;
  /** Epoch milliseconds when the window is whole again. */
  readonly resetAtMs: number;
  /** Milliseconds to wait before another request can pass; 0 when one can. */
  readonly retryAfterMs: number;
  readonly windowSeconds: number;
}

/** A complete answer made by the gateway itself. `headers` are name, value, name, value. */
export interface Reply {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
  /** Why the gateway answers by itself, for the line of the request: the code of an error, or what a policy says more exactly. */
  readonly reason?: string;
}

/** The head of a request on its way to the upstream: hooks edit it in place. */
export interface UpstreamHead {
  /** Behind the base path of the upstream, without the query: empty, or with a slash at its beginning. */
  path: string;
  /** Name, value, name, value. */
  headers: string[];
}

/** The head of any answer on its way to the client, from the upstream or the gateway's own: hooks edit it in place. */
export interface ReplyHead {
  status: number;
  /** Name, value, name, value; as received. */
  headers: string[];
}

/** What runs per request. All are synchronous where they can be: an immediate answer costs no promise. */
export interface Hooks {
  /** A reply ends the request here. */
  request?(exchange: Exchange): Reply | undefined | Promise<Reply | undefined>;
  /** Runs when the request was let through by all. */
  upstream?(head: UpstreamHead, exchange: Exchange): void;
  /** Sees every answer of a request that entered this policy, also errors. */
  response?(exchange: Exchange, head: ReplyHead): void;
  /** `response` sees also the answers to requests that did not come as far as this policy: those that a key, a limit or another policy refused. */
  readonly seesRefusals?: boolean;
  /** Takes back what `request` has just counted, in the same turn: another limit refused the request, so it is not counted anywhere. */
  giveBack?(exchange: Exchange): void;
}

/** A counter that outlives snapshots. Exact: at most `limit + burst` takes succeed in any window of `windowSeconds`. */
export interface Limiter {
  /** Counts one request of `subject` when it is allowed. */
  take(subject: string): LimitState & { readonly allowed: boolean };
  /** Undoes the last `take` of `subject` that was allowed; called in the same turn. */
  giveBack(subject: string): void;
}

/** How many requests may be made in a UTC day and in a calendar month. */
export interface QuotaLimits {
  readonly daily?: number | undefined;
  readonly monthly?: number | undefined;
}

/** How answers may be kept. */
export interface CacheRules {
  /** How long an answer is fresh that does not say so itself; undefined: such answers are not kept. */
  readonly ttlMs: number | undefined;
  readonly maxBodyBytes: number;
  /** Whether answers that say that they are for everybody are given to everybody. */
  readonly sharePublic: boolean;
  /** Request headers, in lower case, that tell answers apart, beside those that answers name themselves. */
  readonly keyHeaders: readonly string[];
}

/** Why a token opens nothing, as logs and metrics name it. */
export const TOKEN_FAILURES = ['missing_token', 'invalid_token', 'expired_token', 'insufficient_scope'] as const;
export type TokenFailure = (typeof TOKEN_FAILURES)[number];

/** Which access tokens are good. */
export interface TokenRules {
  readonly issuer: string;
  readonly audience: string;
  /** Where the issuer's keys are; undefined: where its discovery document says. */
  readonly jwksUrl: string | undefined;
  readonly algorithms: readonly string[];
}

/** What a token comes to. `unreachable`: the issuer cannot be asked for the keys that would tell. */
export type TokenVerdict =
  { readonly claims: Readonly<Record<string, unknown>> } | { readonly failure: 'invalid_token' | 'expired_token' | 'unreachable' };

/** Everything a policy may use beside its config; nothing else reaches the outside. */
export interface PolicyServices {
  /** Wall clock, epoch milliseconds. */
  now(): number;
  /** The limiter of this policy at the scope it is bound to: same scope, name and settings give the same object after a reload. */
  limiter(settings: { readonly limit: number; readonly windowSeconds: number; readonly burst: number }): Limiter;
  /** The check of a quota, per consumer; what is counted outlives snapshots and restarts. All without a key are counted together. */
  quota(limits: QuotaLimits): Hooks;
  /** Verifies access tokens. Keys of issuers outlive snapshots, and no two tenants share them. */
  tokens(rules: TokenRules): (token: string) => Promise<TokenVerdict>;
  /** The error body of the product, as a reply. */
  errorReply(code: import('../../schema/error.js').ErrorCode, message?: string, headers?: readonly string[]): Reply;
}

/** What a policy looks at that no log holds. A replay of recorded requests goes by what came of it. */
export interface Unrecorded {
  readonly what: string;
  /** Whether it looks at requests of this method. */
  concerns(method: string): boolean;
  /** Whether a recorded answer was that of the policy. */
  hasAnswered(answer: { readonly method: string; readonly status: number; readonly reason?: string | undefined }): boolean;
}

export interface PolicyDefinition extends PolicyType {
  readonly stage: Stage;
  /** Whether only the one with the lowest priority number runs for a request (row PL13), or all that are bound. */
  readonly exclusive: boolean;
  readonly unrecorded?: Unrecorded | undefined;
  /** Decides once what config alone can decide. `config` was parsed by `config`. */
  readonly compile: (config: never, services: PolicyServices) => Hooks;
}

interface PolicyDraft<Schema extends z.ZodType> {
  readonly type: string;
  readonly stage: Stage;
  readonly exclusive: boolean;
  readonly summary: string;
  readonly behaviour?: readonly string[];
  readonly unrecorded?: Unrecorded;
  readonly config: Schema;
  readonly example: z.input<Schema>;
  readonly compile: (config: z.output<Schema>, services: PolicyServices) => Hooks;
}

/** Freezes a policy type. Its config is typed inside its file and opaque outside. */
export function definePolicy<Schema extends z.ZodType>(definition: PolicyDraft<Schema>): PolicyDefinition {
  return Object.freeze(definition);
}
