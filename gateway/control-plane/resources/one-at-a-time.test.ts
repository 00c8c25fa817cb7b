import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { ControlPlane } from '../context.js';
import { oneAtATime } from './one-at-a-time.js';

it('does one after the other, whatever became of the one before, and refuses more than may wait', async () => {
  const server = {} as ControlPlane;
  let running = 0;
  const most: number[] = [];
  const work = async (fails: boolean): Promise<string> => {
    running += 1;
    most.push(running);
    await nextTurn();
    running -= 1;
    if (fails) throw new Error('No.');
    return 'done';
  };

  const results = await Promise.allSettled(Array.from({ length: 12 }, (_, index) => oneAtATime(server, () => work(index === 0))));
  const later = await oneAtATime(server, () => work(false));

  expect(most).toEqual(Array.from({ length: 10 }, () => 1));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(8);
  expect(results.slice(9)).toEqual(
    Array.from({ length: 3 }, () => ({ status: 'rejected', reason: expect.objectContaining({ code: 'service_unavailable' }) })),
  );
  expect(later).toBe('done');
});
