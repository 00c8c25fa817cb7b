/** Requests by consumer. The busiest have series of their own, the others one together: thousands of consumers cost Prometheus no more than a few. */
import { Counter, type Registry } from 'prom-client';

export interface ConsumerMetrics {
  /** Counts one answer. */
  answered(tenant: string, consumer: string, statusClass: string): void;
  /** Counts a request that a limit refused; it is counted as an answer, too. */
  rateLimited(tenant: string, consumer: string): void;
}

export interface ConsumerMetricsOptions {
  /** Epoch milliseconds. */
  now(): number;
  /** So many consumers have series of their own; 100 when absent. */
  readonly maxSeries?: number;
}

/** A consumer with series of its own. */
interface Shown {
  readonly tenant: string;
  readonly consumer: string;
  /** Requests since the last ranking. */
  recent: number;
}

const MAX_SERIES = 100;
const RANK_MS = 600_000;
/** So many consumers without series are told apart at the next ranking. */
const MAX_WAITING = 10_000;
const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'];
/** No consumer is without a tenant: this one is nobody's name. */
const OTHER = { tenant: '', consumer: 'other' };

/**
 * The counters. Who comes first gets series; every ten minutes those of the least busy go to whoever was at least twice as busy in that time. What is counted
 * as `other` stays there: every series only grows, and together they are all requests.
 */
export function createConsumerMetrics(registers: Registry[], { now, maxSeries = MAX_SERIES }: ConsumerMetricsOptions): ConsumerMetrics {
  const labels = ['tenant', 'consumer'] as const;
  const requests = new Counter({
    name: 'stoa_gateway_consumer_requests_total',
    help: 'Requests answered, by consumer and class of status; consumers beyond the busiest are "other".',
    labelNames: [...labels, 'status_class'] as const,
    registers,
  });
  const limited = new Counter({
    name: 'stoa_gateway_consumer_rate_limit_rejections_total',
    help: 'Requests refused by a limit, by consumer; consumers beyond the busiest are "other".',
    labelNames: labels,
    registers,
  });
  const shown = new Map<string, Shown>();
  let waiting = new Map<string, Shown>();
  let rankedAt = now();

  const show = (entry: Shown): void => void shown.set(keyOf(entry), { ...entry, recent: 0 });
  const hide = ({ tenant, consumer }: Shown): void => {
    shown.delete(keyOf({ tenant, consumer }));
    for (const statusClass of STATUS_CLASSES) requests.remove({ tenant, consumer, status_class: statusClass });
    limited.remove({ tenant, consumer });
  };
  const rank = (): void => {
    rankedAt = now();
    const candidates = [...waiting.values()].sort((a, b) => b.recent - a.recent);
    const idlest = [...shown.values()].sort((a, b) => a.recent - b.recent);
    for (const [index, leaving] of idlest.entries()) {
      const coming = candidates[index];
      if (coming === undefined || coming.recent <= 2 * leaving.recent) break;
      hide(leaving);
      show(coming);
    }
    for (const entry of shown.values()) entry.recent = 0;
    waiting = new Map();
  };
  /** Labels to count under; `weight` is what it adds to the ranking. */
  const labelsOf = (tenant: string, consumer: string, weight: number): { tenant: string; consumer: string } => {
    const key = keyOf({ tenant, consumer });
    if (!shown.has(key) && shown.size < maxSeries) show({ tenant, consumer, recent: 0 });
    const own = shown.get(key);
    if (own !== undefined) {
      own.recent += weight;
      return { tenant, consumer };
    }
    const entry = waiting.get(key) ?? { tenant, consumer, recent: 0 };
    entry.recent += weight;
    if (waiting.size < MAX_WAITING) waiting.set(key, entry);
    if (now() - rankedAt >= RANK_MS) rank();
    return OTHER;
  };
  return {
    answered: (tenant, consumer, statusClass) => requests.inc({ ...labelsOf(tenant, consumer, 1), status_class: statusClass }),
    rateLimited: (tenant, consumer) => limited.inc(labelsOf(tenant, consumer, 0)),
  };
}

const keyOf = ({ tenant, consumer }: Pick<Shown, 'tenant' | 'consumer'>): string => `${tenant}/${consumer}`;
