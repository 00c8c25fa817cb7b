/** Requests by consumer. The busiest have series of their own, the others one together: thousands of consumers cost Prometheus no more than a few. */
import { Counter, type Registry } from 'prom-client';
import { PairMap } from './pair-map.js';

export interface ConsumerMetrics {
  /** Counts one answer, or so many. */
  answered(tenant: string, consumer: string, statusClass: string, times?: number): void;
  /** Counts a request that a limit refused; it is counted as an answer, too. */
  rateLimited(tenant: string, consumer: string): void;
}

export interface ConsumerMetricsOptions {
  /** Epoch milliseconds. */
  now(): number;
  /** So many consumers have series of their own; 100 when absent. */
  readonly maxSeries?: number;
}

/** What is counted for a consumer, or for all others. Plain numbers: prom-client is told of them when it is asked. */
interface Counted {
  readonly tenant: string;
  readonly consumer: string;
  readonly answers: Map<string, number>;
  limited: number;
}

/** A consumer, and its requests since the last ranking. */
interface Ranked {
  readonly tenant: string;
  readonly consumer: string;
  recent: number;
  /** Where it has series of its own. */
  counted: Counted | undefined;
}

const MAX_SERIES = 100;
const RANK_MS = 600_000;
/** So many consumers without series are told apart at the next ranking. */
const MAX_WAITING = 10_000;

/**
 * The counters. Who comes first gets series; every ten minutes those of the least busy go to whoever was at least twice as busy in that time. What is counted
 * as `other` stays there: every series only grows, and together they are all requests.
 */
export function createConsumerMetrics(registers: Registry[], { now, maxSeries = MAX_SERIES }: ConsumerMetricsOptions): ConsumerMetrics {
  let known = new PairMap<Ranked>();
  let shown: Ranked[] = [];
  /** How many are told apart that have no series. */
  let waiting = 0;
  /** No consumer is without a tenant: this one is nobody's name. */
  const other = counted('', 'other');
  let rankedAt = now();
  addCounters(registers, () => [...shown.flatMap((entry) => entry.counted ?? []), other]);

  const rank = (): void => {
    rankedAt = now();
    const candidates = [...known.values()].filter((entry) => entry.counted === undefined).sort((a, b) => b.recent - a.recent);
    const idlest = [...shown].sort((a, b) => a.recent - b.recent);
    shown = idlest.map((leaving, index) => {
      const coming = candidates[index];
      return coming === undefined || coming.recent <= 2 * leaving.recent ? leaving : coming;
    });
    known = new PairMap();
    waiting = 0;
    for (const entry of shown) {
      entry.recent = 0;
      entry.counted ??= counted(entry.tenant, entry.consumer);
      known.set(entry.tenant, entry.consumer, entry);
    }
  };
  const add = (tenant: string, consumer: string): Ranked | undefined => {
    const isShown = shown.length < maxSeries;
    if (!isShown && waiting >= MAX_WAITING) return undefined;
    const entry = { tenant, consumer, recent: 0, counted: isShown ? counted(tenant, consumer) : undefined };
    known.set(tenant, consumer, entry);
    if (isShown) shown.push(entry);
    else waiting += 1;
    return entry;
  };
  /** Under whom a request is counted; `weight` is what it adds to the ranking. */
  const entryOf = (tenant: string, consumer: string, weight: number): Counted => {
    const entry = known.get(tenant, consumer) ?? add(tenant, consumer);
    if (entry !== undefined) entry.recent += weight;
    if (entry?.counted !== undefined) return entry.counted;
    if (now() - rankedAt >= RANK_MS) rank();
    return other;
  };
  return {
    answered(tenant, consumer, statusClass, times = 1) {
      const { answers } = entryOf(tenant, consumer, times);
      answers.set(statusClass, (answers.get(statusClass) ?? 0) + times);
    },
    rateLimited(tenant, consumer) {
      entryOf(tenant, consumer, 0).limited += 1;
    },
  };
}

function addCounters(registers: Registry[], entries: () => readonly Counted[]): void {
  const labels = ['tenant', 'consumer'] as const;
  new Counter({
    name: 'stoa_gateway_consumer_requests_total',
    help: 'Requests answered, by consumer and class of status; consumers beyond the busiest are "other".',
    labelNames: [...labels, 'status_class'] as const,
    registers,
    collect() {
      this.reset();
      for (const { tenant, consumer, answers } of entries())
        for (const [statusClass, count] of answers) this.inc({ tenant, consumer, status_class: statusClass }, count);
    },
  });
  new Counter({
    name: 'stoa_gateway_consumer_rate_limit_rejections_total',
    help: 'Requests refused by a limit, by consumer; consumers beyond the busiest are "other".',
    labelNames: labels,
    registers,
    collect() {
      this.reset();
      for (const { tenant, consumer, limited } of entries()) if (limited > 0) this.inc({ tenant, consumer }, limited);
    },
  });
}

const counted = (tenant: string, consumer: string): Counted => ({ tenant, consumer, answers: new Map<string, number>(), limited: 0 });
