/** When a key is valid: the wall clock against two instants, the same rule as at the gateway. Pure. */
import type { SyncCredential } from '../../../schema/sync.js';
import type { ApiKeyTable } from '../database/tables.js';

export type KeyStatus = SyncCredential['status'];

/** How far a clock may be off or step without a promised key being refused (security requirement 19). */
export const CLOCK_TOLERANCE_MS = 3_600_000;

/** How long gateways are told of a key that has ended, so that they can say why they refuse it. */
export const ENDED_KEY_MEMORY_MS = 24 * 3_600_000;

/** The instant at which a key ends, from whatever may end it; null when nothing does. */
export function earliest(...ends: readonly (string | null)[]): string | null {
  const [first = null] = ends.filter((end) => end !== null).sort();
  return first;
}

/** The status at an instant. A stored `active` or `grace` counts as `expired` once its end has passed, before the sweeper has seen it. */
export function keyStatus(key: Pick<ApiKeyTable, 'status' | 'not_after'>, now: number): KeyStatus {
  const status = key.status as KeyStatus;
  if (status === 'revoked' || status === 'expired') return status;
  return key.not_after !== null && Date.parse(key.not_after) <= now ? 'expired' : status;
}

/** Whether a key opens anything at an instant, as long as its subscription is active. */
export function isLive(key: Pick<ApiKeyTable, 'status' | 'not_after'>, now: number): boolean {
  const status = keyStatus(key, now);
  return status === 'active' || status === 'grace';
}

/** The newest key that is not about to be replaced: the one that stands for its subscription. `keys` come newest first. */
export function currentKey<Key extends Pick<ApiKeyTable, 'status' | 'not_after'>>(keys: readonly Key[], now: number): Key | undefined {
  return keys.find((key) => keyStatus(key, now) === 'active');
}
