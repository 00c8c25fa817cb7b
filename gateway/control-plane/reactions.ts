/** What a write of declared state does to lived state, kind by kind, in the transaction of the write. */
import type { Actor, ControlPlane, Trx } from './context.js';
import { forgetTenant } from './metrics/store.js';
import { deleteLinksOf } from './one-time-links/store.js';
import { accountReaction } from './portal/reaction.js';
import { forgetDeliveries } from './webhooks/store.js';
import { deleteSuspension } from './tenants/store.js';
import { apiReaction, consumerReaction, subscriptionReaction, tenantReaction, type Written } from './subscriptions/reaction.js';

type Reaction = (trx: Trx, cp: ControlPlane, actor: Actor, written: Written) => Promise<void>;

/** Run after a creation or update was written, and before a deletion is. */
export const REACTIONS: Readonly<Record<string, Reaction>> = {
  Tenant: async (trx, cp, actor, written) => {
    await tenantReaction(trx, cp, actor, written);
    if (written.after !== undefined || written.before === undefined) return;
    await forgetTenant(trx, written.id);
    await deleteSuspension(trx, written.id);
    await deleteLinksOf(trx, written.before.name);
    await forgetDeliveries(trx, { tenant: written.before.name });
  },
  API: apiReaction,
  Consumer: async (trx, cp, actor, written) => {
    await consumerReaction(trx, cp, actor, written);
    await accountReaction(trx, written);
  },
  Subscription: subscriptionReaction,
  Webhook: async (trx, _cp, _actor, { after, id }) => {
    if (after === undefined) await forgetDeliveries(trx, { webhook: id });
  },
};
