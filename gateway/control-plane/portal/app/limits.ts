/** Limits in words. */
import type { Limits, RateLimit } from '../shapes.js';

const WINDOWS: Readonly<Record<number, string>> = { 1: 'a second', 60: 'a minute', 3600: 'an hour', 86_400: 'a day' };

const shown = (count: number): string => count.toLocaleString();

function rateWords({ limit, window_secs, burst }: RateLimit): string {
  const most = `${shown(limit)} requests ${WINDOWS[window_secs] ?? `in ${shown(window_secs)} s`}`;
  return burst === 0 ? most : `${most}, and ${shown(burst)} more at once`;
}

/** What limits allow; empty where nothing is limited. */
export function limitWords({ rate_limit, daily_quota, monthly_quota }: Limits): string {
  const parts = [
    ...(rate_limit === null ? [] : [rateWords(rate_limit)]),
    ...(daily_quota === null ? [] : [`${shown(daily_quota)} a day`]),
    ...(monthly_quota === null ? [] : [`${shown(monthly_quota)} a month`]),
  ];
  return parts.join('; ');
}
