/** API keys and rotations as they are answered (documents B and C). */
import type { RotationResult } from './service.js';
import type { IssuedKey } from './issue.js';
import { lastEnd } from './rotation.js';
import type { ApiKeyRow } from './store.js';
import { currentKey, keyStatus } from './validity.js';

/** A key for people: everything but the key. */
export function keyView(row: ApiKeyRow, now: number) {
  const { id, tenant, subscription_id, name, prefix, expires_at, grace_until, rotated_from, created_at, revoked_at, last_used_at } = row;
  return {
    id,
    tenant_id: tenant,
    subscription_id,
    name,
    prefix,
    api_key_prefix: prefix,
    status: keyStatus(row, now),
    expires_at,
    grace_until,
    rotated_from,
    created_at,
    revoked_at,
    last_used_at,
  };
}

/** A key at its creation: the only answer that holds `api_key`. */
export const newKeyView = ({ row, secret }: IssuedKey, now: number) => ({ ...keyView(row, now), api_key: secret });

/** The six fields of a rotation (document C), and `api_key` for scripts of document A. */
export function rotationView({ issued, subscription, oldKeyExpiresAt, rotationCount }: RotationResult, graceHours: number) {
  return {
    subscription_id: subscription,
    new_api_key: issued.secret,
    new_api_key_prefix: issued.row.prefix,
    old_key_expires_at: oldKeyExpiresAt,
    grace_period_hours: graceHours,
    rotation_count: rotationCount,
    api_key: issued.secret,
  };
}

/** The six fields of `rotation-info` (document C). `keys` come newest first. */
export function rotationInfo(
  subscription: { id: string; rotation_count: number; last_rotated_at: string | null },
  keys: readonly ApiKeyRow[],
  now: number,
) {
  const previousEnd = lastEnd(keys, now);
  return {
    subscription_id: subscription.id,
    api_key_prefix: currentKey(keys, now)?.prefix ?? null,
    has_previous_key: previousEnd !== null,
    previous_key_expires_at: previousEnd,
    rotation_count: subscription.rotation_count,
    last_rotated_at: subscription.last_rotated_at,
  };
}
