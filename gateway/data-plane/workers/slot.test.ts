import { expect, it } from 'vitest';
import { Slot } from './slot.js';

it('starts the successor of a worker at once, of one that dies soon again later each time, and of one that was well at once', () => {
  const slot = new Slot();

  const delays = [20_000, 100, 100, 100, 100].map((livedMs) => slot.nextAfterMs(livedMs, false));

  expect(delays).toEqual([0, 0, 250, 500, 1000]);
  expect(slot.nextAfterMs(20_000, false)).toBe(0);
});

it('waits half a minute at most, and a quarter of a second while nobody serves', () => {
  const slot = new Slot();
  for (let death = 0; death < 40; death += 1) slot.nextAfterMs(100, false);

  expect(slot.nextAfterMs(100, false)).toBe(30_000);
  expect(slot.nextAfterMs(100, true)).toBe(250);
});
