import { expect, it, onTestFinished, vi } from 'vitest';
import { KEY, makeRoute, startGateway, startUpstream } from '../../test/helpers/data-plane.js';
import { startLoadShedder, wantedShare, type Load } from './load-shedder.js';

const IDLE: Load = { delayMs: 1, heap: 0.2 };

it.each([
  [{ delayMs: 249, heap: 0.84 }, 0],
  [{ delayMs: 625, heap: 0 }, 0.5],
  [{ delayMs: 0, heap: 0.9 }, 0.5],
  [{ delayMs: 400, heap: 0.95 }, 1],
  [{ delayMs: 60_000, heap: 0 }, 1],
])('under %j the share of requests to refuse is %d', (load, share) => {
  expect(wantedShare(load)).toBeCloseTo(share);
});

function shedderUnder(load: { current: Load }) {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const changes: boolean[] = [];
  const shedder = startLoadShedder({ measure: () => load.current, onChange: (isShedding) => changes.push(isShedding) });
  const refusedOf = (count: number): number => Array.from({ length: count }, () => shedder.refuses()).filter(Boolean).length;
  return { shedder, changes, refusedOf };
}

it('refuses an even part of the requests while the load lasts, and none when it is over', () => {
  const load = { current: IDLE };
  const { shedder, changes, refusedOf } = shedderUnder(load);
  vi.advanceTimersByTime(10_000);
  expect(refusedOf(1000)).toBe(0);

  load.current = { delayMs: 625, heap: 0.2 };
  vi.advanceTimersByTime(10_000);
  expect(refusedOf(1000)).toBeCloseTo(500, -1);
  expect(refusedOf(10)).toBe(5);

  load.current = IDLE;
  vi.advanceTimersByTime(10_000);
  expect([refusedOf(1000), shedder.share, changes]).toEqual([0, 0, [true, false]]);
  expect(shedder.refused).toBeGreaterThan(500);
});

it('takes a pause for no overload', () => {
  const load = { current: { delayMs: 3000, heap: 0.99 } };
  const { changes, refusedOf } = shedderUnder(load);
  vi.advanceTimersByTime(750);
  load.current = IDLE;
  vi.advanceTimersByTime(250);

  expect([refusedOf(1000), changes]).toEqual([0, []]);
});

it('refuses nearly everything when nothing can be done any more', () => {
  const { refusedOf } = shedderUnder({ current: { delayMs: 5000, heap: 0.99 } });

  vi.advanceTimersByTime(5000);

  expect(refusedOf(1000)).toBeGreaterThanOrEqual(999);
});

it('notices a loop that is late, and that it is not late any more', { timeout: 60_000 }, async () => {
  const shedder = startLoadShedder({ onChange: () => undefined });
  onTestFinished(() => shedder.stop());
  const block = (ms: number): void => {
    for (const end = performance.now() + ms; performance.now() < end;);
  };

  for (let round = 0; round < 6; round += 1) {
    block(900);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(shedder.share).toBeGreaterThan(0.1);
  await expect.poll(() => shedder.share, { timeout: 30_000 }).toBe(0);
});

it('a gateway that refuses says so with 503 and Retry-After, asks no upstream, and answers for its own health', async () => {
  let asked = 0;
  const { url } = await startUpstream((_req, res) => {
    asked += 1;
    res.end('ok');
  });
  let isOverloaded = true;
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })], refuses: () => isOverloaded });
  const call = () => fetch(`${gateway.url}/x`, { headers: { 'x-api-key': KEY } });

  const refused = await call();
  const health = await fetch(`http://127.0.0.1:${gateway.port}/health`);
  isOverloaded = false;
  const served = await call();

  expect([refused.status, refused.headers.get('retry-after'), health.status, served.status, asked]).toEqual([503, '2', 200, 200, 1]);
  expect(await refused.json()).toMatchObject({ error: { code: 'service_unavailable' } });
});
