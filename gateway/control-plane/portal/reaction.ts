/** What a write of a consumer does to their sign-in. */
import type { StoredResource } from '../../../schema/change.js';
import type { ConsumerSpec } from '../../../schema/kinds/consumer.js';
import type { Trx } from '../context.js';
import type { Written } from '../subscriptions/reaction.js';
import { deleteAccount, endSelfRegistered } from './store.js';

/**
 * Ends the sign-in with its consumer; that of a stranger also when a repository takes the consumer over, or its `external_id` changes: from then on the
 * consumer is whom its owner means, and the owner makes the link.
 */
export async function accountReaction(trx: Trx, { before, after, id }: Written): Promise<void> {
  if (after === undefined) await deleteAccount(trx, id);
  else if (before !== undefined && identityOf(before) !== identityOf(after)) await endSelfRegistered(trx, id);
}

const identityOf = ({ managed_by, spec }: StoredResource): string =>
  JSON.stringify([managed_by, (spec as unknown as ConsumerSpec).external_id ?? null]);
