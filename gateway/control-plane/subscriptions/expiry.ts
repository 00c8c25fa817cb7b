/** The end of a subscription that has one: exact at the gateways and in answers, noted and told by the sweeper. Moving the instant on renews it. */
import { keyOf } from '../../../schema/resource.js';
import type { SubscriptionStatus } from '../../../schema/sync.js';
import { recordAudit } from '../audit/store.js';
import { commit, type Actor, type ControlPlane, type Trx } from '../context.js';
import type { SubscriptionStateTable } from '../database/tables.js';
import { appendChanges } from '../gateways/store.js';
import { emit } from '../webhooks/outbox.js';
import { dueSubscriptions, findSubscriptions, updateState } from './store.js';

/** A clock that was wrong for a moment finds everything as it was: what is noted is noted this much later. */
const SETTLED_MS = 5 * 60_000;
const BATCH = 100;
const CLOCK: Actor = { name: 'control-plane', roles: [], tenant: undefined, requestId: '' };

/** The state at an instant: what is active counts as expired from its expiry on, before the sweeper has seen it. */
export function statusAt({ status, expires_at }: Pick<SubscriptionStateTable, 'status' | 'expires_at'>, now: number): SubscriptionStatus {
  return status === 'active' && isOver(expires_at, now) ? 'expired' : (status as SubscriptionStatus);
}

/** Whether an expiry has come. */
export const isOver = (expiresAt: string | null, now: number): boolean => expiresAt !== null && Date.parse(expiresAt) <= now;

/** The expiry of a spec as the state keeps it: UTC, so that it sorts. */
export const expiryOf = ({ expires_at }: { readonly expires_at?: string | undefined }): string | null =>
  expires_at === undefined ? null : new Date(expires_at).toISOString();

/** Takes over an expiry that was changed; one that lies ahead, or none, renews what had expired. */
export async function changeExpiry(trx: Trx, id: string, expires_at: string | null, now: number): Promise<void> {
  await updateState(trx, id, ['pending_approval', 'active', 'suspended', 'expired'], { expires_at });
  if (!isOver(expires_at, now)) await updateState(trx, id, ['expired'], { status: 'active', ended_at: null });
}

/** Notes and tells which subscriptions have expired. */
export async function expireSubscriptions(cp: ControlPlane): Promise<void> {
  const before = new Date(cp.now() - SETTLED_MS).toISOString();
  for (let found = BATCH; found === BATCH;) {
    const due = await dueSubscriptions(cp.db, before, BATCH);
    found = due.length;
    if (found > 0) await commit(cp, (trx) => expireAll(trx, due, cp.now()));
  }
}

async function expireAll(trx: Trx, ids: readonly string[], now: number): Promise<void> {
  for (const id of ids) {
    const [row] = await findSubscriptions(trx, undefined, id);
    if (row === undefined || !(await updateState(trx, id, ['active'], { status: 'expired', ended_at: row.expires_at }))) continue;
    const { tenant, name, consumer } = row;
    const details = { before: { status: 'active' }, after: { status: 'expired' }, expires_at: row.expires_at };
    const about = { tenant, resource: id, key: keyOf({ kind: 'Subscription', tenant, name }), ...(consumer === null ? {} : { consumer }) };
    await recordAudit(trx, { ...about, action: 'subscription.expired', actor: CLOCK, details, at: now });
    await emit(trx, 'subscription.expired', { ...row, status: 'expired' }, now);
  }
  await appendChanges(trx, 'subscription', ids);
}
