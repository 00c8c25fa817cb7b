/** What a rotation does to the keys of a subscription, decided without I/O (decisions K5, K6; row KY12). */
import { StoaError } from '../../../schema/error.js';
import type { ApiKeyTable } from '../database/tables.js';
import { currentKey, earliest, isLive, keyStatus } from './validity.js';

const HOUR_MS = 3_600_000;

export interface RotationInput {
  /** Keys of the subscription that may still be valid, newest first. */
  readonly keys: readonly ApiKeyTable[];
  /** The key to replace; the newest active one when absent. */
  readonly target?: ApiKeyTable | undefined;
  readonly graceHours: number;
  /** Ends an open grace window instead of refusing. */
  readonly force: boolean;
  /** Epoch milliseconds. */
  readonly now: number;
}

export interface Rotation {
  /** The key that enters grace, and when it ends; undefined when no key is active. */
  readonly replaced: { readonly key: ApiKeyTable; readonly graceUntil: string; readonly notAfter: string } | undefined;
  /** A key whose grace window is cut short. */
  readonly dropped: ApiKeyTable | undefined;
  /** When the last key that was handed out before ends; null when there is none. */
  readonly oldKeyExpiresAt: string | null;
}

/** Decides a rotation. Throws `conflict` when it would break the promise of an open grace window, or when the target is no longer active. */
export function planRotation({ keys, target, graceHours, force, now }: RotationInput): Rotation {
  const current = target ?? currentKey(keys, now);
  if (current === undefined) return { replaced: undefined, dropped: undefined, oldKeyExpiresAt: lastEnd(keys, now) };
  if (keyStatus(current, now) !== 'active') throw notActive(current, now);
  const previous = promisedKey(keys, current, now);
  if (previous !== undefined && !force) throw windowOpen(previous);
  const graceUntil = new Date(now + graceHours * HOUR_MS).toISOString();
  const notAfter = earliest(current.expires_at, graceUntil) ?? graceUntil;
  return { replaced: { key: current, graceUntil, notAfter }, dropped: previous, oldKeyExpiresAt: notAfter };
}

/** The key before this one, while it is promised to work. */
export const promisedKey = (keys: readonly ApiKeyTable[], { rotated_from }: ApiKeyTable, now: number): ApiKeyTable | undefined =>
  keys.find((key) => key.id === rotated_from && isLive(key, now));

/** When the last of the keys in grace ends; null when none is in grace. */
export function lastEnd(keys: readonly ApiKeyTable[], now: number): string | null {
  const ends = keys.filter((key) => keyStatus(key, now) === 'grace').flatMap(({ not_after }) => (not_after === null ? [] : [not_after]));
  return ends.sort().at(-1) ?? null;
}

function windowOpen(previous: ApiKeyTable): StoaError {
  const end = previous.not_after ?? '';
  return new StoaError(
    'conflict',
    `The previous key (${previous.prefix}…) has been promised until ${end}; a rotation now would end that promise.`,
    {
      hint: `Rotate again after ${end}, or end the previous key at once: "force": true over REST, --force with stoactl.`,
    },
  );
}

function notActive(key: ApiKeyTable, now: number): StoaError {
  const status = keyStatus(key, now);
  if (status === 'grace') {
    return new StoaError('conflict', `Key ${key.id} has been rotated already; its grace window closes at ${key.not_after ?? ''}.`, {
      hint: 'Rotate the key that took its place, or the subscription.',
    });
  }
  return new StoaError('conflict', `Key ${key.id} is ${status} and cannot be rotated.`, { hint: 'Create a new key for the subscription.' });
}
