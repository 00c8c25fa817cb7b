import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Exchange, Reply } from '../policies/contract.js';
import { createQuotaTable, type QuotaTable } from './quotas.js';

const DAY_MS = 86_400_000;
const NOON = Date.parse('2026-01-31T12:00:00Z');

function clocked(start = NOON) {
  let at = start;
  const table = createQuotaTable(() => at);
  return { table, set: (ms: number) => (at = ms), now: () => at };
}

function ask(table: QuotaTable, limits: { daily?: number; monthly?: number }, subscription = 'sub-1') {
  const exchange = { limit: undefined } as Exchange;
  const reply = table.hooks(subscription, limits).request?.(exchange) as Reply | undefined;
  return { reply, limit: exchange.limit };
}

describe('a quota', () => {
  it('lets its number through in a UTC day and begins anew at midnight (QT1)', () => {
    const { table, set } = clocked();

    const statuses = [1, 2, 3].map(() => ask(table, { daily: 2 }).reply?.status ?? 200);
    set(Date.parse('2026-01-31T23:59:59.999Z'));
    const before = ask(table, { daily: 2 }).reply?.status;
    set(Date.parse('2026-02-01T00:00:00Z'));

    expect([statuses, before, ask(table, { daily: 2 }).reply]).toEqual([[200, 200, 429], 429, undefined]);
  });

  it('of a month begins anew on the first, whatever the day (QT1 QT2)', () => {
    const { table, set } = clocked(Date.parse('2026-02-27T12:00:00Z'));
    ask(table, { monthly: 1 });
    set(Date.parse('2026-02-28T12:00:00Z'));
    expect(ask(table, { monthly: 1 }).reply?.status).toBe(429);
    set(Date.parse('2026-03-01T00:00:00Z'));

    expect(ask(table, { monthly: 1 }).reply).toBeUndefined();
  });

  it('is among the fullest from a half on, by day or month, until it begins anew', () => {
    const { table, set } = clocked();
    for (let n = 0; n < 3; n += 1) ask(table, { daily: 4 }, 'day');
    for (let n = 0; n < 9; n += 1) ask(table, { monthly: 10 }, 'month');
    ask(table, { monthly: 10 }, 'hardly used');

    expect(table.fullest(5)).toEqual(['month', 'day']);
    expect(table.fullest(1)).toEqual(['month']);
    set(Date.parse('2026-02-01T00:00:00Z'));
    expect(table.fullest(5)).toEqual([]);
  });

  it('names itself, what was used and when it begins anew (QT3)', () => {
    const { table } = clocked();
    ask(table, { monthly: 1 });

    const { reply, limit } = ask(table, { monthly: 1 });

    expect(JSON.parse(reply?.body ?? '')).toMatchObject({
      error: {
        code: 'rate_limited',
        message: 'The monthly quota of 1 requests is used up: 1 were made. It begins anew at 2026-02-01T00:00:00.000Z.',
      },
    });
    expect(reply?.headers).toEqual(expect.arrayContaining(['Retry-After', String(DAY_MS / 2000)]));
    expect(limit).toMatchObject({
      limit: 1,
      remaining: 0,
      resetAtMs: Date.parse('2026-02-01T00:00:00Z'),
      windowSeconds: (31 * DAY_MS) / 1000,
    });
  });

  it('counts nothing that another limit refuses, and keeps what was used when it is changed', () => {
    const { table } = clocked();
    const hooks = table.hooks('sub-1', { daily: 5 });
    void hooks.request?.({ limit: undefined } as Exchange);
    void hooks.request?.({ limit: undefined } as Exchange);
    hooks.giveBack?.({} as Exchange);

    expect(table.use('sub-1')).toEqual({ daily: 1, monthly: 1 });
    expect(ask(table, { daily: 1 }).reply?.status).toBe(429);
    expect(ask(table, { daily: 2 }).reply).toBeUndefined();
  });

  it('ends with its day, also when a clock that was years ahead has counted it; what was counted stays used', () => {
    const { table, set } = clocked(Date.parse('2031-05-05T12:00:00Z'));
    ask(table, { daily: 2 });
    set(NOON);

    expect(ask(table, { daily: 2 }).reply).toBeUndefined();
    expect(ask(table, { daily: 2 }).reply?.headers).toEqual(expect.arrayContaining(['Retry-After', String(DAY_MS / 2000)]));
    set(NOON + DAY_MS);
    expect(ask(table, { daily: 2 }).reply).toBeUndefined();
  });

  it('counts like a list of instants, over days, months, steps of the clock and restarts', () => {
    const step = fc.oneof(
      fc.record({ pass: fc.integer({ min: 0, max: 40 * DAY_MS }) }),
      // Together no more than a month.
      fc.record({ back: fc.integer({ min: 0, max: DAY_MS / 2 }) }),
      fc.constant({ restart: true as const }),
      fc.constant({ ask: true as const }),
      fc.constant({ ask: true as const }),
      fc.constant({ ask: true as const }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(step, { maxLength: 60 }),
        (daily, monthly, steps) => {
          let at = NOON;
          let latest = NOON;
          let table = createQuotaTable(() => at);
          const admitted: string[] = [];
          for (const one of steps) {
            if ('pass' in one) at += one.pass;
            else if ('back' in one) at -= one.back;
            else if ('restart' in one) {
              const rows = table.rows(() => true);
              table = createQuotaTable(() => at);
              table.restore(rows);
            } else {
              // A day that has begun is not taken back.
              if (Math.floor(at / DAY_MS) > Math.floor(latest / DAY_MS) || admitted.length === 0) latest = at;
              const day = new Date(latest).toISOString().slice(0, 10);
              const used = (prefix: string) => admitted.filter((each) => each.startsWith(prefix)).length;
              const expected = used(day) < daily && used(day.slice(0, 7)) < monthly;
              expect(ask(table, { daily, monthly }).reply === undefined).toBe(expected);
              if (expected) admitted.push(day);
            }
          }
        },
      ),
    );
  });
});
