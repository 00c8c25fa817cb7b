/** A subscription that is asked for over REST: the declared resource, its state, and its first key when nobody has to approve. */
import { StoaError } from '../../../schema/error.js';
import { issueKey } from '../api-keys/issue.js';
import { commit, type Actor, type ControlPlane, type Db, type Trx } from '../context.js';
import { appendChanges } from '../gateways/store.js';
import { futureInstant } from '../http/parse.js';
import { newResourceId } from '../resource-id.js';
import { putResource, type ResourceDraft } from '../resources/put.js';
import { tellOfNew } from './reaction.js';
import { requireSubscription } from './require.js';
import { findReferenced, updateState, type SubscriptionRow } from './store.js';
import type { StepResult } from './transitions.js';

export interface CreateRequest {
  /** Name of the tenant. */
  readonly tenant: string;
  /** Ids or names inside the tenant. */
  readonly api: string;
  readonly consumer?: string | undefined;
  readonly plan?: string | undefined;
  readonly application?: string | undefined;
  readonly callbackUrl?: string | undefined;
  /** ISO 8601, still to come. */
  readonly expiresAt?: string | undefined;
  /**
   * When it waits for approval: where its plan says so, also where it has no plan (decision K2: the flat form does the first, the nested one the second), or
   * always.
   */
  readonly waits: 'with such a plan' | 'without a plan too' | 'always';
}

/** Creates a subscription; active ones get their key, shown once. Throws `not_found` for an unknown API or consumer, `validation_error`. */
export function createSubscription(cp: ControlPlane, actor: Actor, request: CreateRequest): Promise<StepResult> {
  return commit(cp, (trx) => addSubscription(cp, trx, actor, request));
}

/** The same, in a transaction of somebody else. */
export async function addSubscription(cp: ControlPlane, trx: Trx, actor: Actor, request: CreateRequest): Promise<StepResult> {
  const { expiresAt, plan, waits } = request;
  if (expiresAt !== undefined) futureInstant('expires_at', expiresAt, cp.now());
  const id = newResourceId('Subscription');
  await putResource(cp, trx, actor, await draft(trx, id, request), { isNew: true, id });
  if (waits === 'always' || (waits === 'without a plan too' && plan === undefined)) await holdBack(trx, id);
  const row = await requireSubscription(trx, request.tenant, id);
  await tellOfNew(trx, [row], cp.now());
  return { row, secret: await firstKey(trx, row, cp.now()) };
}

async function draft(db: Db, name: string, request: CreateRequest): Promise<ResourceDraft> {
  const { tenant, plan, application, callbackUrl, expiresAt } = request;
  const api = await requireName(db, tenant, 'API', request.api);
  const consumer = request.consumer === undefined ? undefined : await requireName(db, tenant, 'Consumer', request.consumer);
  return {
    kind: 'Subscription',
    tenant,
    name,
    spec: { api, consumer, plan, application, callback_url: callbackUrl, expires_at: expiresAt },
  };
}

async function requireName(db: Db, tenant: string, kind: string, idOrName: string): Promise<string> {
  const found = await findReferenced(db, tenant, kind, idOrName);
  if (found !== undefined) return found.name;
  throw new StoaError('not_found', `${kind} "${idOrName}" does not exist in tenant "${tenant}".`);
}

async function holdBack(trx: Trx, id: string): Promise<void> {
  await updateState(trx, id, ['active'], { status: 'pending_approval', approved_at: null });
  await appendChanges(trx, 'subscription', [id]);
}

async function firstKey(trx: Trx, { id, tenant, status }: SubscriptionRow, now: number): Promise<string | null> {
  return status === 'active' ? (await issueKey(trx, { tenant, subscription: id }, now)).secret : null;
}
