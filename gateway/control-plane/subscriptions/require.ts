/** A subscription that must be there, or must be active, for what is asked. */
import { StoaError } from '../../../schema/error.js';
import type { Db } from '../context.js';
import { statusAt } from './expiry.js';
import { findSubscriptions, type SubscriptionRow } from './store.js';

const HINTS: Readonly<Record<string, string>> = {
  pending_approval: 'Approve the subscription first.',
  suspended: 'Resume the subscription first.',
  expired: 'Give it a later "expires_at" first.',
};

/**
 * A subscription by id or name. `tenant` is undefined for whoever sees every tenant: then a name must be clear among them.
 * Throws `not_found`, also for another tenant's subscription, and `conflict` when several tenants have the name.
 */
export async function requireSubscription(db: Db, tenant: string | undefined, idOrName: string): Promise<SubscriptionRow> {
  const [subscription, another] = await findSubscriptions(db, tenant, idOrName);
  if (another !== undefined) {
    const hint = 'Name it by its id, or below its tenant.';
    throw new StoaError('conflict', `Several tenants have a subscription "${idOrName}".`, { hint });
  }
  if (subscription !== undefined) return subscription;
  const place = tenant === undefined ? '' : ` in tenant "${tenant}"`;
  throw new StoaError('not_found', `Subscription "${idOrName}" does not exist${place}.`);
}

/** Throws `conflict` unless the subscription is active at an instant: only then can it have new keys. */
export function requireActive(subscription: SubscriptionRow, now: number): void {
  const { id } = subscription;
  const status = statusAt(subscription, now);
  if (status === 'active') return;
  const hint = HINTS[status] ?? 'Create a new subscription.';
  throw new StoaError('conflict', `Subscription ${id} is ${status}; only an active subscription gets keys.`, { hint });
}
