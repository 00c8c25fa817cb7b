/**
 * Latencies as a histogram that can be added to another one: a value falls into the bucket of its logarithm, so that a quantile is off by at most 1 % of
 * itself (the idea of DDSketch). Times are milliseconds.
 */

/** Number of values by bucket. */
export type Latencies = Map<number, number>;

/** The same as it travels and is stored: pairs of bucket and count, by bucket. */
export type LatencyPairs = readonly (readonly [bucket: number, count: number])[];

/** A quantile differs from the exact one by at most this share of it. */
export const LATENCY_ERROR = 0.01;

const GAMMA = (1 + LATENCY_ERROR) / (1 - LATENCY_ERROR);
const PER_LOG = 1 / Math.log(GAMMA);
/** Anything faster counts as this fast, anything slower as this slow. */
const [FASTEST_MS, SLOWEST_MS] = [0.01, 86_400_000];
export const LOWEST_BUCKET = Math.ceil(Math.log(FASTEST_MS) * PER_LOG);
export const HIGHEST_BUCKET = Math.ceil(Math.log(SLOWEST_MS) * PER_LOG);

/** The bucket of a latency. */
export function latencyBucket(ms: number): number {
  if (!(ms > FASTEST_MS)) return LOWEST_BUCKET;
  return ms >= SLOWEST_MS ? HIGHEST_BUCKET : Math.ceil(Math.log(ms) * PER_LOG);
}

/** Adds what was counted elsewhere. */
export function addLatencies(to: Latencies, pairs: LatencyPairs): void {
  for (const [bucket, count] of pairs) to.set(bucket, (to.get(bucket) ?? 0) + count);
}

/** Pairs in the order of their buckets. */
export const latencyPairs = (latencies: Latencies): LatencyPairs => [...latencies].sort(([a], [b]) => a - b);

/** The latency that a share of all values does not exceed (0.5 is the median); 0 without values. `pairs` are in order. */
export function latencyQuantile(pairs: LatencyPairs, share: number): number {
  const total = pairs.reduce((sum, [, count]) => sum + count, 0);
  const rank = Math.max(1, Math.ceil(share * total));
  let seen = 0;
  for (const [bucket, count] of pairs) {
    seen += count;
    if (seen >= rank) return (2 * GAMMA ** bucket) / (GAMMA + 1);
  }
  return 0;
}
