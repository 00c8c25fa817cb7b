/** The verbs of API keys: create, rotate, revoke. Each is one transaction, audited, and known to the gateways right after it. */
import { StoaError } from '../../../schema/error.js';
import { recordAudit } from '../audit/store.js';
import { commit, type Actor, type ControlPlane, type Db, type Trx } from '../context.js';
import { appendChanges } from '../gateways/store.js';
import { futureInstant } from '../http/parse.js';
import { requireActive, requireSubscription } from '../subscriptions/require.js';
import { countRotation, type SubscriptionRow } from '../subscriptions/store.js';
import { emit } from '../webhooks/outbox.js';
import { issueKey, type IssuedKey } from './issue.js';
import { planRotation, type Rotation } from './rotation.js';
import { deleteSealed, deleteSealedKey } from './sealed-store.js';
import { findKey, lastCreation, liveKeys, revokeKeys, startGrace, type ApiKeyRow } from './store.js';

/** What a rotation is about: a subscription, and the key to replace when it is not the newest active one. */
export interface RotationTarget {
  readonly subscription: SubscriptionRow;
  readonly key?: ApiKeyRow | undefined;
}

export interface RotateRequest {
  /** Finds the target inside the transaction. */
  readonly find: (trx: Trx) => Promise<RotationTarget>;
  readonly graceHours: number;
  readonly force: boolean;
  /** When the new key ends, ISO 8601; never when absent (row KY9), unless `keepsEnd`. */
  readonly expiresAt?: string | undefined;
  /** True where the new key ends when the one that it replaces would have: who rotates may not prolong. */
  readonly keepsEnd?: boolean;
}

export interface RotationResult {
  readonly issued: IssuedKey;
  readonly subscription: string;
  readonly oldKeyExpiresAt: string | null;
  readonly rotationCount: number;
}

export interface CreateKeyRequest {
  readonly tenant: string;
  readonly subscription: string;
  readonly name?: string | undefined;
  /** ISO 8601. */
  readonly expiresAt?: string | undefined;
}

/**
 * Replaces a key and lets the old one live on for its grace window. A subscription that never had a key gets its first, which counts as no rotation.
 * Throws `validation_error` for an expiry that has passed, `not_found`, or `conflict` when the subscription is not active or a grace window is open (row KY12).
 */
export async function rotateKey(cp: ControlPlane, actor: Actor, request: RotateRequest): Promise<RotationResult> {
  const now = cp.now();
  const expiresAt = request.expiresAt === undefined ? null : futureInstant('expires_at', request.expiresAt, now);
  const { isFirst, ...result } = await commit(cp, async (trx) => {
    const { subscription, key } = await request.find(trx);
    requireActive(subscription, now);
    const keys = await liveKeys(trx, [subscription.id]);
    const rotation = planRotation({ keys, target: key, graceHours: request.graceHours, force: request.force, now });
    const isFirst = (await lastCreation(trx, subscription.id)) === undefined;
    const end = request.keepsEnd === true ? (rotation.replaced?.key.expires_at ?? null) : expiresAt;
    const issued = await replaceKey(trx, subscription, rotation, end, now);
    const rotationCount = subscription.rotation_count + (isFirst ? 0 : 1);
    if (!isFirst && !(await countRotation(trx, subscription.id, subscription.rotation_count, new Date(now).toISOString())))
      throw overtaken();
    await auditRotation(trx, { actor, request, subscription, rotation, issued, isFirst, now });
    if (!isFirst) await emit(trx, 'subscription.key_rotated', subscription, now);
    return { isFirst, issued, subscription: subscription.id, oldKeyExpiresAt: rotation.oldKeyExpiresAt, rotationCount };
  });
  if (!isFirst) cp.telemetry.keyRotated();
  return result;
}

async function replaceKey(
  trx: Trx,
  { id, tenant }: SubscriptionRow,
  { replaced, dropped }: Rotation,
  expiresAt: string | null,
  now: number,
): Promise<IssuedKey> {
  if (replaced !== undefined && !(await startGrace(trx, replaced.key.id, replaced.graceUntil, replaced.notAfter))) throw overtaken();
  if (dropped !== undefined) await revokeKeys(trx, [dropped.id], new Date(now).toISOString());
  await deleteSealed(trx, [id]);
  const touched = [replaced?.key, dropped].flatMap((key) => (key === undefined ? [] : [key.id]));
  await appendChanges(trx, 'credential', touched);
  const old = replaced?.key;
  return issueKey(trx, { tenant, subscription: id, name: old?.name, expiresAt, rotatedFrom: old?.id }, now);
}

interface RotationRecord {
  readonly actor: Actor;
  readonly request: RotateRequest;
  readonly subscription: SubscriptionRow;
  readonly rotation: Rotation;
  readonly issued: IssuedKey;
  readonly isFirst: boolean;
  readonly now: number;
}

function auditRotation(trx: Trx, { actor, request, subscription, rotation, issued, isFirst, now }: RotationRecord): Promise<void> {
  return recordAudit(trx, {
    tenant: subscription.tenant,
    action: isFirst ? 'api_key.created' : 'subscription.key_rotated',
    resource: subscription.id,
    actor,
    ...(subscription.consumer === null ? {} : { consumer: subscription.consumer }),
    details: {
      before: { key_id: rotation.replaced?.key.id ?? null, rotation_count: subscription.rotation_count },
      after: { key_id: issued.row.id, rotation_count: subscription.rotation_count + (isFirst ? 0 : 1) },
      key_id: issued.row.id,
      api_key_prefix: issued.row.prefix,
      replaced_key_id: rotation.replaced?.key.id ?? null,
      dropped_key_id: rotation.dropped?.id ?? null,
      old_key_expires_at: rotation.oldKeyExpiresAt,
      expires_at: issued.row.expires_at,
      grace_period_hours: request.graceHours,
      forced: request.force,
    },
    at: now,
  });
}

/** The target of a rotation by subscription. Throws `not_found`. */
export async function targetBySubscription(trx: Trx, tenant: string | undefined, idOrName: string): Promise<RotationTarget> {
  return { subscription: await requireSubscription(trx, tenant, idOrName) };
}

/** One key of a tenant. */
export interface KeyName {
  readonly tenant: string;
  readonly id: string;
  /** ISO 8601, inclusive: a key that was made before is not found. */
  readonly madeSince?: string | undefined;
}

/** The target of a rotation by key. Throws `not_found`. */
export async function targetByKey(trx: Trx, { tenant, id, madeSince }: KeyName): Promise<RotationTarget> {
  const key = await requireKey(trx, tenant, id, madeSince);
  return { subscription: await requireSubscription(trx, tenant, key.subscription_id), key };
}

/** Gives an active subscription a further key. Throws `validation_error` for an expiry that has passed, `conflict` when it is not active. */
export function createKey(cp: ControlPlane, actor: Actor, request: CreateKeyRequest): Promise<IssuedKey> {
  const now = cp.now();
  const expiresAt = request.expiresAt === undefined ? null : futureInstant('expires_at', request.expiresAt, now);
  return commit(cp, async (trx) => {
    const subscription = await requireSubscription(trx, request.tenant, request.subscription);
    requireActive(subscription, now);
    const { id, tenant } = subscription;
    const issued = await issueKey(trx, { tenant, subscription: id, name: request.name, expiresAt }, now);
    await auditKey(trx, 'api_key.created', actor, subscription, issued.row, now);
    return issued;
  });
}

/** Ends one key at once and for ever; a key that has ended already stays as it is. Throws `not_found`. */
export function revokeKey(cp: ControlPlane, actor: Actor, { tenant, id, madeSince }: KeyName): Promise<void> {
  const now = cp.now();
  return commit(cp, async (trx) => {
    const key = await requireKey(trx, tenant, id, madeSince);
    if (key.status === 'revoked' || key.status === 'expired') return;
    await revokeKeys(trx, [id], new Date(now).toISOString());
    await deleteSealedKey(trx, id);
    await appendChanges(trx, 'credential', [id]);
    const subscription = await requireSubscription(trx, tenant, key.subscription_id);
    await auditKey(trx, 'api_key.revoked', actor, subscription, key, now);
  });
}

/** A key of a tenant, made at `madeSince` or later. Throws `not_found`. */
export async function requireKey(db: Db, tenant: string, id: string, madeSince = ''): Promise<ApiKeyRow> {
  const key = await findKey(db, tenant, id);
  if (key !== undefined && key.created_at >= madeSince) return key;
  throw new StoaError('not_found', `API key "${id}" does not exist in tenant "${tenant}".`);
}

function auditKey(trx: Trx, action: string, actor: Actor, subscription: SubscriptionRow, key: ApiKeyRow, at: number): Promise<void> {
  const { tenant, id, consumer } = subscription;
  const known = { subscription_id: id, name: key.name, api_key_prefix: key.prefix, expires_at: key.expires_at };
  const isNew = action === 'api_key.created';
  const details = {
    ...known,
    before: isNew ? null : { status: key.status },
    after: isNew ? { status: key.status, ...known } : { status: 'revoked' },
  };
  return recordAudit(trx, { tenant, action, resource: key.id, actor, ...(consumer === null ? {} : { consumer }), details, at });
}

const overtaken = (): StoaError =>
  new StoaError('conflict', 'The key was rotated, or its subscription changed, by another request at the same time.', {
    hint: 'Look at rotation-info before you rotate again.',
  });
