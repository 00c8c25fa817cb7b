import { expect, test } from 'vitest';
import { currentKey, earliest, isLive, keyStatus } from './validity.js';

const END = '2026-02-14T10:00:00.000Z';
const endMs = Date.parse(END);

test.each([
  ['active', null, endMs, 'active'],
  ['active', END, endMs - 1, 'active'],
  ['active', END, endMs, 'expired'],
  ['grace', END, endMs - 1, 'grace'],
  ['grace', END, endMs, 'expired'],
  ['revoked', END, endMs - 1, 'revoked'],
  ['expired', END, endMs - 1, 'expired'],
])('a key stored as %s that ends at %s is, at %d, %s', (status, not_after, now, expected) => {
  const key = { status, not_after };

  const found = keyStatus(key, now);

  expect(found).toBe(expected);
  expect(isLive(key, now)).toBe(expected === 'active' || expected === 'grace');
});

test('a key that an early clock took for ended is valid again when the clock steps back', () => {
  const key = { status: 'grace', not_after: END };

  expect(isLive(key, endMs + 60_000)).toBe(false);
  expect(isLive(key, endMs - 60_000)).toBe(true);
});

test('the earliest end counts, and nothing that is absent', () => {
  expect(earliest(null, END, '2026-01-01T00:00:00.000Z')).toBe('2026-01-01T00:00:00.000Z');
  expect(earliest(null, null)).toBeNull();
});

test('the newest active key stands for a subscription, not one in grace or at its end', () => {
  const keys = [
    { id: 'ended', status: 'active', not_after: END },
    { id: 'grace', status: 'grace', not_after: null },
    { id: 'newest', status: 'active', not_after: null },
    { id: 'older', status: 'active', not_after: null },
  ];

  expect(currentKey(keys, endMs)?.id).toBe('newest');
});
