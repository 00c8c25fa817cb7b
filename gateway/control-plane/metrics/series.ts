/** From rows of hours and days to the buckets that a request asks for; empty ones are there, with zeros (row MT1). Pure but for the reading. */
import { latencyQuantile } from '../../../schema/latency.js';
import type { Db } from '../context.js';
import { invalidField } from '../http/parse.js';
import { listUsage, sumOf, type Counts } from './store.js';

export const GRANULARITIES = ['hour', 'day', 'week', 'month'] as const;
export type Granularity = (typeof GRANULARITIES)[number];

export interface SeriesRequest {
  /** Dates, UTC, both inclusive. */
  readonly start_date?: string | undefined;
  readonly end_date?: string | undefined;
  readonly granularity: Granularity;
}

/** One bucket as document B prints it. */
export interface MetricsItem {
  readonly date: string;
  readonly requests: number;
  readonly errors: number;
  readonly p50_latency_ms: number;
  readonly p95_latency_ms: number;
  readonly p99_latency_ms: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DEFAULT_DAYS = 30;
const MAX_BUCKETS = 5000;

/** Start of the bucket that holds an instant, epoch milliseconds. */
const STARTS: Readonly<Record<Granularity, (at: number) => number>> = {
  hour: (at) => at - (at % HOUR_MS),
  day: (at) => at - (at % DAY_MS),
  // The epoch began on a Thursday; ISO weeks begin on Monday.
  week: (at) => at - ((at + 3 * DAY_MS) % (7 * DAY_MS)),
  month: (at) => Date.UTC(new Date(at).getUTCFullYear(), new Date(at).getUTCMonth(), 1),
};

/** Start of the bucket after the one that starts at an instant. */
const NEXT: Readonly<Record<Granularity, (start: number) => number>> = {
  hour: (start) => start + HOUR_MS,
  day: (start) => start + DAY_MS,
  week: (start) => start + 7 * DAY_MS,
  month: (start) => Date.UTC(new Date(start).getUTCFullYear(), new Date(start).getUTCMonth() + 1, 1),
};

/** The series of a tenant, API or subscription. Without dates it is the last 30 days. Throws `validation_error`. */
export async function metricsOf(db: Db, scope: string, request: SeriesRequest, now: number): Promise<MetricsItem[]> {
  const { granularity } = request;
  const { first, last } = rangeOf(request, now);
  const buckets = bucketsOf(granularity, first, last);
  const grain = granularity === 'hour' ? 'hour' : 'day';
  const text = (at: number): string => new Date(at).toISOString().slice(0, grain === 'hour' ? 13 : 10);
  for (const row of await listUsage(db, scope, grain, text(first), text(last + DAY_MS - HOUR_MS))) {
    const at = Date.parse(grain === 'hour' ? `${row.at}:00:00Z` : `${row.at}T00:00:00Z`);
    const start = STARTS[granularity](at);
    buckets.get(start)?.push(row);
  }
  return [...buckets].map(([start, counts]) => itemOf(granularity, start, sumOf(counts)));
}

/** First and last day, epoch milliseconds of their midnight. */
function rangeOf({ start_date, end_date }: SeriesRequest, now: number): { readonly first: number; readonly last: number } {
  const day = (text: string): number => Date.parse(`${text}T00:00:00Z`);
  const today = STARTS.day(now);
  const last = end_date === undefined ? Math.max(today, start_date === undefined ? 0 : day(start_date)) : day(end_date);
  const first = start_date === undefined ? last - (DEFAULT_DAYS - 1) * DAY_MS : day(start_date);
  if (first > last) throw invalidField('end_date', 'The end date is before the start date.');
  return { first, last };
}

function bucketsOf(granularity: Granularity, first: number, last: number): Map<number, Counts[]> {
  const buckets = new Map<number, Counts[]>();
  for (let start = STARTS[granularity](first); start < last + DAY_MS; start = NEXT[granularity](start)) {
    buckets.set(start, []);
    if (buckets.size > MAX_BUCKETS)
      throw invalidField('granularity', `The range has more than ${MAX_BUCKETS} buckets; ask for a shorter one, or a coarser granularity.`);
  }
  return buckets;
}

function itemOf(granularity: Granularity, start: number, { requests, errors, latency }: Counts): MetricsItem {
  const iso = new Date(start).toISOString();
  const quantile = (share: number): number => Math.round(latencyQuantile(latency, share));
  return {
    date: granularity === 'hour' ? `${iso.slice(0, 19)}Z` : iso.slice(0, 10),
    requests,
    errors,
    p50_latency_ms: quantile(0.5),
    p95_latency_ms: quantile(0.95),
    p99_latency_ms: quantile(0.99),
  };
}
