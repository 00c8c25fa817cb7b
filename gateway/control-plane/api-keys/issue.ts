/** Making and ending keys inside a transaction of somebody else: creation, approval, rotation, revocation. */
import { apiKeyDigest, apiKeyPrefix, generateApiKey } from '../../../schema/api-key.js';
import type { Trx } from '../context.js';
import { appendChanges } from '../gateways/store.js';
import { newResourceId } from '../resource-id.js';
import { deleteSealed } from './sealed-store.js';
import { insertKey, lastCreation, liveKeys, revokeKeys, type ApiKeyRow } from './store.js';
import { CLOCK_TOLERANCE_MS } from './validity.js';

export interface KeyOrder {
  readonly tenant: string;
  readonly subscription: string;
  /** For people; `default` when absent. */
  readonly name?: string | undefined;
  /** ISO 8601 in UTC. */
  readonly expiresAt?: string | null;
  /** Id of the key that it takes the place of. */
  readonly rotatedFrom?: string | undefined;
}

export interface IssuedKey {
  readonly row: ApiKeyRow;
  /** The key itself: it exists nowhere else and is shown once. */
  readonly secret: string;
}

/** Makes a key. It is valid a little before it exists, so that no clock that runs behind refuses it. */
export async function issueKey(trx: Trx, order: KeyOrder, now: number): Promise<IssuedKey> {
  const secret = generateApiKey();
  const row: ApiKeyRow = {
    id: newResourceId('key'),
    tenant: order.tenant,
    subscription_id: order.subscription,
    name: order.name ?? 'default',
    prefix: apiKeyPrefix(secret),
    digest: apiKeyDigest(secret),
    status: 'active',
    not_before: new Date(now - CLOCK_TOLERANCE_MS).toISOString(),
    expires_at: order.expiresAt ?? null,
    grace_until: null,
    not_after: order.expiresAt ?? null,
    rotated_from: order.rotatedFrom ?? null,
    created_at: await creationInstant(trx, order.subscription, now),
    revoked_at: null,
    last_used_at: null,
  };
  await insertKey(trx, row);
  await appendChanges(trx, 'credential', [row.id]);
  return { row, secret };
}

/** Now, or just after the subscription's newest key: whatever the clock does, the key that was made last is the newest. */
async function creationInstant(trx: Trx, subscription: string, now: number): Promise<string> {
  const last = await lastCreation(trx, subscription);
  return new Date(last === undefined ? now : Math.max(now, Date.parse(last) + 1)).toISOString();
}

/** Ends every key of these subscriptions for ever. */
export async function revokeKeysOf(trx: Trx, subscriptions: readonly string[], now: number): Promise<void> {
  const ids = (await liveKeys(trx, subscriptions)).map(({ id }) => id);
  await revokeKeys(trx, ids, new Date(now).toISOString());
  await deleteSealed(trx, subscriptions);
  await appendChanges(trx, 'credential', ids);
}
