import { expect, it } from 'vitest';
import { NEW_CIRCUIT } from '../breaker.js';
import { Circuits } from './circuits.js';
import type { SharedBreaker } from './shared-breaker.js';

function start() {
  const clock = { ms: 0 };
  const breakers = new Map<string, SharedBreaker>();
  const line = { probe: () => Promise.resolve(null), tell: () => undefined };
  const circuits = new Circuits(
    line,
    () => breakers,
    () => clock.ms,
  );
  const make = (key: string): SharedBreaker => {
    const breaker = circuits.make(key, `http://${key}`);
    breakers.set(key, breaker);
    return breaker;
  };
  return { clock, breakers, circuits, make };
}

it('lets a breaker that is made later follow the circuit that was told before, for no longer than was said', () => {
  const { clock, circuits, make } = start();
  circuits.follow('a', { state: 'open', round: 1, waitMs: 10_000 });

  clock.ms = 4000;
  const breaker = make('a');

  expect(breaker.admit(4000)).toBe(6000);
});

it('remembers nothing of a circuit that the primary process has forgotten', () => {
  const { breakers, circuits, make } = start();
  circuits.follow('a', { state: 'open', round: 1, waitMs: 10_000 });
  make('a');

  breakers.delete('a');
  circuits.follow('a', NEW_CIRCUIT);

  expect(make('a').admit(0)).toBe(0);
});

it('tells the counts of the breakers that there are, once', () => {
  const { breakers, circuits, make } = start();
  make('a').success(0);
  make('gone').success(0);
  breakers.delete('gone');

  expect([circuits.report(), circuits.report()]).toEqual([[{ key: 'a', successes: 1, rejected: 0 }], []]);
});
