import { describe, expect, it, onTestFinished } from 'vitest';
import type { GatewayEvent } from '../../schema/sync.js';
import { makeRoute } from '../../test/helpers/data-plane.js';
import { createEventQueue, UnusableEvents } from './event-queue.js';

const route = makeRoute({ upstreamUrl: 'http://127.0.0.1:1' });

function setup(options: { readonly maxEvents?: number; readonly initial?: readonly GatewayEvent[] } = {}) {
  const state = { isReachable: true, failures: 0, lostAnswers: 0 };
  const posted: GatewayEvent[][] = [];
  const queue = createEventQueue({
    idPrefix: 'gw',
    now: () => 0,
    flushMs: 5,
    isReachable: () => state.isReachable,
    post: (events) => {
      if (events.some(({ path }) => path === '/unusable')) return Promise.reject(new UnusableEvents('400'));
      if (state.failures > 0) {
        state.failures -= 1;
        return Promise.reject(new Error('503'));
      }
      posted.push([...events]);
      if (state.lostAnswers === 0) return Promise.resolve();
      state.lostAnswers -= 1;
      return Promise.reject(new Error('socket hang up'));
    },
    ...options,
  });
  onTestFinished(() => queue.stop(0));
  const record = (count: number, path = '/p'): void => {
    for (let n = 0; n < count; n += 1)
      queue.record({ type: 'rate_limit_exceeded', route, consumer: 'app', path, status: 429, requestId: 'req-1' });
  };
  const empty = async (): Promise<void> => {
    for (const end = Date.now() + 10_000; queue.stats().queued > 0;) {
      if (Date.now() > end) throw new Error('the queue is not empty after 10 s');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const ids = (): string[] => posted.flat().map(({ id }) => id);
  return { state, posted, queue, record, empty, ids };
}

describe('event queue', () => {
  it('delivers all events, each under an id of its own, in batches', async () => {
    const { record, empty, ids, posted } = setup();

    record(1200);
    await empty();

    expect(new Set(ids()).size).toBe(1200);
    expect(posted.length).toBeLessThan(10);
    expect(posted[0]?.[0]).toEqual({
      id: 'gw-1',
      at: '1970-01-01T00:00:00.000Z',
      event_type: 'rate_limit_exceeded',
      tenant: 'acme',
      api: 'payments',
      consumer: 'app',
      path: '/p',
      status: 429,
      reason: undefined,
      request_id: 'req-1',
    });
  });

  it('tries again after failures, in order', async () => {
    const { state, record, empty, ids } = setup();
    state.failures = 3;

    record(3);
    await empty();

    expect(ids()).toEqual(['gw-1', 'gw-2', 'gw-3']);
  });

  it('sends a batch again under the same ids when its answer was lost', async () => {
    const { state, record, empty, ids } = setup();
    state.lostAnswers = 1;

    record(2);
    await empty();

    expect(ids()).toEqual(['gw-1', 'gw-2', 'gw-1', 'gw-2']);
  });

  it('drops the oldest when too many wait, counts them, and loses nothing else', async () => {
    const { state, record, empty, ids, queue } = setup({ maxEvents: 10 });
    state.isReachable = false;

    record(25);
    expect(queue.stats()).toEqual({ queued: 10, dropped: 15 });
    state.isReachable = true;
    await empty();

    expect(ids()).toEqual(Array.from({ length: 10 }, (_, n) => `gw-${String(n + 16)}`));
  });

  it('begins with what the last run has left', async () => {
    const left = { id: 'old-1', at: '', event_type: 'auth_failed' as const, tenant: 'acme', path: '/', status: 401 };
    const { empty, ids } = setup({ initial: [left] });

    await empty();

    expect(ids()).toEqual(['old-1']);
  });

  it('delivers what is left when it is stopped, and keeps it when it cannot', async () => {
    const reachable = setup();
    reachable.record(700);
    await reachable.queue.stop();
    expect(reachable.queue.pending()).toEqual([]);

    const away = setup();
    away.state.isReachable = false;
    away.record(7);
    await away.queue.stop();

    expect(away.queue.pending()).toHaveLength(7);
  });

  it('drops an event that the control plane will never take, and delivers all the others', async () => {
    const { record, empty, ids, queue } = setup();

    record(300);
    record(1, '/unusable');
    record(400);
    await empty();

    expect(ids()).toHaveLength(700);
    expect(new Set(ids()).size).toBe(700);
    expect(queue.stats().dropped).toBe(1);
  });

  it('cuts paths that are longer than the control plane takes', async () => {
    const { record, empty, posted } = setup();

    record(1, `/${'x'.repeat(20_000)}`);
    await empty();

    expect(posted[0]?.[0]?.path.length).toBe(1000);
  });
});
