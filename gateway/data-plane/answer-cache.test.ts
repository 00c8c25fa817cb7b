import { describe, expect, it } from 'vitest';
import { createAnswerCache, type KeptAnswer, type Place } from './answer-cache.js';

const place = (resource: string, whose = 'a'): Place => ({ resource, key: `${resource} ${whose}` });
const answer = (body: string, vary: KeptAnswer['vary'] = []): KeptAnswer => ({
  status: 200,
  headers: [],
  body: Buffer.from(body),
  arrivedAt: 0,
  ageOnArrival: 0,
  lifetime: 1000,
  vary,
});
const bodies = (found: readonly KeptAnswer[]): string[] => found.map(({ body }) => body.toString());

describe('the cache of answers', () => {
  it('is bounded in bytes: what was not used for longest goes first', () => {
    const cache = createAnswerCache(100_000);

    for (let n = 0; n < 1000; n += 1) {
      cache.put(place(`r${n}`), answer('x'.repeat(1000)));
      cache.find(place('r0'));
    }

    expect(cache.stats().bytes).toBeLessThanOrEqual(100_000);
    expect(cache.find(place('r0'))).toHaveLength(1);
    expect(cache.find(place('r1'))).toEqual([]);
    expect(cache.find(place('r999'))).toHaveLength(1);
  });

  it('gives out bodies in memory of their own, so that what is counted is what is held', () => {
    const cache = createAnswerCache();
    const recording = cache.record(place('r'), 100);
    recording?.take(Buffer.from('abc'));

    const body = recording?.end();

    expect([body?.length, body?.buffer.byteLength]).toEqual([3, 3]);
  });

  it('does not keep what is larger than all of it, and lets go of what stood there', () => {
    const cache = createAnswerCache(10_000);
    cache.put(place('r'), answer('small'));

    cache.put(place('r'), answer('x'.repeat(20_000)));

    expect([cache.find(place('r')), cache.stats().entry_count]).toEqual([[], 0]);
  });

  it('keeps one answer for each way in which it varies, and at most twenty', () => {
    const cache = createAnswerCache();
    for (let n = 0; n < 30; n += 1) cache.put(place('r'), answer(String(n), [['accept', String(n)]]));
    cache.put(place('r'), answer('again', [['accept', '29']]));

    expect(bodies(cache.find(place('r')))).toHaveLength(20);
    expect(bodies(cache.find(place('r'))).slice(0, 2)).toEqual(['again', '28']);
  });

  it('forgets all that is kept of a resource, whosever it is', () => {
    const cache = createAnswerCache();
    for (const whose of ['a', 'b']) cache.put(place('r', whose), answer(whose));
    cache.put(place('other'), answer('other'));

    cache.invalidate('r');

    expect([cache.find(place('r', 'a')), cache.find(place('r', 'b'))]).toEqual([[], []]);
    expect(bodies(cache.find(place('other')))).toEqual(['other']);
  });

  it.each<readonly [string, (cache: ReturnType<typeof createAnswerCache>) => void, boolean]>([
    ['nothing', () => undefined, true],
    ['a change of another resource', (cache) => cache.invalidate('other'), true],
    ['a change of its resource', (cache) => cache.invalidate('r'), false],
    [
      'a change that was forgotten since',
      (cache) => ['r', ...Array.from({ length: 10_001 }, (_, n) => `r${n}`)].forEach((r) => cache.invalidate(r)),
      false,
    ],
    ['a purge', (cache) => cache.clear(), false],
  ])('after %s an answer that was on its way is whole and good: %s', (_what, happens, isGood) => {
    const cache = createAnswerCache();
    const recording = cache.record(place('r'), 10);
    recording?.take(Buffer.from('abc'));

    happens(cache);

    expect(recording?.end()?.toString()).toBe(isGood ? 'abc' : undefined);
  });

  it('spends no more on answers on their way than on those that are kept', () => {
    const cache = createAnswerCache(100);
    const first = cache.record(place('a'), 100);
    first?.take(Buffer.alloc(100));

    expect(cache.record(place('b'), 100)).toBeUndefined();
    first?.drop();
    expect(cache.record(place('b'), 100)).toBeDefined();
  });
});

it('records an answer in no more memory than twice its size, however small its pieces are', () => {
  const cache = createAnswerCache();
  const recording = cache.record(place('r'), 1024 * 1024);
  const piece = Buffer.from('x');
  const before = process.memoryUsage();
  for (let n = 0; n < 500_000; n += 1) recording?.take(piece);
  const after = process.memoryUsage();

  expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(8 * 1024 * 1024);
  expect(recording?.end()?.length).toBe(500_000);
});

it('remembers little of what was invalidated', () => {
  const cache = createAnswerCache();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < 10_000; n += 1) cache.invalidate(`${n}${'x'.repeat(10_000)}`);

  expect(process.memoryUsage().heapUsed - before).toBeLessThan(40 * 1024 * 1024);
});
