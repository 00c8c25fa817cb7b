/** Quotas: how many requests a subject, such as a subscription, may make in a UTC day and in a calendar month. Counted at admission; the counts outlive snapshots. */
import type { Exchange, Hooks, LimitState, QuotaLimits, Reply } from '../policies/contract.js';
import { errorReply } from './own-routes.js';

/** What a subject has used today and this month. */
export interface QuotaUse {
  readonly daily: number;
  readonly monthly: number;
}

/** A count as it is kept on the disk: days and months are numbered from the epoch. */
export type QuotaRow = readonly [subject: string, day: number, daily: number, month: number, monthly: number];

export interface QuotaTable {
  /** The check of one subject, or of the one that a request has. The same counts for whatever limits it is given later. */
  hooks(subject: string | ((exchange: Exchange) => string), limits: QuotaLimits): Hooks;
  use(subject: string): QuotaUse;
  /** The present counts of a subject, under limits that rule from now on. */
  look(subject: string, limits: QuotaLimits): QuotaPeriods;
  /** Counts requests that were let through elsewhere, on this day since the epoch, today where none is given. Those of a period that is over are counted no more. */
  add(subject: string, requests: number, day?: number): void;
  /** Single subjects of whose present day or month at least half was used under the limits that were asked for last; the fullest first, at most so many. */
  fullest(most: number): string[];
  /** Sets the present counts of a subject to zero, and tells what they were. */
  reset(subject: string): QuotaUse;
  /** All that something is counted for. */
  subjects(): Iterable<string>;
  /** Takes the counts of a month that is over, of subjects that are wanted no longer, out of memory. No hooks for single ones of them may be left. */
  forget(isUnwanted: (subject: string) => boolean): void;
  /** Counts of the present month, of subjects that are wanted. Their list is taken at once, each row is made as it is read. */
  rows(isWanted: (subject: string) => boolean): Iterable<QuotaRow>;
  restore(rows: Iterable<QuotaRow>): void;
  /** Changes with every count. */
  readonly version: number;
}

/** Counts with their day and month, both numbered from the epoch. */
export interface QuotaPeriods {
  day: number;
  daily: number;
  month: number;
  monthly: number;
}

interface Counter extends QuotaPeriods {
  /** Those of the last request; none after a restart until the next one. */
  limits: QuotaLimits;
}

export const DAY_MS = 86_400_000;
/** Longer than a month, and longer than a clock without a battery is behind after a start. */
const FAR_AHEAD_DAYS = 32;
/** From here on a quota is worth a look. */
export const FULL_RATIO = 0.5;

/** An empty table. `now` is the wall clock, epoch milliseconds. */
export function createQuotaTable(now: () => number): QuotaTable {
  const counters = new Map<string, Counter>();
  let version = 0;

  const counterOf = (subject: string): Counter => {
    let counter = counters.get(subject);
    if (counter === undefined) counters.set(subject, (counter = { day: 0, daily: 0, month: 0, monthly: 0, limits: {} }));
    return counter;
  };
  /**
   * Begins a new day or month. A clock that steps back begins neither: it will be right soon. Only one that was far ahead leaves a day behind that would
   * not end for long; what was counted in that is counted for the present one.
   */
  const turn = (counter: Counter): void => {
    const day = dayNumber(now());
    if (counter.day - day > FAR_AHEAD_DAYS) Object.assign(counter, { day, month: monthOf(day) });
    if (day <= counter.day) return;
    counter.day = day;
    counter.daily = 0;
    const month = monthOf(day);
    if (month === counter.month) return;
    counter.month = month;
    counter.monthly = 0;
  };

  const presentOf = (subject: string): Counter => {
    const counter = counterOf(subject);
    turn(counter);
    return counter;
  };

  return {
    hooks(subject, { daily, monthly }) {
      const only = typeof subject === 'string' ? counterOf(subject) : undefined;
      if (only !== undefined) only.limits = { daily, monthly };
      const counterFor = (exchange: Exchange): Counter => only ?? counterOf(typeof subject === 'string' ? subject : subject(exchange));
      return {
        request(exchange) {
          const counter = counterFor(exchange);
          turn(counter);
          const refusal = admit(exchange, counter, { daily, monthly }, now());
          if (refusal === undefined) version += 1;
          return refusal;
        },
        giveBack(exchange) {
          exchange.isCounted = false;
          const counter = counterFor(exchange);
          counter.daily -= 1;
          counter.monthly -= 1;
          version += 1;
        },
      };
    },
    use: (subject) => useOf(presentOf(subject)),
    look: (subject, limits) => Object.assign(presentOf(subject), { limits }),
    add(subject, requests, day = dayNumber(now())) {
      const counter = presentOf(subject);
      if (day >= counter.day) counter.daily += requests;
      if (monthOf(day) >= counter.month) counter.monthly += requests;
      version += 1;
    },
    fullest: (most) => fullestOf(counters, turn, most),
    reset(subject) {
      const counter = presentOf(subject);
      const used = useOf(counter);
      Object.assign(counter, { daily: 0, monthly: 0 });
      version += 1;
      return used;
    },
    subjects: () => counters.keys(),
    forget(isUnwanted) {
      const month = monthOf(dayNumber(now()));
      for (const [subject, counter] of counters) if (counter.month < month && isUnwanted(subject)) counters.delete(subject);
    },
    rows: (isWanted) => wantedRows([...counters], isWanted),
    restore(rows) {
      for (const [subject, day, daily, month, monthly] of rows) Object.assign(counterOf(subject), { day, daily, month, monthly });
    },
    get version() {
      return version;
    },
  };
}

function* wantedRows(counters: readonly (readonly [string, Counter])[], isWanted: (subject: string) => boolean): Iterable<QuotaRow> {
  for (const [subject, { day, daily, month, monthly }] of counters)
    if (monthly > 0 && isWanted(subject)) yield [subject, day, daily, month, monthly];
}

const useOf = ({ daily, monthly }: Counter): QuotaUse => ({ daily, monthly });

/** Days since the epoch. */
export const dayNumber = (nowMs: number): number => Math.floor(nowMs / DAY_MS);

/** Counts a request, or says that its quota is used up. Notes on the exchange how much is left. */
export function admit(exchange: Exchange, counts: QuotaPeriods, { daily, monthly }: QuotaLimits, nowMs: number): Reply | undefined {
  const refused = over(exchange, dayOf(counts), daily, nowMs) ?? over(exchange, monthOfCounter(counts), monthly, nowMs);
  if (refused !== undefined) return reply(refused, nowMs);
  counts.daily += 1;
  counts.monthly += 1;
  exchange.isCounted = true;
  return undefined;
}

/** Used part of a limit; 0 without one. */
export const usedRatio = (used: number, limit: number | undefined): number => (limit === undefined ? 0 : used / Math.max(1, limit));

function fullestOf(counters: ReadonlyMap<string, Counter>, turn: (counter: Counter) => void, most: number): string[] {
  const full: { readonly subject: string; readonly ratio: number }[] = [];
  for (const [subject, counter] of counters) {
    turn(counter);
    const ratio = Math.max(usedRatio(counter.daily, counter.limits.daily), usedRatio(counter.monthly, counter.limits.monthly));
    if (ratio >= FULL_RATIO) full.push({ subject, ratio });
  }
  return full
    .sort((a, b) => b.ratio - a.ratio)
    .slice(0, most)
    .map(({ subject }) => subject);
}

/** A day or a month with what was used of it. */
interface Period {
  readonly name: 'daily' | 'monthly';
  readonly used: number;
  readonly startMs: number;
  readonly endMs: number;
}

interface UsedUp extends Period {
  readonly limit: number;
}

/** What is used up; undefined after noting on the exchange how much will be left. */
function over(exchange: Exchange, period: Period, limit: number | undefined, nowMs: number): UsedUp | undefined {
  if (limit === undefined) return undefined;
  const { used, startMs, endMs } = period;
  const isUsedUp = used >= limit;
  const remaining = isUsedUp ? 0 : limit - used - 1;
  if (isUsedUp || exchange.limit === undefined || remaining < exchange.limit.remaining) {
    const retryAfterMs = isUsedUp ? endMs - nowMs : 0;
    exchange.limit = { limit, remaining, resetAtMs: endMs, retryAfterMs, windowSeconds: (endMs - startMs) / 1000 } satisfies LimitState;
  }
  return isUsedUp ? { ...period, limit } : undefined;
}

function reply({ name, limit, used, endMs }: UsedUp, nowMs: number): Reply {
  const until = new Date(endMs).toISOString();
  const message = `The ${name} quota of ${limit} requests is used up: ${used} were made. It begins anew at ${until}.`;
  return errorReply('rate_limited', message, ['Retry-After', String(Math.max(1, Math.ceil((endMs - nowMs) / 1000)))]);
}

/** Months since the epoch, by day since the epoch. */
export function monthOf(day: number): number {
  const date = new Date(day * DAY_MS);
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
}

/** When a month begins, epoch milliseconds. */
export const monthStart = (month: number): number => Date.UTC(1970, month, 1);
const dayOf = ({ day, daily }: QuotaPeriods): Period => ({ name: 'daily', used: daily, startMs: day * DAY_MS, endMs: (day + 1) * DAY_MS });
const monthOfCounter = ({ month, monthly }: QuotaPeriods): Period => ({
  name: 'monthly',
  used: monthly,
  startMs: monthStart(month),
  endMs: monthStart(month + 1),
});
