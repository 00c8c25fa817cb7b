import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createBreaker } from '../breaker.js';
import { SharedBreaker, type Outcome } from './shared-breaker.js';

const SETTINGS = { failureThreshold: 2, windowMs: 60_000, openMs: 10_000, successThreshold: 1 };

/** The breaker of a primary process, and two workers that follow it. */
function start() {
  let now = 0;
  const workers: SharedBreaker[] = [];
  const own = createBreaker('http://a', SETTINGS, () => workers.forEach((worker) => worker.follow(own.circuit(now), now)));
  const line = {
    probe: (): Promise<number | null> => Promise.resolve(own.accepts(now) && own.admit(now) === 0 ? own.round : null),
    tell: ({ outcome, round, successes, rejected }: Outcome): void => {
      own.add(successes, rejected);
      if (outcome === 'release') own.release(round);
      else own[outcome](now, round);
    },
  };
  const [one, two] = [new SharedBreaker('a', 'http://a', line), new SharedBreaker('a', 'http://a', line)];
  workers.push(one, two);
  return { own, one, two, at: (ms: number) => (now = ms) };
}

it('opens for all workers when failures of several of them are enough (DP20)', () => {
  const { one, two } = start();

  expect([one.admit(0), two.admit(0)]).toEqual([0, 0]);
  one.failure(0, one.round);
  two.failure(0, two.round);

  expect([one.admit(1000), two.admit(1000)]).toEqual([9000, 9000]);
});

it('lets one probe go at a time over all workers, and closes for all when it succeeds (DP20)', async () => {
  const { own, one, two, at } = start();
  for (const worker of [one, two]) worker.failure(0, 0);

  at(10_000);
  expect(one.accepts()).toBe(false);
  await one.ask(10_000);
  const probed = one.admit(10_000);
  await two.ask(10_000);
  const refused = two.admit(10_000);
  one.success(10_000, one.round);

  expect([probed, refused]).toEqual([0, 1000]);
  expect([one.admit(10_001), two.admit(10_001)]).toEqual([0, 0]);
  expect(own.stats(10_001)).toMatchObject({ state: 'closed', open_count: 1 });
});

it('gives a probe back that nobody took', async () => {
  const { one, two, at } = start();
  for (const worker of [one, two]) worker.failure(0, 0);

  at(10_000);
  await one.ask(10_000);
  await setImmediate();
  await setImmediate();
  await two.ask(10_000);

  expect(two.admit(10_000)).toBe(0);
});
