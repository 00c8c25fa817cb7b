import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Heart } from './heart.js';

function start() {
  const asked: (() => void)[] = [];
  const heart = new Heart(() => new Promise<void>((resolve) => asked.push(resolve)));
  const beat = (times: number): void => {
    for (let time = 0; time < times; time += 1) heart.beat();
  };
  return { heart, asked, beat };
}

it('is late when two beats went by without an answer, and lost after ten', () => {
  const { heart, beat } = start();
  const seen = (): string => (heart.isLost ? 'lost' : heart.isLate ? 'late' : 'well');

  const told = Array.from({ length: 11 }, () => {
    beat(1);
    return seen();
  });

  expect(told).toEqual(['well', 'well', ...Array.from({ length: 8 }, () => 'late'), 'lost']);
});

it('is well again when it answers, and is then asked again; before that it is asked once', async () => {
  const { heart, asked, beat } = start();
  beat(5);
  expect([heart.isLate, asked.length]).toEqual([true, 1]);

  asked[0]?.();
  await setImmediate();
  beat(1);

  expect([heart.isLate, asked.length]).toEqual([false, 2]);
});
