/** What a change would have done to traffic that is over: the requests that a replay takes, and what it finds (docs/decisions/0022-impact.md). */
import type { ErrorBody } from './error.js';
import type { SyncCredential, SyncObjects, SyncRemovals } from './sync.js';

/** A request as the log of a gateway has it: nothing of its body, its query, its fields or its key. */
export interface RecordedRequest {
  /** When it began, epoch milliseconds. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Why the gateway itself refused it: `invalid_api_key`, `rate_limit_exceeded`. */
  readonly reason?: string | undefined;
  /** Name of the API that it reached. */
  readonly api?: string | undefined;
  /** Id of the API key that it came with, where the gateway knew it. */
  readonly key?: string | undefined;
  /** Name of the consumer whose key the gateway accepted. */
  readonly consumer?: string | undefined;
  readonly client_ip: string;
}

/** What gateways hold, without what recognises a key. */
export interface HeldObjects extends Omit<SyncObjects, 'credentials'> {
  readonly credentials: readonly Omit<SyncCredential, 'digest'>[];
}

/** The answer of `POST /v1/plan/objects`: what gateways hold, and what an apply would change of it. */
export interface PlannedObjects {
  readonly schema_version: 1;
  readonly current: HeldObjects;
  readonly put: HeldObjects;
  readonly remove: SyncRemovals;
}

/** Requests to which the same happens. */
export interface ImpactGroup {
  /** The API that they reach today; absent where they reach none. */
  readonly tenant?: string | undefined;
  readonly api?: string | undefined;
  /** Absent for callers without a known key. */
  readonly consumer?: string | undefined;
  /** `refused`, `allowed`: why they are refused, then or today. `moved`: the API that they would reach. `undecided`: what is not known. */
  readonly reason: string;
  /** Of a refusal. */
  readonly status?: number | undefined;
  /** Of a refusal by a limit. */
  readonly limit?: { readonly requests: number; readonly window_secs: number } | undefined;
  readonly requests: number;
  readonly first: string;
  readonly last: string;
  /** The most frequent ones; parts that may name somebody or something are `{id}`. */
  readonly paths: readonly { readonly method: string; readonly path: string; readonly requests: number }[];
}

/** What became of the recorded requests under the configuration of today and under the planned one. */
export interface Impact {
  readonly schema_version: 1;
  /** ISO times: what was judged. */
  readonly since: string;
  readonly until: string;
  readonly summary: {
    /** How many were judged. */
    readonly requests: number;
    readonly refused: number;
    readonly allowed: number;
    readonly moved: number;
    readonly undecided: number;
    /** Consumers with a refused request. */
    readonly consumers: number;
    /** How many come out today as they were recorded. */
    readonly as_recorded: number;
  };
  /** Served today, refused with the change. */
  readonly refused: readonly ImpactGroup[];
  /** Refused today, served with the change. */
  readonly allowed: readonly ImpactGroup[];
  /** Served by another API with the change. */
  readonly moved: readonly ImpactGroup[];
  /** The change asks for something that no log holds, or the key of then is not known any more. */
  readonly undecided: readonly ImpactGroup[];
  /** What limits the answer. */
  readonly notes: readonly string[];
}

/** Makes a gateway a replay; it stands alone on the command line. */
export const REPLAY = '--replay';

/** What a replay is told. */
export type ReplayOrder =
  /** Requests before `since` are counted by limits and judged by nobody. */
  | { readonly type: 'begin'; readonly objects: PlannedObjects; readonly since: number; readonly until: number }
  /** Requests of one gateway, in any order. */
  | { readonly type: 'requests'; readonly gateway: string; readonly requests: readonly RecordedRequest[] }
  | { readonly type: 'end' };

/** What it answers. */
export type ReplayAnswer =
  /** From when on limits count: older requests are not wanted. */
  | { readonly type: 'began'; readonly from: number }
  | { readonly type: 'impact'; readonly impact: Impact }
  | { readonly type: 'failed'; readonly error: ErrorBody['error'] };
