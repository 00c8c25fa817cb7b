/** The exact rate limiter: a sliding log whose neighbouring entries are merged. Why this one: docs/decisions/0003-rate-limiter.md. */
import type { Limiter, LimitState } from '../policies/contract.js';
import type { SteadyClock } from './steady-clock.js';

export interface LimitSettings {
  readonly limit: number;
  readonly windowSeconds: number;
  readonly burst: number;
}

/** Requests counted together. All of them count until the last one has left the window: never too few. */
interface Slot {
  readonly start: number;
  last: number;
  count: number;
}

/** What one subject has used. At most `MAX_SLOTS` slots, oldest first. */
interface Counter {
  total: number;
  readonly slots: Slot[];
}

/** Slots are at least a 32nd of the window apart, so 34 hold a window: the oldest may begin before it, the newest has just begun. */
export const PARTS = 32;
const MAX_SLOTS = PARTS + 2;
const MAX_SUBJECTS = 100_000;

/**
 * Counters by subject, bounded. Two generations stand for an LRU: whoever was not seen for a whole generation is forgotten. A generation lasts at least
 * one window, so that only idle subjects are forgotten, unless there are more than `maxSubjects` at once.
 */
export class CounterTable {
  #young = new Map<string, Counter>();
  #old = new Map<string, Counter>();
  #youngSince = 0;
  #windowMs = 0;
  readonly #maxSubjects: number;

  constructor(maxSubjects: number = MAX_SUBJECTS) {
    this.#maxSubjects = maxSubjects;
  }

  /** The longest window that anybody counts in here decides how long a subject is remembered. */
  keepFor(windowMs: number): void {
    this.#windowMs = Math.max(this.#windowMs, windowMs);
  }

  /** The counter of a subject, made when there is none. */
  counter(subject: string, now: number): Counter {
    if (now - this.#youngSince >= this.#windowMs || this.#young.size >= this.#maxSubjects) this.#rotate(now);
    const young = this.#young.get(subject);
    if (young !== undefined) return young;
    const counter = this.#old.get(subject) ?? { total: 0, slots: [] };
    this.#old.delete(subject);
    this.#young.set(subject, counter);
    return counter;
  }

  /** Whether nobody has counted here for a whole window: a new table would behave the same. */
  isIdle(now: number): boolean {
    if (now - this.#youngSince >= this.#windowMs) this.#rotate(now);
    return this.#young.size === 0 && this.#old.size === 0;
  }

  #rotate(now: number): void {
    // After two windows without a request even the young generation is idle.
    this.#old = now - this.#youngSince >= 2 * this.#windowMs ? new Map<string, Counter>() : this.#young;
    this.#young = new Map();
    this.#youngSince = now;
  }
}

/** A view of a table with the settings of one policy: a policy edit makes a new view of the same counts. */
export function createLimiter(table: CounterTable, clock: SteadyClock, settings: LimitSettings): Limiter {
  const { windowMs, capacity, mergeMs } = measures(settings);
  table.keepFor(windowMs);
  return {
    take(subject) {
      const now = clock.now();
      const counter = table.counter(subject, now);
      forget(counter, now - windowMs);
      const allowed = counter.total < capacity;
      if (allowed) count(counter, now, mergeMs);
      return stateOf(counter, now, clock, settings, allowed);
    },
    giveBack(subject) {
      const counter = table.counter(subject, clock.now());
      const newest = counter.slots.at(-1);
      if (newest === undefined) return;
      newest.count -= 1;
      counter.total -= 1;
      if (newest.count === 0) counter.slots.pop();
    },
  };
}

/** The counts of one policy as their owner sees them while others grant requests for it. */
export interface LimitCounts {
  /** How many more requests may be counted now; negative after an edit that made the limit smaller. */
  free(subject: string): number;
  /** Takes in requests that were let through elsewhere, the last one `ageMs` ago. Forgets none: the limit may have been edited since, and count longer. */
  settle(subject: string, requests: number, ageMs: number): void;
  state(subject: string): LimitState;
}

/** A view as `createLimiter` makes one, for whoever decides himself what is counted. */
export function limitCounts(table: CounterTable, clock: SteadyClock, settings: LimitSettings): LimitCounts {
  const { windowMs, capacity, mergeMs } = measures(settings);
  table.keepFor(windowMs);
  const counterOf = (subject: string, now: number): Counter => {
    const counter = table.counter(subject, now);
    forget(counter, now - windowMs);
    return counter;
  };
  return {
    free: (subject) => capacity - counterOf(subject, clock.now()).total,
    settle(subject, requests, ageMs) {
      const now = clock.now();
      insert(table.counter(subject, now), now - ageMs, requests, mergeMs);
    },
    state(subject) {
      const now = clock.now();
      return stateOf(counterOf(subject, now), now, clock, settings, true);
    },
  };
}

/** How long requests may be counted as one: a small limit keeps every request apart. It fits, and then nothing is counted longer than it should. */
export const mergeMsOf = ({ limit, burst, windowSeconds }: LimitSettings): number =>
  limit + burst <= PARTS ? 0 : (windowSeconds * 1000) / PARTS;

const measures = (settings: LimitSettings) => ({
  windowMs: settings.windowSeconds * 1000,
  capacity: settings.limit + settings.burst,
  mergeMs: mergeMsOf(settings),
});

function stateOf(
  counter: Counter,
  now: number,
  clock: SteadyClock,
  { limit, burst, windowSeconds }: LimitSettings,
  allowed: boolean,
): LimitState & { readonly allowed: boolean } {
  const newest = counter.slots[counter.slots.length - 1];
  const capacity = limit + burst;
  const windowMs = windowSeconds * 1000;
  return {
    allowed,
    limit,
    remaining: Math.max(0, limit - counter.total),
    resetAtMs: clock.toWall(newest === undefined ? now : newest.last + windowMs),
    retryAfterMs: counter.total < capacity ? 0 : freeAt(counter, counter.total - capacity + 1) + windowMs - now,
    windowSeconds,
  };
}

/** Drops what has left the window: a request counts for exactly one window. */
function forget(counter: Counter, before: number): void {
  const { slots } = counter;
  let oldest = slots[0];
  while (oldest !== undefined && oldest.last <= before) {
    counter.total -= oldest.count;
    slots.shift();
    oldest = slots[0];
  }
}

function count(counter: Counter, now: number, mergeMs: number): void {
  const { slots } = counter;
  const newest = slots[slots.length - 1];
  counter.total += 1;
  if (newest !== undefined && (now - newest.start <= mergeMs || slots.length >= MAX_SLOTS)) {
    newest.last = now;
    newest.count += 1;
    return;
  }
  slots.push({ start: now, last: now, count: 1 });
}

/** Counts requests of a moment that is over, between those before and after it. Slots stay in order, whatever comes late. */
function insert(counter: Counter, at: number, requests: number, mergeMs: number): void {
  const { slots } = counter;
  counter.total += requests;
  const index = slots.findLastIndex(({ start }) => start <= at);
  const earlier = slots[index];
  if (earlier !== undefined && at - earlier.start <= mergeMs) {
    earlier.last = Math.max(earlier.last, at);
    earlier.count += requests;
    return;
  }
  slots.splice(index + 1, 0, { start: at, last: at, count: requests });
  if (slots.length <= MAX_SLOTS) return;
  // The oldest two count as one until the later of them has left the window.
  const [oldest, second] = slots.splice(0, 2);
  if (oldest !== undefined && second !== undefined)
    slots.unshift({ start: oldest.start, last: second.last, count: oldest.count + second.count });
}

/** Time of the last of the requests that must leave the window before `excess` fewer are counted. */
function freeAt(counter: Counter, excess: number): number {
  let freed = 0;
  for (const { last, count: requests } of counter.slots) {
    freed += requests;
    if (freed >= excess) return last;
  }
  return 0;
}
