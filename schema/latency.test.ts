import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LATENCY_ERROR, addLatencies, latencyBucket, latencyPairs, latencyQuantile, type Latencies } from './latency.js';

const times = fc.array(fc.double({ min: 0.02, max: 3_600_000, noNaN: true }), { minLength: 1, maxLength: 200 });

function histogram(values: readonly number[]): Latencies {
  const latencies: Latencies = new Map();
  for (const value of values) addLatencies(latencies, [[latencyBucket(value), 1]]);
  return latencies;
}

/** The value at a rank of the sorted list: what a quantile is by definition. */
function exactQuantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? 0;
}

describe('latencies (MT2)', () => {
  it.each([0.5, 0.95, 0.99])('give the quantile %s within one per cent of the exact one', (share) => {
    fc.assert(
      fc.property(times, (values) => {
        const exact = exactQuantile(values, share);
        const found = latencyQuantile(latencyPairs(histogram(values)), share);

        expect(Math.abs(found - exact)).toBeLessThanOrEqual(exact * (LATENCY_ERROR + 1e-9));
      }),
    );
  });

  it('say the same however they are added up', () => {
    fc.assert(
      fc.property(times, times, times, (a, b, c) => {
        const left = histogram(a);
        addLatencies(left, latencyPairs(histogram(b)));
        addLatencies(left, latencyPairs(histogram(c)));
        const right = histogram(c);
        addLatencies(right, latencyPairs(histogram([...b, ...a])));

        expect(latencyPairs(left)).toEqual(latencyPairs(right));
        expect(latencyPairs(left)).toEqual(latencyPairs(histogram([...a, ...b, ...c])));
      }),
    );
  });

  it('take anything: nothing, nonsense and eternity', () => {
    expect(latencyQuantile([], 0.5)).toBe(0);
    for (const value of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) expect(Number.isSafeInteger(latencyBucket(value))).toBe(true);
  });
});
