/** What declared state does to subscriptions: a new one starts its life, a gone one ends it, and nothing outlives its API, consumer or tenant. */
import { BUILTIN_PLANS, isBuiltinPlan } from '../../../schema/kinds/plan.js';
import type { SubscriptionSpec } from '../../../schema/kinds/subscription.js';
import type { StoredResource } from '../../../schema/change.js';
import { groupBy } from '../../../schema/group.js';
import { keyOf, type Resource } from '../../../schema/resource.js';
import type { SubscriptionStatus } from '../../../schema/sync.js';
import { revokeKeysOf } from '../api-keys/issue.js';
import { recordAudit } from '../audit/store.js';
import type { Actor, ControlPlane, Db, Trx } from '../context.js';
import { appendChanges } from '../gateways/store.js';
import { emit } from '../webhooks/outbox.js';
import { webhooksOf } from '../webhooks/store.js';
import { changeExpiry, expiryOf } from './expiry.js';
import {
  deleteState,
  findPlan,
  findSubscriptions,
  insertStates,
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

/** Starts the states of new subscriptions, without a key; ends the keys of deleted ones. Called in the transaction of the writes. */
export async function subscriptionReaction(trx: Trx, cp: ControlPlane, { origin }: Actor, writes: readonly Written[]): Promise<void> {
  const made: Made[] = [];
  for (const { before, after, id } of writes) {
    if (after === undefined) await end(trx, cp, id);
    else if (before === undefined) made.push({ resource: after, id });
    else if (expiryOf(before.spec) !== expiryOf(after.spec)) await changeExpiry(trx, id, expiryOf(after.spec) ?? null, cp.now());
  }
  const rows = await startStates(trx, cp, made);
  // Over REST the request decides whether it waits: `createSubscription` tells of it when that is settled.
  if (typeof origin?.project === 'string') await tellOfNew(trx, rows, cp.now());
  await appendChanges(
    trx,
    'subscription',
    writes.map(({ id }) => id),
  );
}

async function end(trx: Trx, cp: ControlPlane, id: string): Promise<void> {
  await revokeKeysOf(trx, [id], cp.now());
  const [row] = await findSubscriptions(trx, undefined, id);
  if (row !== undefined && OPEN.includes(row.status as SubscriptionStatus))
    await emit(trx, 'subscription.revoked', { ...row, status: 'revoked', reason: 'The subscription was deleted.' }, cp.now());
  await deleteState(trx, id);
}

/** Tells webhooks of new subscriptions, and of the approval of those that nobody has to approve. */
export async function tellOfNew(trx: Trx, subscriptions: readonly SubscriptionRow[], now: number): Promise<void> {
  for (const [tenant, some] of groupBy(subscriptions, (subscription) => subscription.tenant)) {
    const webhooks = await webhooksOf(trx, tenant);
    for (const subscription of some) {
      await emit(trx, 'subscription.created', subscription, now, webhooks);
      if (subscription.status === 'active') await emit(trx, 'subscription.approved', subscription, now, webhooks);
    }
  }
}

type State = Omit<SubscriptionRow, 'name' | 'version' | 'spec'>;

interface Made {
  readonly resource: StoredResource;
  readonly id: string;
}

async function startStates(trx: Trx, cp: ControlPlane, made: readonly Made[]): Promise<SubscriptionRow[]> {
  const at = new Date(cp.now()).toISOString();
  const approvals = new Map<string, boolean>();
  const isPending = async (tenant: string, plan: string): Promise<boolean> => {
    const known = approvals.get(`${tenant}/${plan}`) ?? (await needsApproval(trx, tenant, plan));
    approvals.set(`${tenant}/${plan}`, known);
    return known;
  };
  const started: { readonly resource: StoredResource; readonly state: State }[] = [];
  for (const { resource, id } of made) {
    // A stored spec was parsed by its kind.
    const { plan } = resource.spec as unknown as SubscriptionSpec;
    const waits = plan !== undefined && (await isPending(resource.tenant, plan));
    started.push({ resource, state: firstState(resource, id, waits, at) });
  }
  await insertStates(
    trx,
    started.map(({ state }) => state),
  );
  return started.map(({ resource: { name, version, spec }, state }) => ({
    ...state,
    name,
    version,
    spec: spec as unknown as SubscriptionSpec,
  }));
}

function firstState({ tenant, spec }: Resource, id: string, isPending: boolean, at: string): State {
  const { api, consumer } = spec as unknown as SubscriptionSpec;
  return {
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
    expires_at: expiryOf(spec) ?? null,
    created_at: at,
  };
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
