import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CounterTable, createLimiter } from './limiter.js';
import { createSteadyClock } from './steady-clock.js';

function setup(limit: number, windowSeconds: number, burst = 0, table = new CounterTable()) {
  const time = { ms: 1_700_000_000_000 };
  const clock = createSteadyClock(() => time.ms);
  const limiter = createLimiter(table, clock, { limit, windowSeconds, burst });
  return { time, clock, table, limiter };
}

const settings = fc.record({
  limit: fc.integer({ min: 1, max: 200 }),
  burst: fc.integer({ min: 0, max: 20 }),
  windowSeconds: fc.integer({ min: 1, max: 60 }),
});

/** Gaps in thousandths of a window: from many at once to longer than a window. */
const gaps = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 1300 })), {
  minLength: 1,
  maxLength: 600,
});

describe('limiter', () => {
  it('never admits more than limit and burst in any window, whatever the arrivals', () => {
    fc.assert(
      fc.property(settings, gaps, ({ limit, burst, windowSeconds }, steps) => {
        const { time, limiter } = setup(limit, windowSeconds, burst);
        const admitted: number[] = [];

        for (const step of steps) {
          time.ms += Math.round((step * windowSeconds * 1000) / 1000);
          if (limiter.take('c').allowed) admitted.push(time.ms);
        }

        for (const [index, at] of admitted.entries()) {
          const first = admitted[index - limit - burst];
          if (first !== undefined) expect(at - first).toBeGreaterThanOrEqual(windowSeconds * 1000);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('admits exactly limit and burst from idle, however they are spread over less than a window, and whatever came before one idle window', () => {
    fc.assert(
      fc.property(settings, gaps, fc.integer({ min: 0, max: 999 }), ({ limit, burst, windowSeconds }, before, spread) => {
        const { time, limiter } = setup(limit, windowSeconds, burst);
        for (const step of before) {
          time.ms += step;
          limiter.take('c');
        }
        time.ms += windowSeconds * 1000;

        const start = time.ms;
        let passed = 0;
        for (let n = 0; n < limit + burst + 50; n += 1) {
          time.ms = start + Math.floor((n / (limit + burst + 50)) * spread * windowSeconds);
          if (limiter.take('c').allowed) passed += 1;
        }

        expect(passed).toBe(limit + burst);
      }),
      { numRuns: 300 },
    );
  });

  it('tells the truth in Retry-After: earlier is refused or not needed, at that time a request passes', () => {
    fc.assert(
      fc.property(settings, gaps, ({ limit, burst, windowSeconds }, steps) => {
        const { time, limiter } = setup(limit, windowSeconds, burst);
        for (const step of steps) {
          time.ms += step;
          limiter.take('c');
        }

        let state = limiter.take('c');
        for (let n = 0; n <= limit + burst && state.allowed; n += 1) state = limiter.take('c');
        expect(state).toMatchObject({ allowed: false, remaining: 0 });
        expect(state.retryAfterMs).toBeGreaterThan(0);
        expect(state.resetAtMs - time.ms).toBeGreaterThanOrEqual(state.retryAfterMs);

        time.ms += state.retryAfterMs - 1;
        expect(limiter.take('c').allowed).toBe(false);
        time.ms += 1;
        expect(limiter.take('c').allowed).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('lets a caller who always asks have at least 95 % of a large limit over many windows', () => {
    const { time, limiter } = setup(1000, 60);
    const start = time.ms;
    let passed = 0;

    while (time.ms < start + 600_000) {
      if (limiter.take('c').allowed) passed += 1;
      time.ms += 20;
    }

    expect(passed).toBeGreaterThanOrEqual(0.95 * 10 * 1000);
    expect(passed).toBeLessThanOrEqual(10 * 1000);
  });

  it('reports limit, remaining and reset, and the burst lies beyond what remains', () => {
    const { time, limiter } = setup(2, 60, 1);

    expect(limiter.take('c')).toMatchObject({
      allowed: true,
      limit: 2,
      remaining: 1,
      resetAtMs: time.ms + 60_000,
      retryAfterMs: 0,
      windowSeconds: 60,
    });
    expect(limiter.take('c')).toMatchObject({ allowed: true, remaining: 0, retryAfterMs: 0 });
    expect(limiter.take('c')).toMatchObject({ allowed: true, remaining: 0, retryAfterMs: 60_000 });
    expect(limiter.take('c')).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 60_000 });
    expect(limiter.take('another')).toMatchObject({ allowed: true, remaining: 1 });
  });

  it('keeps what was consumed when the limit of the policy changes', () => {
    const { clock, table, limiter } = setup(10, 60);
    for (let n = 0; n < 8; n += 1) limiter.take('c');

    const raised = createLimiter(table, clock, { limit: 12, windowSeconds: 60, burst: 0 });
    expect(raised.take('c')).toMatchObject({ allowed: true, remaining: 3 });
    const lowered = createLimiter(table, clock, { limit: 5, windowSeconds: 60, burst: 0 });
    expect(lowered.take('c')).toMatchObject({ allowed: false, remaining: 0 });
  });

  it('gives back what another limit refused', () => {
    const { limiter } = setup(2, 60);

    limiter.take('c');
    limiter.giveBack('c');

    expect(limiter.take('c').remaining).toBe(1);
    expect(limiter.take('c').remaining).toBe(0);
    expect(limiter.take('c').allowed).toBe(false);
  });

  it('neither refills nor locks out when the wall clock steps back or forth by an hour', () => {
    const { time, limiter } = setup(3, 60);
    for (let n = 0; n < 3; n += 1) limiter.take('c');

    time.ms -= 3_600_000;
    const refused = limiter.take('c');
    expect(refused).toMatchObject({ allowed: false, retryAfterMs: 60_000, resetAtMs: time.ms + 60_000 });
    time.ms += 60_000;
    expect(limiter.take('c').allowed).toBe(true);
  });

  it('remembers a bounded number of subjects, and forgets idle ones first', () => {
    const table = new CounterTable(100);
    const { limiter } = setup(1, 60, 0, table);
    limiter.take('victim');

    for (let n = 0; n < 99; n += 1) limiter.take(`s${String(n)}`);
    expect(limiter.take('victim').allowed).toBe(false);
    for (let n = 0; n < 500; n += 1) limiter.take(`t${String(n)}`);

    expect(limiter.take('victim').allowed).toBe(true);
  });

  it('forgets nobody before a window has passed, and is idle after it', () => {
    const { time, limiter, table, clock } = setup(1, 60);
    limiter.take('c');

    time.ms += 59_999;
    limiter.take('other');
    expect(limiter.take('c').allowed).toBe(false);
    expect(table.isIdle(clock.now())).toBe(false);
    time.ms += 120_000;
    expect(table.isIdle(clock.now())).toBe(true);
  });
});
