import { describe, expect, it } from 'vitest';
import type { Credential, Route } from './snapshot.js';
import { createUsageMeter } from './usage-meter.js';

const HOUR_MS = 3_600_000;
const route = (id: string) => ({ id, tenant: 'acme' }) as Route;
const caller = (subscriptionId: string) => ({ subscriptionId, keyId: `key-${subscriptionId}` }) as Credential;

describe('the usage meter', () => {
  it('counts by hour, API and subscription, and remembers the last use of each key', () => {
    const meter = createUsageMeter();
    meter.observe(route('api-1'), { credential: caller('sub-1'), status: 200, latencyMs: 5, isCounted: true }, 10 * HOUR_MS);
    meter.observe(route('api-1'), { credential: caller('sub-1'), status: 503, latencyMs: 5, isCounted: false }, 10 * HOUR_MS + 1);
    meter.observe(route('api-1'), { credential: undefined, status: 404, latencyMs: 5, isCounted: false }, 10 * HOUR_MS + 2);
    meter.observe(route('api-2'), { credential: caller('sub-1'), status: 200, latencyMs: 5, isCounted: true }, 11 * HOUR_MS);

    const { entries = [], keys } = meter.drain(10) ?? {};

    expect(
      entries.map(({ hour, api, subscription, requests, errors, counted }) => [hour, api, subscription, requests, errors, counted]),
    ).toEqual([
      [10, 'api-1', 'sub-1', 2, 1, 1],
      [10, 'api-1', undefined, 1, 0, 0],
      [11, 'api-2', 'sub-1', 1, 0, 1],
    ]);
    expect(keys).toEqual([['key-sub-1', 11 * HOUR_MS]]);
    expect(meter.drain(10)).toBeUndefined();
  });

  it('counts a subscription once, whichever of its keys was used, and a key apart for each API that it opened', () => {
    const meter = createUsageMeter();
    const [before, after] = [caller('sub-1'), caller('sub-1')];
    for (const credential of [before, after])
      meter.observe(route('api-1'), { credential, status: 200, latencyMs: 5, isCounted: true }, 1000);
    meter.observe(route('api-2'), { credential: before, status: 200, latencyMs: 5, isCounted: true }, 900);

    const { entries = [], keys } = meter.drain(10) ?? {};

    expect(entries.map(({ api, requests, latency }) => [api, requests, latency[0]?.[1]])).toEqual([
      ['api-1', 2, 2],
      ['api-2', 1, 1],
    ]);
    expect(keys).toEqual([['key-sub-1', 1000]]);
  });

  it('drops the oldest when nobody takes them, and says how many', () => {
    const dropped: number[] = [];
    const meter = createUsageMeter((count) => dropped.push(count));
    const entry = (hour: number) => ({ tenant: 'acme', api: 'api-1', hour, requests: 1, errors: 0, latency: [] });

    meter.add({ entries: Array.from({ length: 200_002 }, (_, hour) => entry(hour)), keys: [] });

    expect(dropped).toEqual([2]);
    expect(meter.drain(1)?.entries).toMatchObject([{ hour: 2 }]);
  });

  it('gives out what fits, and the rest later, nothing twice', () => {
    const meter = createUsageMeter();
    for (let index = 0; index < 5; index += 1)
      meter.observe(route(`api-${index}`), { credential: undefined, status: 200, latencyMs: 1, isCounted: true }, 0);

    const taken = [meter.drain(2), meter.drain(2), meter.drain(2), meter.drain(2)].map((usage) => usage?.entries.length);

    expect(taken).toEqual([2, 2, 1, undefined]);
  });

  it('takes back what the last run had left, and adds to it', () => {
    const first = createUsageMeter();
    first.observe(route('api-1'), { credential: caller('sub-1'), status: 200, latencyMs: 5, isCounted: true }, 1000);
    const second = createUsageMeter();
    const { entries, keys } = first.pending();
    second.add({ entries: [...entries], keys: [...keys] });
    second.observe(route('api-1'), { credential: caller('sub-1'), status: 200, latencyMs: 5, isCounted: true }, 2000);

    expect([...second.pending().entries].reduce((sum, { requests }) => sum + requests, 0)).toBe(2);
    expect(second.drain(10)?.entries).toMatchObject([{ requests: 2, latency: [[expect.any(Number), 2]] }]);
  });

  it('takes what a quota had counted back when it is set to zero: of today today, of the days before yesterday', () => {
    const meter = createUsageMeter();
    meter.observe(route('api-1'), { credential: caller('sub-1'), status: 200, latencyMs: 5, isCounted: true }, 50 * HOUR_MS);

    meter.takeBack({ tenant: 'acme', api: 'api-1', subscription: 'sub-1' }, { daily: 4, monthly: 10 }, 50 * HOUR_MS);
    meter.takeBack({ tenant: 'acme', api: 'api-1', subscription: 'sub-2' }, { daily: 0, monthly: 0 }, 50 * HOUR_MS);

    const { entries = [] } = meter.drain(10) ?? {};
    expect(entries.map(({ hour, subscription, requests, counted }) => [hour, subscription, requests, counted])).toEqual([
      [26, 'sub-1', 0, -6],
      [50, 'sub-1', 1, -3],
    ]);
  });
});
