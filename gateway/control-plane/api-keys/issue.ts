/** Making and ending keys inside a transaction of somebody else: creation, approval, rotation, revocation. */
import { randomInt } from 'node:crypto';
import { apiKeyDigest, apiKeyPrefix, generateApiKey } from '../../../schema/api-key.js';
import type { Trx } from '../context.js';
import { appendChanges } from '../gateways/store.js';
import { insertKey, liveKeys, revokeKeys, type ApiKeyRow } from './store.js';
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

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';

const keyId = (): string => `key-${Array.from({ length: 12 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')}`;

/** Makes a key. It is valid a little before it exists, so that no clock that runs behind refuses it. */
export async function issueKey(trx: Trx, order: KeyOrder, now: number): Promise<IssuedKey> {
  const secret = generateApiKey();
  const row: ApiKeyRow = {
    id: keyId(),
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
    created_at: new Date(now).toISOString(),
    revoked_at: null,
    last_used_at: null,
  };
  await insertKey(trx, row);
  await appendChanges(trx, 'credential', [row.id]);
  return { row, secret };
}

/** Ends every key of these subscriptions for ever. */
export async function revokeKeysOf(trx: Trx, subscriptions: readonly string[], now: number): Promise<void> {
  const ids = (await liveKeys(trx, subscriptions)).map(({ id }) => id);
  await revokeKeys(trx, ids, new Date(now).toISOString());
  await appendChanges(trx, 'credential', ids);
}
