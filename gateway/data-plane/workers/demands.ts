/** What workers and the primary process say to each other of limits. Why it is done so: docs/decisions/0019-workers.md. */
import type { LimitState, QuotaLimits } from '../../policies/contract.js';
import type { LimitSettings } from '../limiter.js';
import type { QuotaPeriods } from '../quotas.js';

/** A counter: of a rate limit under the key of its policy, of a quota without one. */
export interface CounterName {
  readonly key?: string | undefined;
  readonly subject: string;
}

/** What one limit of a request asks for: one more of this counter. */
export type Demand = RateDemand | QuotaDemand;
export interface RateDemand extends LimitSettings {
  readonly key: string;
  readonly subject: string;
}
export interface QuotaDemand extends QuotaLimits {
  readonly key?: undefined;
  readonly subject: string;
}

/** Requests that a worker let through, and what tells when: of a rate limit the age of the last one in milliseconds, of a quota its day since the epoch. */
export type Use = readonly [requests: number, when: number];

/** What a worker says of what was lent to it. */
export interface Settlement extends CounterName {
  readonly uses: readonly Use[];
  /** Given back unused. */
  readonly returned: number;
}

/** What a limit says to a request. The request is counted when all of its limits allow it, and then by all. */
export interface Verdict {
  readonly allowed: boolean;
  /** Of a rate limit, after the request; what is lent counts as used. */
  readonly state?: LimitState | undefined;
  /** Of a quota, before the request; what is lent counts as used. */
  readonly counts?: QuotaPeriods | undefined;
  /** So many more requests the worker may let through by itself. */
  readonly lent: number;
  /** A refusal that holds until its time has come: nothing that was lent can come back before. */
  readonly isFirm: boolean;
}

/** One text for one counter. */
export const idOf = ({ key, subject }: CounterName): string => (key === undefined ? `quota ${subject}` : `rate ${key}\n${subject}`);

const SMALLEST_PART = 32;
const LARGEST_LOAN = 256;

/** At most so much of a limit is lent to one worker at a time. Of a small limit nothing: each request is asked for. */
export const mostLent = (capacity: number): number => Math.min(LARGEST_LOAN, Math.floor((capacity - 1) / SMALLEST_PART));

export const LONGEST_LOAN_MS = 2000;

/** A loan that is not used up ends after so long: a part of the window, and never longer than two seconds. */
export const loanMs = (windowSeconds: number): number => Math.min(LONGEST_LOAN_MS, Math.max(50, (windowSeconds * 1000) / SMALLEST_PART));
