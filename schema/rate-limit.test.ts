import { describe, expect, it } from 'vitest';
import { traitsOf } from './schema-walk.js';
import { normalizeRateLimit, rateLimitConfig } from './rate-limit.js';

describe('a rate limit (PL7 PL8 PL9)', () => {
  it.each([
    [{ requests_per_second: 5 }, { limit: 5, window_secs: 1, burst: 0 }],
    [
      { requests_per_minute: 100, burst: 20 },
      { limit: 100, window_secs: 60, burst: 20 },
    ],
    [{ requests_per_hour: 1000 }, { limit: 1000, window_secs: 3600, burst: 0 }],
    [{ requests_per_day: 9 }, { limit: 9, window_secs: 86_400, burst: 0 }],
    [{ per_minute: 7 }, { limit: 7, window_secs: 60, burst: 0 }],
    [
      { requestsPerMinute: 100, burstLimit: 20 },
      { limit: 100, window_secs: 60, burst: 20 },
    ],
    [
      { limit: 1000, window_secs: 60 },
      { limit: 1000, window_secs: 60, burst: 0 },
    ],
    [
      { limit: 3, window_seconds: 9 },
      { limit: 3, window_secs: 9, burst: 0 },
    ],
    [
      { maxRequests: 10, intervalSeconds: 30 },
      { limit: 10, window_secs: 30, burst: 0 },
    ],
    [
      { max_requests: 10, interval_seconds: 30, burst_limit: 1 },
      { limit: 10, window_secs: 30, burst: 1 },
    ],
  ])('written as %j is enforced as %j and kept as written', (raw, normal) => {
    const parsed = rateLimitConfig.parse(raw);

    expect(normalizeRateLimit(parsed)).toEqual(normal);
    expect(parsed).toEqual(raw);
  });

  it.each([
    {},
    { burst: 5 },
    { limit: 5 },
    { window_secs: 5 },
    { requests_per_minute: 5, requests_per_hour: 5 },
    { requests_per_minute: 5, limit: 3 },
    { limit: 5, window_secs: 60, windowSecs: 60 },
    { limit: 5, window_secs: 60, max_requests: 5 },
    { requests_per_minute: 5, burst: 1, burstLimit: 1 },
    { requests_per_minute: 0 },
    { requests_per_minute: -1 },
    { requests_per_minute: 1.5 },
    { requests_per_minute: '5' },
    { requests_per_minute: 5, burst: -1 },
    { limit: 5, window_secs: 0 },
    { requests_per_week: 5 },
    null,
    5,
  ])('cannot be %j', (raw) => {
    expect(rateLimitConfig.safeParse(raw).success).toBe(false);
  });

  it.each([
    [{ requests_per_minute: 100 }, { requests_per_minute: 99 }, 'limit lowered'],
    [{ requests_per_minute: 100 }, { limit: 100, window_secs: 60 }, undefined],
    [{ requests_per_minute: 100 }, { requests_per_minute: 100, burst: 5 }, undefined],
    [{ requests_per_minute: 100, burst: 5 }, { requests_per_minute: 100 }, 'limit lowered'],
    [{ requests_per_minute: 60 }, { requests_per_hour: 3600 }, undefined],
    [{ requests_per_hour: 3600 }, { requests_per_minute: 60 }, 'limit lowered'],
    [undefined, { requests_per_minute: 60 }, 'limit added'],
    [{ requests_per_minute: 60 }, undefined, undefined],
  ])('that changes from %j to %j breaks clients: %s', (before, after, reason) => {
    expect(traitsOf(rateLimitConfig).breaking?.(before, after)).toBe(reason);
  });

  it('that was not parsed is not normalised', () => {
    expect(() => normalizeRateLimit({})).toThrow(TypeError);
  });
});
