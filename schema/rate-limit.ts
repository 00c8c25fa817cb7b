/** Rate limits in every spelling that users write (decisions K8, K9), and the one normal form that is enforced. */
import * as z from 'zod';
import { breaking } from './field.js';

/** At most `limit + burst` requests in any window of `window_secs` seconds. */
export interface RateLimit {
  readonly limit: number;
  readonly window_secs: number;
  readonly burst: number;
}

const count = z.int().positive().max(1_000_000_000);
const perWindow = (seconds: number) => count.optional().describe(`Requests allowed in ${seconds} s.`);
const windowLimit = count.optional().describe('Requests allowed in one window.');
const windowLength = z.int().positive().max(31_536_000).optional().describe('Length of the window in seconds.');
const burst = z.int().min(0).max(1_000_000_000).optional().describe('Requests allowed in a window beyond the limit.');

const WINDOWS = {
  requests_per_second: 1,
  requests_per_minute: 60,
  requests_per_hour: 3600,
  requests_per_day: 86_400,
  per_second: 1,
  per_minute: 60,
  per_hour: 3600,
  per_day: 86_400,
  requestsPerSecond: 1,
  requestsPerMinute: 60,
  requestsPerHour: 3600,
  requestsPerDay: 86_400,
} as const;

const PAIRS = [
  ['limit', 'window_secs'],
  ['limit', 'window_seconds'],
  ['limit', 'windowSecs'],
  ['max_requests', 'interval_seconds'],
  ['maxRequests', 'intervalSeconds'],
] as const;

const BURSTS = ['burst', 'burst_limit', 'burstLimit'] as const;

type Raw = { readonly [field in keyof typeof WINDOWS | (typeof PAIRS)[number][number] | (typeof BURSTS)[number]]?: number | undefined };

const shape = {
  ...(Object.fromEntries(Object.entries(WINDOWS).map(([field, seconds]) => [field, perWindow(seconds)])) as Record<
    keyof typeof WINDOWS,
    typeof windowLimit
  >),
  limit: windowLimit,
  window_secs: windowLength,
  window_seconds: windowLength,
  windowSecs: windowLength,
  max_requests: windowLimit,
  maxRequests: windowLimit,
  interval_seconds: windowLength,
  intervalSeconds: windowLength,
  burst,
  burst_limit: burst,
  burstLimit: burst,
};

/** A form that a raw limit holds, and how many of its fields the form uses. */
interface Form extends RateLimit {
  readonly fields: number;
}

/** The forms present in a raw limit; exactly one is right. */
function formsOf(raw: Raw): Form[] {
  const extra = BURSTS.map((field) => raw[field]).find((value) => value !== undefined) ?? 0;
  const single = (Object.keys(WINDOWS) as (keyof typeof WINDOWS)[]).flatMap((field) => {
    const limit = raw[field];
    return limit === undefined ? [] : [{ limit, window_secs: WINDOWS[field], burst: extra, fields: 1 }];
  });
  const pairs = PAIRS.flatMap(([limitField, windowField]) => {
    const limit = raw[limitField];
    const seconds = raw[windowField];
    return limit === undefined || seconds === undefined ? [] : [{ limit, window_secs: seconds, burst: extra, fields: 2 }];
  });
  return [...single, ...pairs];
}

/** Whether exactly one limit is given, and nothing beside it that would be ignored. */
function hasOneForm(raw: Raw): boolean {
  const forms = formsOf(raw);
  const given = Object.entries(raw).filter(([field]) => !(BURSTS as readonly string[]).includes(field));
  return forms.length === 1 && forms[0]?.fields === given.length;
}

const checkedConfig = z
  .strictObject(shape)
  .refine(hasOneForm, 'Give exactly one limit: requests_per_minute (or _second, _hour, _day), or limit with window_secs.')
  .refine((raw) => BURSTS.filter((field) => raw[field] !== undefined).length <= 1, 'Give the burst once.');

/** A limit as written. It is stored and shown as written; `normalizeRateLimit` gives what is enforced. */
export const rateLimitConfig = breaking(checkedConfig, (before, after) => {
  if (after === undefined) return undefined;
  if (before === undefined) return 'limit added';
  return isLower(normalizeRateLimit(before), normalizeRateLimit(after)) ? 'limit lowered' : undefined;
});

/** Fewer requests in the long run, or fewer at once. */
function isLower(before: RateLimit, after: RateLimit): boolean {
  return after.limit / after.window_secs < before.limit / before.window_secs || after.limit + after.burst < before.limit + before.burst;
}

export type RateLimitConfig = z.infer<typeof checkedConfig>;

/** The normal form of a parsed limit. Throws when the config was not parsed by `rateLimitConfig`. */
export function normalizeRateLimit(raw: RateLimitConfig): RateLimit {
  const [form] = formsOf(raw);
  if (form === undefined) throw new TypeError('normalizeRateLimit takes a config that rateLimitConfig has parsed.');
  const { limit, window_secs, burst } = form;
  return { limit, window_secs, burst };
}

/** A limit under the factor of its tenant (`rate_limit_multiplier`): at least 1. */
export function scale(value: number, factor: number): number;
export function scale(value: number | undefined, factor: number): number | undefined;
export function scale(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : Math.max(1, Math.round(value * factor));
}

/** A rate limit in any spelling, under the factor of its tenant. */
export function scaleRateLimit(config: RateLimitConfig, factor: number): RateLimit {
  const { limit, window_secs, burst } = normalizeRateLimit(config);
  return { limit: scale(limit, factor), window_secs, burst: burst === 0 ? 0 : scale(burst, factor) };
}
