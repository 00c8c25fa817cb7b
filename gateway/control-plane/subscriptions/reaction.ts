/** What declared state does to subscriptions: a new one starts its life, a gone one ends it, and nothing outlives its API, consumer or tenant. */
import { BUILTIN_PLANS, isBuiltinPlan } from '../../../schema/kinds/plan.js';
import type { SubscriptionSpec } from '../../../schema/kinds/subscription.js';
import type { StoredResource } from '../../../schema/change.js';
import { keyOf, type Resource } from '../../../schema/resource.js';
import type { SubscriptionStatus } from '../../../schema/sync.js';
import { revokeKeysOf } from '../api-keys/issue.js';
import { recordAudit } from '../audit/store.js';
import type { Actor, ControlPlane, Db, Trx } from '../context.js';
import { appendChanges } from '../gateways/store.js';
import { emit } from '../webhooks/outbox.js';
import { changeExpiry, expiryOf } from './expiry.js';
import {
  deleteState,
  findPlan,
  findSubscriptions,
  insertState,
  statesOf,
  updateState,
  type SubscriptionFilter,
  type SubscriptionRow,
} from './store.js';

/** A written resource: before and after, and its id, which survives its deletion. */
export interface Written {
  readonly before: StoredResource | undefined;
  readonly after: StoredResource | undefined;
  readonly id: string;
}

const OPEN: readonly SubscriptionStatus[] = ['pending_approval', 'active', 'suspended'];

/** Starts the state of a new subscription, without a key; ends the keys of a deleted one. Called in the transaction of the write. */
export async function subscriptionReaction(trx: Trx, cp: ControlPlane, { origin }: Actor, { before, after, id }: Written): Promise<void> {
  if (after === undefined) {
    await revokeKeysOf(trx, [id], cp.now());
    const [row] = await findSubscriptions(trx, undefined, id);
    if (row !== undefined && OPEN.includes(row.status as SubscriptionStatus))
      await emit(trx, 'subscription.revoked', { ...row, status: 'revoked', reason: 'The subscription was deleted.' }, cp.now());
    await deleteState(trx, id);
  } else if (before !== undefined) {
    const [was, is] = [before.spec, after.spec].map(expiryOf);
    if (was !== is) await changeExpiry(trx, id, is ?? null, cp.now());
  } else {
    await startState(trx, cp, after, id);
    const [row] = await findSubscriptions(trx, undefined, id);
    // Over REST the request decides whether it waits: `createSubscription` tells of it when that is settled.
    if (row !== undefined && typeof origin?.project === 'string') await tellOfNew(trx, row, cp.now());
  }
  await appendChanges(trx, 'subscription', [id]);
}

/** Tells webhooks of a new subscription, and of its approval when nobody has to approve it. */
export async function tellOfNew(trx: Trx, subscription: SubscriptionRow, now: number): Promise<void> {
  await emit(trx, 'subscription.created', subscription, now);
  if (subscription.status === 'active') await emit(trx, 'subscription.approved', subscription, now);
}

async function startState(trx: Trx, cp: ControlPlane, { tenant, spec }: Resource, id: string): Promise<void> {
  // A stored spec was parsed by its kind.
  const { api, consumer, plan } = spec as unknown as SubscriptionSpec;
  const at = new Date(cp.now()).toISOString();
  const isPending = plan !== undefined && (await needsApproval(trx, tenant, plan));
  await insertState(trx, {
    id,
    tenant,
    api,
    consumer: consumer ?? null,
    status: isPending ? 'pending_approval' : 'active',
    rate_limit: null,
    quota: null,
    rotation_count: 0,
    last_rotated_at: null,
    approved_at: isPending ? null : at,
    ended_at: null,
    reason: null,
    expires_at: expiryOf(spec),
    created_at: at,
  });
}

/** Whether a plan of the tenant, or else the built-in plan of that name, wants a person's approval. */
export async function needsApproval(db: Db, tenant: string, plan: string): Promise<boolean> {
  const declared = await findPlan(db, tenant, plan);
  if (declared !== undefined) return declared.requires_approval;
  return isBuiltinPlan(plan) && (BUILTIN_PLANS[plan]?.requires_approval ?? false);
}

/** Revokes the subscriptions to an API that is deleted. */
export async function apiReaction(trx: Trx, cp: ControlPlane, actor: Actor, { before, after }: Written): Promise<void> {
  if (before === undefined || after !== undefined) return;
  await revokeAll(trx, cp, actor, { tenant: before.tenant, api: before.name }, `API ${before.name} was deleted.`);
}

/** Revokes the subscriptions of a consumer that is deleted. */
export async function consumerReaction(trx: Trx, cp: ControlPlane, actor: Actor, { before, after }: Written): Promise<void> {
  if (before === undefined || after !== undefined) return;
  await revokeAll(trx, cp, actor, { tenant: before.tenant, consumer: before.name }, `Consumer ${before.name} was deleted.`);
}

/** Revokes every subscription of a tenant that is deleted. */
export async function tenantReaction(trx: Trx, cp: ControlPlane, actor: Actor, { before, after }: Written): Promise<void> {
  if (before === undefined || after !== undefined) return;
  await revokeAll(trx, cp, actor, { tenant: before.name }, `Tenant ${before.name} was deleted.`);
}

async function revokeAll(
  trx: Trx,
  cp: ControlPlane,
  actor: Actor,
  filter: SubscriptionFilter & { readonly tenant: string },
  reason: string,
) {
  const now = cp.now();
  const ended_at = new Date(now).toISOString();
  const open = (await statesOf(trx, filter)).filter(({ status }) => OPEN.includes(status as SubscriptionStatus));
  for (const { id, tenant, consumer, status } of open) {
    await updateState(trx, id, OPEN, { status: 'revoked', ended_at, reason });
    const [row] = await findSubscriptions(trx, undefined, id);
    const key = row === undefined ? {} : { key: keyOf({ kind: 'Subscription', tenant, name: row.name }) };
    if (row !== undefined) await emit(trx, 'subscription.revoked', row, now);
    const named = consumer === null ? {} : { consumer };
    const details = { before: { status }, after: { status: 'revoked' }, reason };
    await recordAudit(trx, { tenant, action: 'subscription.revoked', resource: id, ...key, actor, ...named, details, at: now });
  }
  const ids = open.map(({ id }) => id);
  await revokeKeysOf(trx, ids, now);
  await appendChanges(trx, 'subscription', ids);
}
