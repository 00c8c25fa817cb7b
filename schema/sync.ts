/**
 * The stream of numbered changes that a gateway follows: `GET /v1/gateways/stream?since=N`, one JSON message a line (NDJSON), kept open.
 * A gateway without a copy, or whose number is too old, first gets a full copy: `begin`, the objects, `end`.
 * After that: one `change` per committed transaction, and a `ping` every 5 s. Objects are whole; a change is put or removed by key.
 */
import type { LatencyPairs } from './latency.js';
import type { Resource } from './resource.js';

/** A declared resource that shapes traffic: Tenant, API, Policy, Consumer, Plan. */
export interface SyncResource extends Resource {
  readonly id: string;
  readonly created_at: string;
  readonly updated_at: string;
  /** Of a tenant: its routes are served no longer. */
  readonly suspended?: boolean | undefined;
}

export type SubscriptionStatus = 'pending_approval' | 'active' | 'suspended' | 'revoked' | 'expired' | 'rejected';

/** A subscription with its lived state; the limits are those set at approval and those of its plan, both in force. */
export interface SyncSubscription {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly status: SubscriptionStatus;
  readonly api: string;
  readonly consumer?: string | undefined;
  readonly plan?: string | undefined;
  /** Requests per hour, set at approval. */
  readonly rate_limit?: number | undefined;
  /** Requests per calendar month, set at approval. */
  readonly quota?: number | undefined;
  /** When it ends by itself, epoch milliseconds. */
  readonly expires_at?: number | undefined;
}

/** What a gateway knows of an API key: enough to recognise it, never enough to use it. */
export interface SyncCredential {
  /** Id of the key: `key-...`. */
  readonly id: string;
  readonly tenant: string;
  /** Id of the subscription. */
  readonly subscription: string;
  /** SHA-256 of the key, hexadecimal. */
  readonly digest: string;
  readonly status: 'active' | 'grace' | 'revoked' | 'expired';
  /** Milliseconds since the epoch; valid while `not_before <= now < not_after`. */
  readonly not_before: number;
  readonly not_after: number | null;
}

export interface SyncObjects {
  readonly resources: readonly SyncResource[];
  readonly subscriptions: readonly SyncSubscription[];
  readonly credentials: readonly SyncCredential[];
}

/** Keys of what is gone: `keyOf` of a resource, ids of subscriptions and credentials. */
export interface SyncRemovals {
  readonly resources: readonly string[];
  readonly subscriptions: readonly string[];
  readonly credentials: readonly string[];
}

export type SyncMessage =
  /** A full copy follows; what the gateway held is replaced when `end` arrives, at once. */
  | { readonly type: 'begin'; readonly number: number }
  /** A slice of the full copy. */
  | { readonly type: 'objects'; readonly put: SyncObjects }
  | { readonly type: 'end'; readonly number: number; readonly store: string }
  /** One or more committed transactions, up to `number`. */
  | { readonly type: 'change'; readonly number: number; readonly put: SyncObjects; readonly remove: SyncRemovals }
  /** Sent every 5 s; `store` names the database, so that a gateway notices when it talks to another one or an older copy. */
  | { readonly type: 'ping'; readonly number: number; readonly store: string };

/** What gateways tell the control plane: `POST /v1/gateways/events`. Delivered at least once; `id` makes it count once. */
export interface GatewayEvent {
  /** Unique: gateway id and a counter. */
  readonly id: string;
  readonly at: string;
  readonly event_type: 'rate_limit_exceeded' | 'auth_failed' | 'backend_error';
  readonly tenant: string;
  readonly api?: string | undefined;
  readonly consumer?: string | undefined;
  /** Id of the subscription whose key it was. */
  readonly subscription?: string | undefined;
  readonly path: string;
  readonly status: number;
  readonly reason?: string | undefined;
  /** Id of the request, as its client and its log line know it; older gateways send none. */
  readonly request_id?: string | undefined;
  /** Of an event that stands for many alike: how many. */
  readonly count?: number | undefined;
}

/** What was asked of an API in one hour since the last report, by one subscription or by callers without one. */
export interface UsageEntry {
  /** Name of the tenant. */
  readonly tenant: string;
  /** Id of the API. */
  readonly api: string;
  /** Id of the subscription. */
  readonly subscription?: string | undefined;
  /** Hours since the epoch. */
  readonly hour: number;
  readonly requests: number;
  /** Answers with a status of 500 and above, the gateway's own included. */
  readonly errors: number;
  /** Those that a quota has counted: the ones that were let through. Absent from gateways of before: all of them. Negative where a quota was set to zero: so many count no more. */
  readonly counted?: number | undefined;
  readonly latency: LatencyPairs;
}

/**
 * What gateways measured since their last report: `POST /v1/gateways/reports`. A gateway numbers its reports, sends one at a time, and the same one until it is
 * acknowledged: a number that was taken before changes nothing.
 */
export interface UsageReport {
  /** Unique: of the data directory of the gateway. */
  readonly gateway: string;
  readonly number: number;
  readonly entries: readonly UsageEntry[];
  /** Last use of API keys by their id, epoch milliseconds. */
  readonly keys: readonly (readonly [id: string, usedAt: number])[];
}
