/** What a write of declared state does to lived state, kind by kind, in the transaction of the write. */
import type { Actor, ControlPlane, Trx } from './context.js';
import { forgetTenant } from './metrics/store.js';
import { deleteLinksOf } from './one-time-links/store.js';
import { accountReaction } from './portal/reaction.js';
import { forgetDeliveries } from './webhooks/store.js';
import { deleteSuspension } from './tenants/store.js';
import { apiReaction, consumerReaction, subscriptionReaction, tenantReaction, type Written } from './subscriptions/reaction.js';

type ReactionToOne = (trx: Trx, cp: ControlPlane, actor: Actor, written: Written) => Promise<void>;
/** To all writes of its kind in one revision. */
type Reaction = (trx: Trx, cp: ControlPlane, actor: Actor, writes: readonly Written[]) => Promise<void>;

const each =
  (reaction: ReactionToOne): Reaction =>
  async (trx, cp, actor, writes) => {
    for (const written of writes) await reaction(trx, cp, actor, written);
  };

/** Run after creations and updates were written, and before deletions are. */
export const REACTIONS: Readonly<Record<string, Reaction>> = {
  Tenant: each(async (trx, cp, actor, written) => {
    await tenantReaction(trx, cp, actor, written);
    if (written.after !== undefined || written.before === undefined) return;
    await forgetTenant(trx, written.id);
    await deleteSuspension(trx, written.id);
    await deleteLinksOf(trx, written.before.name);
    await forgetDeliveries(trx, { tenant: written.before.name });
  }),
  API: each(apiReaction),
  Consumer: each(async (trx, cp, actor, written) => {
    await consumerReaction(trx, cp, actor, written);
    await accountReaction(trx, written);
  }),
  Subscription: subscriptionReaction,
  Webhook: each(async (trx, _cp, _actor, { after, id }) => {
    if (after === undefined) await forgetDeliveries(trx, { webhook: id });
  }),
};
