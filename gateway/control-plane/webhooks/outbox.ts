/** Events of subscriptions go into the outbox in the transaction of what they tell of: both are there, or neither is. */
import { newResourceId } from '../resource-id.js';
import type { Trx } from '../context.js';
import type { SubscriptionRow } from '../subscriptions/store.js';
import { insertDeliveries, webhooksOf, type DeliveryRow } from './store.js';

/** What subscribers' own callbacks are told of (row SB7). */
const CALLBACK_EVENTS: ReadonlySet<string> = new Set(['subscription.approved', 'subscription.rejected', 'subscription.revoked']);

export type SubscriptionEvent =
  | 'subscription.created'
  | 'subscription.approved'
  | 'subscription.rejected'
  | 'subscription.suspended'
  | 'subscription.revoked'
  | 'subscription.key_rotated'
  | 'subscription.expired';

/** The body of an event: never a key, never a secret. */
export interface EventPayload {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly tenant_id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

type Told = Pick<SubscriptionRow, 'id' | 'tenant' | 'name' | 'api' | 'consumer' | 'spec' | 'status' | 'reason'>;

/**
 * Puts an event about a subscription, as it is now, on its way to every webhook of the tenant that wants it, and to the subscription's callback. `webhooks` are
 * those of the tenant, for whoever has them at hand.
 */
export async function emit(
  trx: Trx,
  type: SubscriptionEvent,
  subscription: Told,
  at: number,
  webhooks?: Awaited<ReturnType<typeof webhooksOf>>,
): Promise<void> {
  const { id, tenant, name, api, consumer, spec, status, reason } = subscription;
  const wanting = (webhooks ?? (await webhooksOf(trx, tenant))).filter(
    ({ spec: { enabled, events } }) => enabled && (events.includes(type) || events.includes('*')),
  );
  const callback = CALLBACK_EVENTS.has(type) ? spec.callback_url : undefined;
  const targets = [
    ...wanting.map((webhook) => ({ webhook_id: webhook.id, url: webhook.spec.url })),
    ...(callback === undefined ? [] : [{ webhook_id: null, url: callback }]),
  ];
  if (targets.length === 0) return;
  const data = {
    subscription_id: id,
    name,
    api,
    consumer,
    plan: spec.plan ?? null,
    application: spec.application ?? null,
    status,
    reason,
  };
  await insertDeliveries(trx, deliveriesOf({ type, tenant, data, at }, targets));
}

export interface EventDraft {
  readonly type: string;
  readonly tenant: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Rows that carry one event to several addresses. */
export function deliveriesOf(
  { type, tenant, data, at }: EventDraft,
  targets: readonly { readonly webhook_id: string | null; readonly url: string }[],
): DeliveryRow[] {
  const created_at = new Date(at).toISOString();
  const event_id = newResourceId('event');
  const payload: EventPayload = { id: event_id, type, timestamp: created_at, tenant_id: tenant, data };
  return targets.map((target) => ({
    id: newResourceId('delivery'),
    event_id,
    tenant,
    ...target,
    event: type,
    payload: JSON.stringify(payload),
    status: 'pending',
    tries: 0,
    next_at: created_at,
    last_status: null,
    last_error: null,
    created_at,
    finished_at: null,
  }));
}
