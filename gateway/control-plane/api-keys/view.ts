/** API keys and rotations as they are answered (documents B and C). */
import type { RotationResult } from './service.js';
import type { IssuedKey } from './issue.js';
import { lastEnd } from './rotation.js';
import type { ApiKeyRow } from './store.js';
import { currentKey, keyStatus, type KeyStatus } from './validity.js';

/** A key as it is listed: everything but the key. */
export interface KeyView {
  readonly id: string;
  readonly tenant_id: string;
  readonly subscription_id: string;
  readonly name: string;
  readonly prefix: string;
  readonly api_key_prefix: string;
  readonly status: KeyStatus;
  readonly expires_at: string | null;
  readonly grace_until: string | null;
  readonly rotated_from: string | null;
  readonly created_at: string;
  readonly revoked_at: string | null;
  readonly last_used_at: string | null;
}

/** A rotation as it is answered, the new key shown once. */
export interface RotationView {
  readonly subscription_id: string;
  readonly new_api_key: string;
  readonly new_api_key_prefix: string;
  readonly old_key_expires_at: string | null;
  readonly grace_period_hours: number;
  readonly rotation_count: number;
  readonly api_key: string;
  readonly expires_at: string | null;
}

/** Where a subscription's rotation stands. */
export interface RotationInfo {
  readonly subscription_id: string;
  readonly api_key_prefix: string | null;
  readonly has_previous_key: boolean;
  readonly previous_key_expires_at: string | null;
  readonly rotation_count: number;
  readonly last_rotated_at: string | null;
}

/** A key for people: everything but the key. */
export function keyView(row: ApiKeyRow, now: number): KeyView {
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
export const newKeyView = ({ row, secret }: IssuedKey, now: number): KeyView & { readonly api_key: string } => ({
  ...keyView(row, now),
  api_key: secret,
});

/** The six fields of a rotation (document C), `api_key` for scripts of document A, and when the new key ends. */
export function rotationView({ issued, subscription, oldKeyExpiresAt, rotationCount }: RotationResult, graceHours: number): RotationView {
  return {
    subscription_id: subscription,
    new_api_key: issued.secret,
    new_api_key_prefix: issued.row.prefix,
    old_key_expires_at: oldKeyExpiresAt,
    grace_period_hours: graceHours,
    rotation_count: rotationCount,
    api_key: issued.secret,
    expires_at: issued.row.expires_at,
  };
}

/** The six fields of `rotation-info` (document C). `keys` come newest first. */
export function rotationInfo(
  subscription: { readonly id: string; readonly rotation_count: number; readonly last_rotated_at: string | null },
  keys: readonly ApiKeyRow[],
  now: number,
): RotationInfo {
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
