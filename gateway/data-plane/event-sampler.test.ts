import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GatewayEvent } from '../../schema/sync.js';
import { createEventSampler } from './event-sampler.js';

const event = (id: number, changes: Partial<GatewayEvent> = {}): GatewayEvent => ({
  ...{
    id: `e-${id}`,
    at: '2026-11-27T00:00:00.000Z',
    event_type: 'auth_failed',
    tenant: 'acme',
    api: 'pay',
    path: '/x',
    status: 401,
    reason: 'invalid_api_key',
  },
  ...changes,
});

function setup() {
  const time = { ms: 1_700_000_000_000 };
  const told: GatewayEvent[] = [];
  const sampler = createEventSampler(
    () => time.ms,
    (each) => told.push(each),
  );
  return { time, told, sampler };
}

describe('events that repeat', () => {
  it('are told one by one twenty times a minute, and then as a number', () => {
    const { time, told, sampler } = setup();
    for (let n = 0; n < 1000; n += 1) sampler.take(event(n));
    expect(told).toHaveLength(20);

    time.ms += 60_000;
    sampler.flush();

    expect(told).toHaveLength(21);
    expect(told.at(-1)).toEqual(event(999, { count: 980 }));
    sampler.take(event(1000));
    expect(told).toHaveLength(22);
  });

  it('are told apart by API and reason; limits that were exceeded are all told', () => {
    const { told, sampler } = setup();
    for (let n = 0; n < 30; n += 1) {
      sampler.take(event(n));
      sampler.take(event(n, { api: 'other' }));
      sampler.take(event(n, { reason: 'missing_api_key' }));
      sampler.take(event(n, { event_type: 'rate_limit_exceeded' }));
    }

    expect(told).toHaveLength(20 + 20 + 20 + 30);
  });

  it('are never lost: what is told comes to what happened, whatever the clock does', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ kind: fc.nat({ max: 2 }), times: fc.integer({ min: 1, max: 60 }), wait: fc.integer({ min: -90_000, max: 90_000 }) }),
        ),
        (steps) => {
          const { time, told, sampler } = setup();
          let happened = 0;
          for (const { kind, times, wait } of steps) {
            for (let n = 0; n < times; n += 1) sampler.take(event(n, { reason: String(kind) }));
            happened += times;
            time.ms += wait;
            sampler.flush();
          }
          sampler.flush(true);

          expect(told.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(happened);
        },
      ),
    );
  });
});
