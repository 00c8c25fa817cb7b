import { describe, expect, it } from 'vitest';
import { limitAdvice } from './review.js';

describe('what the number of refused requests a day means (AU6)', () => {
  it.each([
    [0, /too generous/],
    [1, /^Normal/],
    [50, /^Normal/],
    [51, /tiered plans/],
    [500, /tiered plans/],
    [501, /misbehaving client/],
    [1_000_000, /misbehaving client/],
  ])('%i', (perDay, advice) => {
    expect(limitAdvice(perDay)).toMatch(advice);
  });
});
