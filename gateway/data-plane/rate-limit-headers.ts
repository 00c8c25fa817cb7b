/** What a caller is told of its limit: the `X-RateLimit-*` fields and the IETF ones (draft-ietf-httpapi-ratelimit-headers-10). */
import type { LimitState, ReplyHead } from '../policies/contract.js';

/** Puts the tightest limit on an answer; the upstream's own fields of these names are gone by now. */
export function addRateLimitHeaders(head: ReplyHead, limit: LimitState, nowMs: number): void {
  const { headers } = head;
  const resetMs = head.status === 429 ? limit.retryAfterMs : limit.resetAtMs - nowMs;
  const seconds = Math.max(head.status === 429 ? 1 : 0, Math.ceil(resetMs / 1000));
  headers.push('X-RateLimit-Limit', String(limit.limit), 'X-RateLimit-Remaining', String(limit.remaining));
  headers.push('X-RateLimit-Reset', String(Math.ceil(limit.resetAtMs / 1000)));
  headers.push(
    'RateLimit-Policy',
    `"default";q=${limit.limit};w=${limit.windowSeconds}`,
    'RateLimit',
    `"default";r=${limit.remaining};t=${seconds}`,
  );
}
