/** Forgets measurements that are too old: hours after 90 days, days after 800. */
import type { ControlPlane } from '../context.js';
import { forgetBefore } from './store.js';

const DAY_MS = 24 * 3_600_000;
export const KEPT_DAYS = { hour: 90, day: 800 } as const;

/** Forgets once. */
export async function forgetOldUsage(cp: ControlPlane): Promise<void> {
  const dayBefore = (days: number): string => new Date(cp.now() - days * DAY_MS).toISOString().slice(0, 10);
  await forgetBefore(cp.db, 'hour', dayBefore(KEPT_DAYS.hour));
  await forgetBefore(cp.db, 'day', dayBefore(KEPT_DAYS.day));
}
