/** Counts by subject and hour, in memory: an hour begins with a subject's first count, and with a restart. */
import { LRUCache } from 'lru-cache';
import { StoaError } from '../../schema/error.js';

const HOUR_MS = 3_600_000;

/** Where a subject stands after a count. */
export interface Standing {
  readonly isAllowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Epoch milliseconds at which the count begins anew. */
  readonly resetsAt: number;
}

export interface HourlyCounts {
  /** Counts once, as far as `limit` allows; what is refused does not count. */
  take(subject: string, limit: number): Standing;
}

interface Window {
  readonly endsAt: number;
  count: number;
}

/** `max` subjects are remembered; one that is pushed out begins a new hour. */
export function createHourlyCounts(now: () => number, max: number): HourlyCounts {
  const windows = new LRUCache<string, Window>({ max });
  return {
    take(subject, limit) {
      const window = currentWindow(windows, subject, now());
      const isAllowed = window.count < limit;
      if (isAllowed) window.count += 1;
      return { isAllowed, limit, remaining: Math.max(0, limit - window.count), resetsAt: window.endsAt };
    },
  };
}

/** Throws `rate_limited` where a count was refused. */
export function requireAllowed({ isAllowed, resetsAt }: Standing, now: number, message: string): void {
  if (!isAllowed) throw new StoaError('rate_limited', message, { retryAfter: Math.max(1, Math.ceil((resetsAt - now) / 1000)) });
}

/** A clock that steps back more than an hour begins a new window rather than prolong the old one. */
function currentWindow(windows: LRUCache<string, Window>, subject: string, now: number): Window {
  const known = windows.get(subject);
  if (known !== undefined && now < known.endsAt && known.endsAt - now <= HOUR_MS) return known;
  const window = { endsAt: now + HOUR_MS, count: 0 };
  windows.set(subject, window);
  return window;
}
