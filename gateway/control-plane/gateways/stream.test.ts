import { afterEach, beforeEach, expect, test } from 'vitest';
import { addResource, openLivedState, type LivedState } from '../../../test/helpers/lived-state.js';
import type { SyncMessage } from '../../../schema/sync.js';
import { commit } from '../context.js';
import { createFeed } from './feed.js';
import { streamChanges } from './stream.js';

let state: LivedState;
let gone: AbortController;

beforeEach(async () => {
  state = await openLivedState();
  gone = new AbortController();
});
afterEach(async () => {
  gone.abort();
  await state.close();
});

const open = (since: number | undefined, pingMs = 60_000) =>
  streamChanges({ cp: state.cp, feed: createFeed(state.cp), since, signal: gone.signal, pingMs });

const addApi = (name: string) => commit(state.cp, (trx) => addResource(state.cp, trx, { kind: 'API', tenant: 'acme', name }));

/** The next whole message: a line may come in pieces. */
async function next(stream: AsyncGenerator<string>): Promise<SyncMessage | undefined> {
  for (let line = ''; ;) {
    const { value, done } = await stream.next();
    if (done === true) return undefined;
    line += value;
    if (line.endsWith('\n')) return JSON.parse(line) as SyncMessage;
  }
}

async function types(stream: AsyncGenerator<string>, count: number): Promise<string[]> {
  const found: string[] = [];
  while (found.length < count) found.push((await next(stream))?.type ?? 'end of stream');
  return found;
}

test('a gateway without a copy gets one, then a sign of life, then each change', async () => {
  await addApi('payments');
  const stream = open(undefined);

  expect(await types(stream, 4)).toEqual(['begin', 'objects', 'end', 'ping']);
  const change = next(stream);
  await addApi('orders');

  expect(await change).toMatchObject({ type: 'change', number: 2, put: { resources: [{ name: 'orders' }] } });
});

test('a gateway that comes back gets what it missed as one change', async () => {
  for (const name of ['a', 'b', 'c']) await addApi(name);
  const stream = open(1);

  expect(await next(stream)).toMatchObject({ type: 'change', number: 3, put: { resources: [{ name: 'b' }, { name: 'c' }] } });
});

test('a slow gateway gets the changes that it was late for merged', async () => {
  const stream = open(undefined);
  expect(await types(stream, 3)).toEqual(['begin', 'end', 'ping']);

  for (const name of ['a', 'b', 'c']) await addApi(name);

  expect(await next(stream)).toMatchObject({ type: 'change', number: 3 });
});

test('signs of life come while nothing changes', async () => {
  const stream = open(undefined, 20);

  expect(await types(stream, 5)).toEqual(['begin', 'end', 'ping', 'ping', 'ping']);
});

test('a change is on its way within milliseconds of its commit', async () => {
  const stream = open(undefined);
  await types(stream, 3);
  const waits: number[] = [];

  for (let index = 0; index < 20; index += 1) {
    const change = next(stream);
    await new Promise((resolve) => setTimeout(resolve, 2));
    await addApi(`api-${index}`);
    const committed = performance.now();
    await change;
    waits.push(performance.now() - committed);
  }

  expect(waits.sort((a, b) => a - b)[10]).toBeLessThan(50);
});

test('the stream ends at once when its gateway goes, even while it waits', async () => {
  const stream = open(undefined);
  await types(stream, 3);

  const waiting = next(stream);
  gone.abort();

  expect(await waiting).toBeUndefined();
});
