import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBreaker } from './breaker.js';

const settings = { failureThreshold: 3, windowMs: 1000, openMs: 200, successThreshold: 2 };

/** The rules as written, kept without any thought of speed: the whole history is looked at each time. */
class Model {
  failures: number[] = [];
  openedAt: number | undefined;
  probing = false;
  passed = 0;

  state(now: number): 'closed' | 'open' | 'half_open' {
    if (this.openedAt === undefined) return 'closed';
    return now - this.openedAt < settings.openMs ? 'open' : 'half_open';
  }

  admits(now: number): boolean {
    return this.state(now) === 'closed' || (this.state(now) === 'half_open' && !this.probing);
  }

  admit(now: number): void {
    this.probing = this.state(now) === 'half_open';
  }

  end(now: number, outcome: 'success' | 'failure' | 'release'): void {
    const state = this.state(now);
    this.probing = false;
    if (state === 'half_open' && outcome === 'success') this.passed += 1;
    if (state === 'half_open' && this.passed >= settings.successThreshold) this.close();
    if (outcome !== 'failure') return;
    this.failures.push(now);
    const recent = this.failures.filter((at) => at > now - settings.windowMs).length;
    if (state === 'half_open' || recent >= settings.failureThreshold) this.open(now);
  }

  private open(now: number): void {
    this.openedAt = now;
    this.passed = 0;
  }

  private close(): void {
    this.openedAt = undefined;
    this.failures = [];
    this.passed = 0;
  }
}

const step = fc.record({
  waitMs: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 400 })),
  outcome: fc.constantFrom('success' as const, 'failure' as const, 'failure' as const, 'release' as const),
});

describe('breaker', () => {
  it('follows the model for any sequence of waits and outcomes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const breaker = createBreaker('b', settings);
        const model = new Model();
        let now = 1_000_000;

        for (const { waitMs, outcome } of steps) {
          now += waitMs;
          const admitted = breaker.admit(now) === 0;
          expect(admitted).toBe(model.admits(now));
          expect(breaker.stats(now).state).toBe(model.state(now));
          if (!admitted) continue;
          model.admit(now);
          if (outcome === 'release') breaker.release();
          else breaker[outcome](now);
          model.end(now, outcome);
          expect(breaker.stats(now).state).toBe(model.state(now));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('opens at the fifth failure in a minute, refuses for 10 s, lets one probe through at a time and closes after two successes (DP20 AD12)', () => {
    const breaker = createBreaker('http://u');
    for (let n = 0; n < 5; n += 1) breaker.failure(n * 10);

    expect(breaker.admit(1040)).toBe(9000);
    expect(breaker.stats(1040).state).toBe('open');
    expect(breaker.admit(10_040)).toBe(0);
    expect(breaker.stats(10_040).state).toBe('half_open');
    expect(breaker.admit(10_040)).toBeGreaterThan(0);
    breaker.success(10_050);
    expect(breaker.admit(10_060)).toBe(0);
    breaker.success(10_070);

    expect(breaker.stats(10_070)).toEqual({
      name: 'http://u',
      state: 'closed',
      success_count: 2,
      failure_count: 5,
      consecutive_failures: 0,
      open_count: 1,
      rejected_count: 2,
    });
  });

  it('does not open for failures that are more than a window apart', () => {
    const breaker = createBreaker('b');

    for (let n = 0; n < 20; n += 1) breaker.failure(n * 15_000);

    expect(breaker.stats(300_000).state).toBe('closed');
  });

  it('lets the next probe through when the client of the last one went away', () => {
    const breaker = createBreaker('b', settings);
    for (let n = 0; n < 3; n += 1) breaker.failure(0);

    expect(breaker.admit(300)).toBe(0);
    breaker.release();

    expect(breaker.admit(301)).toBe(0);
  });

  it('does not take what was admitted before it opened for its probe', () => {
    const breaker = createBreaker('b', settings);
    expect(breaker.admit(0)).toBe(0);
    const early = breaker.round;
    for (let n = 0; n < 3; n += 1) breaker.failure(0);
    expect(breaker.admit(300)).toBe(0);
    const probe = breaker.round;

    breaker.success(301, early);
    breaker.success(301, early);
    breaker.failure(301, early);
    breaker.release(early);

    expect(breaker.stats(302).state).toBe('half_open');
    expect(breaker.admit(302)).toBeGreaterThan(0);
    breaker.success(303, probe);
    expect(breaker.admit(304)).toBe(0);
    breaker.success(305);
    expect(breaker.stats(305).state).toBe('closed');
  });

  it('gives a probe up that has no outcome for half a minute, and believes it no more', () => {
    const breaker = createBreaker('b', settings);
    for (let n = 0; n < 3; n += 1) breaker.failure(0);
    expect(breaker.admit(300)).toBe(0);
    const lost = breaker.round;

    expect(breaker.admit(30_299)).toBeGreaterThan(0);
    expect(breaker.admit(30_300)).toBe(0);
    breaker.release(lost);

    expect(breaker.admit(30_301)).toBeGreaterThan(0);
  });

  it('lets a probe through when the clock has stepped back behind the last one', () => {
    const breaker = createBreaker('b', settings);
    for (let n = 0; n < 3; n += 1) breaker.failure(1_000_000);
    expect(breaker.admit(1_000_200)).toBe(0);

    expect(breaker.admit(500_000)).toBe(0);
  });

  it('never waits longer than it stays open, also after the clock has stepped back', () => {
    const breaker = createBreaker('b', settings);
    for (let n = 0; n < 3; n += 1) breaker.failure(1_000_000);

    expect(breaker.admit(10)).toBe(200);
    expect(breaker.admit(210)).toBe(0);
  });

  it('is closed by a reset and keeps its counts (AD11)', () => {
    const breaker = createBreaker('b', settings);
    for (let n = 0; n < 3; n += 1) breaker.failure(0);

    breaker.reset();

    expect(breaker.admit(1)).toBe(0);
    expect(breaker.stats(1)).toMatchObject({ state: 'closed', consecutive_failures: 0, failure_count: 3, open_count: 1 });
  });
});
