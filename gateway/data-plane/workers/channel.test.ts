import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Channel, type Send } from './channel.js';

type Asks = { double: readonly [number, number]; fail: readonly [null, null] };
type Says = { note: string };
type Nothing = Record<string, never>;

/** Two ends; what the first one sends is held until it is let go. */
function start() {
  const batches: unknown[] = [];
  const heard: string[] = [];
  let sent: (() => void) | undefined;
  const send: Send = (batch, done) => {
    batches.push(JSON.parse(JSON.stringify(batch)));
    sent = done;
  };
  const asking = new Channel<Asks, Says, Nothing, Nothing>(send, { calls: {}, tells: {} });
  const answering = new Channel<Nothing, Nothing, Asks, Says>(
    (batch, done) => {
      asking.receive(JSON.parse(JSON.stringify(batch)));
      done();
    },
    {
      calls: {
        double: (value) => {
          heard.push(`double ${value}`);
          return value * 2;
        },
        fail: () => Promise.reject(new Error('no')),
      },
      tells: { note: (text) => void heard.push(text) },
    },
  );
  const deliver = (): void => {
    for (const batch of batches.splice(0)) answering.receive(batch);
    sent?.();
  };
  return { asking, batches, heard, deliver };
}

it('sends what is said in one turn in one piece, and the next piece when that one is gone', async () => {
  const { asking, batches, heard, deliver } = start();

  asking.tell('note', 'one');
  const doubled = asking.call('double', 21);
  asking.tell('note', 'two');
  await setImmediate();
  asking.tell('note', 'three');
  await setImmediate();
  expect(batches).toHaveLength(1);
  deliver();
  deliver();

  expect(await doubled).toBe(42);
  expect(heard).toEqual(['one', 'double 21', 'two', 'three']);
});

it('shows an answer before it carries out what was said after it', async () => {
  const { asking, deliver } = start();
  const seen: string[] = [];

  void asking.call('double', 1, (answer) => seen.push(`answer ${answer}`)).then(() => seen.push('resolved'));
  await setImmediate();
  deliver();
  await setImmediate();

  expect(seen).toEqual(['answer 2', 'resolved']);
});

it('rejects what the other end fails on, and what it will never answer', async () => {
  const { asking, deliver } = start();

  const failed = asking.call('fail', null);
  await setImmediate();
  deliver();
  await expect(failed).rejects.toThrow('no');

  const lost = asking.call('double', 1);
  asking.close();
  await expect(lost).rejects.toThrow('gone');
});
