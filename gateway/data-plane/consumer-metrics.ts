/** Requests by consumer. The busiest have series of their own, the others one together: thousands of consumers cost Prometheus no more than a few. */
import { Counter, type Registry } from 'prom-client';

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
  const shown = new PairMap<Counted & Ranked>();
  /** No consumer is without a tenant: this one is nobody's name. */
  const other = counted('', 'other');
  let waiting = new PairMap<Ranked>();
  let rankedAt = now();
  addCounters(registers, () => [...shown.values(), other]);

  const show = ({ tenant, consumer }: Ranked): Counted & Ranked => {
    const entry = { ...counted(tenant, consumer), recent: 0 };
    shown.set(tenant, consumer, entry);
    return entry;
  };
  const rank = (): void => {
    rankedAt = now();
    const candidates = [...waiting.values()].sort((a, b) => b.recent - a.recent);
    const idlest = [...shown.values()].sort((a, b) => a.recent - b.recent);
    for (const [index, leaving] of idlest.entries()) {
      const coming = candidates[index];
      if (coming === undefined || coming.recent <= 2 * leaving.recent) break;
      shown.delete(leaving.tenant, leaving.consumer);
      show(coming);
    }
    for (const entry of shown.values()) entry.recent = 0;
    waiting = new PairMap();
  };
  /** Under whom a request is counted; `weight` is what it adds to the ranking. */
  const entryOf = (tenant: string, consumer: string, weight: number): Counted => {
    const own = shown.get(tenant, consumer) ?? (shown.size < maxSeries ? show({ tenant, consumer, recent: 0 }) : undefined);
    if (own !== undefined) {
      own.recent += weight;
      return own;
    }
    const entry = waiting.get(tenant, consumer) ?? { tenant, consumer, recent: 0 };
    entry.recent += weight;
    if (waiting.size < MAX_WAITING) waiting.set(tenant, consumer, entry);
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

/** Values by two names. No text is made for a lookup: names that are kept have their hash with them. */
class PairMap<Value> {
  size = 0;
  readonly #maps = new Map<string, Map<string, Value>>();

  get(first: string, second: string): Value | undefined {
    return this.#maps.get(first)?.get(second);
  }

  set(first: string, second: string, value: Value): void {
    let map = this.#maps.get(first);
    if (map === undefined) this.#maps.set(first, (map = new Map<string, Value>()));
    if (!map.has(second)) this.size += 1;
    map.set(second, value);
  }

  delete(first: string, second: string): void {
    if (this.#maps.get(first)?.delete(second) === true) this.size -= 1;
  }

  *values(): Iterable<Value> {
    for (const map of this.#maps.values()) yield* map.values();
  }
}
