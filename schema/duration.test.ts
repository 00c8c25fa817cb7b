import { describe, expect, it } from 'vitest';
import { parseDuration } from './duration.js';

describe('a duration', () => {
  it.each([
    ['90s', 90_000],
    ['90m', 5_400_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['500ms', 500],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    [' 5m ', 300_000],
    ['0s', 0],
  ])('of %j is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '24', 'h', '-1h', '1 h', '1y', '24H', '1h 30m', '1e3s', '999999999999d', 'soon', '1h'.repeat(100)])('is not %j', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});
