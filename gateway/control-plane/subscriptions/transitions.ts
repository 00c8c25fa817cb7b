/** The steps between the states of a subscription. Each is one transaction; whoever is second finds the state moved and is refused. */
import { StoaError } from '../../../schema/error.js';
import { keyOf } from '../../../schema/resource.js';
import type { SubscriptionStatus } from '../../../schema/sync.js';
import { issueKey, revokeKeysOf } from '../api-keys/issue.js';
import { sealIssued } from '../api-keys/sealed.js';
import { recordAudit } from '../audit/store.js';
import { commit, type Actor, type ControlPlane, type Trx } from '../context.js';
import { appendChanges } from '../gateways/store.js';
import { emit, type SubscriptionEvent } from '../webhooks/outbox.js';
import { isOver, statusAt } from './expiry.js';
import { requireSubscription } from './require.js';
import { updateState, type SubscriptionRow } from './store.js';

interface Step {
  readonly from: readonly SubscriptionStatus[];
  readonly to: SubscriptionStatus;
  readonly action: string;
  /** What webhooks are told. */
  readonly event?: SubscriptionEvent;
  /** What to do when the subscription is in a state that the step does not start from. */
  readonly hint: string;
}

const REVOCABLE: readonly SubscriptionStatus[] = ['pending_approval', 'active', 'suspended', 'expired'];

const STEPS = {
  approve: {
    from: ['pending_approval'],
    to: 'active',
    action: 'subscription.approved',
    event: 'subscription.approved',
    hint: 'Only a subscription that waits for approval can be approved.',
  },
  reject: {
    from: ['pending_approval'],
    to: 'rejected',
    action: 'subscription.rejected',
    event: 'subscription.rejected',
    hint: 'Only a subscription that waits for approval can be rejected; revoke an active one.',
  },
  suspend: {
    from: ['active'],
    to: 'suspended',
    action: 'subscription.suspended',
    event: 'subscription.suspended',
    hint: 'Only an active subscription can be suspended.',
  },
  resume: { from: ['suspended'], to: 'active', action: 'subscription.resumed', hint: 'Only a suspended subscription can be resumed.' },
  revoke: {
    from: REVOCABLE,
    to: 'revoked',
    action: 'subscription.revoked',
    event: 'subscription.revoked',
    hint: 'It never had a key: there is nothing to revoke.',
  },
} as const satisfies Record<string, Step>;

export type Verb = keyof typeof STEPS;

export interface StepRequest {
  readonly verb: Verb;
  /** Name of the tenant; undefined when the subscription is named by its id alone. */
  readonly tenant: string | undefined;
  readonly subscription: string;
  readonly reason?: string | undefined;
  /** Requests per hour, set by an approval. */
  readonly rateLimit?: number | undefined;
  /** Requests per calendar month, set by an approval. */
  readonly quota?: number | undefined;
}

export interface StepResult {
  readonly row: SubscriptionRow;
  /** The key that an approval has made: shown once. */
  readonly secret: string | null;
}

/** Takes one step. A second revocation changes nothing. Throws `not_found`, or `conflict` for a step that the state does not allow. */
export function takeStep(cp: ControlPlane, actor: Actor, request: StepRequest): Promise<StepResult> {
  const now = cp.now();
  const step: Step = STEPS[request.verb];
  return commit(cp, async (trx) => {
    const found = await requireSubscription(trx, request.tenant, request.subscription);
    const before = { ...found, status: statusAt(found, now) };
    if (request.verb === 'revoke' && before.status === 'revoked') return { row: before, secret: null };
    const change = { status: step.to, ...stateChange(request, now) };
    if (!step.from.includes(before.status)) throw refusal(before, request.verb, step);
    if (step.to === 'active' && isOver(before.expires_at, now)) throw over(before);
    if (!(await updateState(trx, before.id, step.from, change))) throw refusal(before, request.verb, step);
    const secret = await changeKeys(trx, before, request.verb, now);
    await appendChanges(trx, 'subscription', [before.id]);
    await auditStep(trx, actor, { before, change, reason: request.reason, step, now });
    if (step.event !== undefined) await emit(trx, step.event, { ...before, ...change }, now);
    return { row: { ...before, ...change }, secret };
  });
}

function stateChange({ verb, reason, rateLimit, quota }: StepRequest, now: number) {
  const at = new Date(now).toISOString();
  const why = { reason: reason ?? null };
  if (verb === 'approve') return { ...why, approved_at: at, rate_limit: rateLimit ?? null, quota: quota ?? null };
  return verb === 'revoke' || verb === 'reject' ? { ...why, ended_at: at } : why;
}

async function changeKeys(trx: Trx, { id, tenant }: SubscriptionRow, verb: Verb, now: number): Promise<string | null> {
  if (verb === 'approve') {
    const issued = await issueKey(trx, { tenant, subscription: id }, now);
    await sealIssued(trx, issued, now);
    return issued.secret;
  }
  if (verb === 'revoke' || verb === 'reject') await revokeKeysOf(trx, [id], now);
  return null;
}

type StateChange = Parameters<typeof updateState>[3];

interface StepRecord {
  readonly before: SubscriptionRow;
  readonly change: StateChange;
  readonly reason: string | undefined;
  readonly step: Step;
  readonly now: number;
}

function auditStep(trx: Trx, actor: Actor, { before, change, reason, step, now }: StepRecord): Promise<void> {
  const { tenant, id, name, consumer } = before;
  const changed = Object.entries(change).filter(([field, value]) => before[field as keyof typeof change] !== value);
  const old = Object.fromEntries(changed.map(([field]) => [field, before[field as keyof typeof change] ?? null]));
  const details = { before: old, after: Object.fromEntries(changed), reason };
  return recordAudit(trx, {
    tenant,
    action: step.action,
    resource: id,
    key: keyOf({ kind: 'Subscription', tenant, name }),
    actor,
    ...(consumer === null ? {} : { consumer }),
    details,
    at: now,
  });
}

function over({ id, expires_at }: SubscriptionRow): StoaError {
  return new StoaError('conflict', `Subscription ${id} expired at ${expires_at ?? ''}.`, { hint: 'Give it a later "expires_at" first.' });
}

function refusal({ id, status }: SubscriptionRow, verb: Verb, { hint }: Step): StoaError {
  return new StoaError('conflict', `Subscription ${id} is ${status}; it cannot be changed by "${verb}".`, { hint });
}
