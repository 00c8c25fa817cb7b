/** What a consumer does with their own subscriptions: ask for one, look at them, see the key once, make a new one (rows UI3, UI4). */
import * as z from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import { scale } from '../../../schema/rate-limit.js';
import { sealTo, sealingKey } from '../api-keys/sealed.js';
import { deleteSealed, sealedKeysOf } from '../api-keys/sealed-store.js';
import { rotateKey, type RotationResult } from '../api-keys/service.js';
import { promisedKey } from '../api-keys/rotation.js';
import { lastCreation, liveKeys } from '../api-keys/store.js';
import { currentKey } from '../api-keys/validity.js';
import { recordAudit } from '../audit/store.js';
import { commit, type ControlPlane, type Trx } from '../context.js';
import { invalidField } from '../http/parse.js';
import { requestsOfMonth } from '../metrics/store.js';
import { factorOf } from '../metrics/usage.js';
import { addSubscription } from '../subscriptions/create.js';
import { statusAt } from '../subscriptions/expiry.js';
import { findSubscriptions, listSubscriptions, statesOf, type SubscriptionRow } from '../subscriptions/store.js';
import { viewSubscriptions } from '../subscriptions/view.js';
import type { Visitor } from './access.js';
import { lineOfText } from './text.js';
import { offeredPlanNames, requireOffered } from './catalog.js';
import { LIVE, type Subscription } from './shapes.js';

export const subscribeBody = z.strictObject({
  api: z.string().min(1).max(200),
  plan: z.string().min(1).max(200).optional(),
  application: lineOfText.optional(),
  public_key: sealingKey.optional(),
});

export const newKeyBody = z.strictObject({
  grace_period_hours: z.int().min(1).max(168).default(24),
  force: z.boolean().default(false),
});

/** Subscriptions that one page shows. */
const MOST = 200;

/** Asks for a subscription: it waits for its owner whatever its plan says. Throws `not_found`, `conflict` when there is one already, `validation_error`. */
export async function subscribe(
  cp: ControlPlane,
  { tenant, consumer, actor }: Visitor,
  { api, plan, application, public_key }: z.output<typeof subscribeBody>,
): Promise<{ readonly id: string }> {
  return commit(cp, async (trx) => {
    const { id } = await requireOffered(trx, tenant, api);
    await requirePlan(trx, tenant, plan);
    await requireNone(trx, tenant.name, consumer.name, api, cp.now());
    const request = { tenant: tenant.name, api: id, consumer: consumer.id, plan, application, waits: 'always' } as const;
    const { row } = await addSubscription(cp, trx, actor, request);
    if (public_key !== undefined) await sealTo(trx, row.id, public_key);
    return { id: row.id };
  });
}

async function requirePlan(trx: Trx, tenant: StoredResource, plan: string | undefined): Promise<void> {
  const offered = await offeredPlanNames(trx, tenant);
  if (plan === undefined ? offered.length === 0 : offered.includes(plan)) return;
  throw invalidField(
    'plan',
    offered.length === 0 ? 'There are no plans to choose from.' : `Choose one of the plans: ${offered.join(', ')}.`,
  );
}

async function requireNone(trx: Trx, tenant: string, consumer: string, api: string, now: number): Promise<void> {
  const known = (await statesOf(trx, { tenant, consumer, api })).find((state) => LIVE.includes(statusAt(state, now)));
  if (known === undefined) return;
  throw new StoaError('conflict', `You have a subscription to "${api}" already.`, { hint: 'It is among your subscriptions.' });
}

/** The subscriptions of a consumer, the newest first. */
export async function ownSubscriptions(cp: ControlPlane, { tenant, consumer }: Visitor): Promise<Subscription[]> {
  const rows = await listSubscriptions(cp.db, { tenant: tenant.name, consumer: consumer.name }, { offset: 0, limit: MOST });
  const sealed = await sealedKeysOf(
    cp.db,
    rows.map(({ id }) => id),
  );
  const sealedTo = new Map(sealed.flatMap((each) => (each.ciphertext === null ? [] : [[each.subscription_id, xOf(each.public_key)]])));
  const month = new Date(cp.now()).toISOString().slice(0, 7);
  const used = await requestsOfMonth(
    cp.db,
    rows.map(({ id }) => id),
    month,
  );
  const factor = factorOf(tenant);
  return (await viewSubscriptions(cp.db, rows, cp.now())).map((view) => ({
    id: view.id,
    api: view.api,
    plan: view.plan,
    application: view.application,
    status: view.status,
    reason: view.status === 'rejected' ? view.reason : null,
    api_key_prefix: view.api_key_prefix,
    previous_key_expires_at: view.previous_key_expires_at,
    sealed_to: sealedTo.get(view.id) ?? null,
    rate_limit: view.rate_limit === null ? null : scale(view.rate_limit, factor),
    quota: view.quota === null ? null : scale(view.quota, factor),
    requests_this_month: used.get(view.id) ?? 0,
    created_at: view.created_at,
    expires_at: view.expires_at,
  }));
}

const xOf = (publicKey: string): string => (JSON.parse(publicKey) as { readonly x: string }).x;

/** Gives the sealed key to the first who asks, and forgets it. Throws `not_found`, `gone`. */
export function takeSealedKey(cp: ControlPlane, visitor: Visitor, id: string): Promise<{ readonly jwe: string }> {
  return commit(cp, async (trx) => {
    const { tenant, consumer } = await requireOwn(trx, visitor, id);
    const [sealed] = await sealedKeysOf(trx, [id]);
    if (sealed === undefined || sealed.ciphertext === null)
      throw new StoaError('gone', 'The key has been shown, or is not there any more.', { hint: 'Make a new key.' });
    await deleteSealed(trx, [id]);
    const named = consumer === null ? {} : { consumer };
    const { actor } = visitor;
    await recordAudit(trx, { tenant, action: 'api_key.shown', resource: sealed.key_id ?? id, actor, ...named, at: cp.now() });
    return { jwe: sealed.ciphertext };
  });
}

/**
 * Makes a new key; the one before lives on for its grace window, and its end, where the owner has set one, is that of the new one too. Throws `not_found`, and
 * `conflict`, also when the last key was cut off by the owner or is past its end: that is for them to undo.
 */
export function makeNewKey(
  cp: ControlPlane,
  visitor: Visitor,
  id: string,
  { grace_period_hours, force }: z.output<typeof newKeyBody>,
): Promise<RotationResult> {
  const find = async (trx: Trx) => {
    const subscription = await requireOwn(trx, visitor, id);
    await requireRenewable(trx, subscription, force, cp.now());
    return { subscription };
  };
  return rotateKey(cp, visitor.actor, { find, graceHours: grace_period_hours, force, keepsEnd: true });
}

/** What a rotation refuses too, in words for who knows neither subscriptions by id nor REST. */
async function requireRenewable(trx: Trx, subscription: SubscriptionRow, force: boolean, now: number): Promise<void> {
  if (statusAt(subscription, now) !== 'active')
    throw new StoaError('conflict', 'Your subscription is not active.', { hint: 'A key can be made while it is.' });
  const keys = await liveKeys(trx, [subscription.id]);
  const current = currentKey(keys, now);
  const promised = current === undefined || force ? undefined : promisedKey(keys, current, now);
  if (promised !== undefined)
    throw new StoaError('conflict', `The key before your present one, ${promised.prefix}…, works until ${promised.not_after ?? ''}.`, {
      hint: 'Make a new key after that, or end that one now.',
    });
  if (current !== undefined || (await lastCreation(trx, subscription.id)) === undefined) return;
  throw new StoaError('conflict', 'Your key was ended, or is past its end.', { hint: 'Ask whoever sent you here for a new one.' });
}

/** One's own subscription. Throws `not_found` for that of anybody else. */
async function requireOwn(trx: Trx, { tenant, consumer }: Visitor, id: string): Promise<SubscriptionRow> {
  const [row] = await findSubscriptions(trx, tenant.name, id);
  if (row?.consumer === consumer.name) return row;
  throw new StoaError('not_found', 'You have no such subscription.');
}
