/** A subscription that must be there, or must be active, for what is asked. */
import { StoaError } from '../../../schema/error.js';
import type { Db } from '../context.js';
import { findSubscription, type SubscriptionRow } from './store.js';

const HINTS: Readonly<Record<string, string>> = {
  pending_approval: 'Approve the subscription first.',
  suspended: 'Resume the subscription first.',
};

/** A subscription by id, or by name inside a tenant. Throws `not_found`; another tenant's subscription is not found. */
export async function requireSubscription(db: Db, tenant: string | undefined, idOrName: string): Promise<SubscriptionRow> {
  const subscription = await findSubscription(db, tenant, idOrName);
  if (subscription !== undefined) return subscription;
  const place = tenant === undefined ? '' : ` in tenant "${tenant}"`;
  throw new StoaError('not_found', `Subscription "${idOrName}" does not exist${place}.`);
}

/** Throws `conflict` unless the subscription is active: only then can it have new keys. */
export function requireActive({ id, status }: SubscriptionRow): void {
  if (status === 'active') return;
  const hint = HINTS[status] ?? 'Create a new subscription.';
  throw new StoaError('conflict', `Subscription ${id} is ${status}; only an active subscription gets keys.`, { hint });
}
