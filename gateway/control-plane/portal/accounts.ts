/** Asking for access, and the secret by which a consumer signs in: made by themselves, or for them by their owner (row UI1). */
import * as z from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import { keyOf } from '../../../schema/resource.js';
import { recordAudit } from '../audit/store.js';
import { addConsumer } from '../consumers/service.js';
import { commit, type Actor, type ControlPlane, type Trx } from '../context.js';
import { deleteResource } from '../resources/put.js';
import { requireResource } from '../resources/rest.js';
import { randomPart } from '../resource-id.js';
import { findById } from '../resources/store.js';
import { actorOf, newSecret, SIGN_IN_MS } from './access.js';
import { MAX_UNPROVEN } from './limits.js';
import type { SignIn } from './shapes.js';
import { lineOfText } from './text.js';
import { findIdle, putAccount, unprovenOf } from './store.js';

/** What a person says of themselves. */
export const accessBody = z.strictObject({
  name: lineOfText,
  email: z.email('Expected an e-mail address.').max(320, 'Expected an e-mail address.'),
});

const STRANGER = 'visitor of the portal';
const IDLE_MS = 7 * 24 * 3_600_000;
const WAITING_MS = 30 * 24 * 3_600_000;
/** So often who is idle is forgotten. */
const FORGETTING_MS = 3_600_000;
/** Consumers that one run forgets: what is left has time until the next. */
const BATCH = 50;

/**
 * Makes a consumer of somebody who asks for access, under a name that is made for them, and signs them in. The same address twice is two consumers: nobody
 * learns who is known. Throws `validation_error`, and `rate_limited` when too many wait already.
 */
export async function register(
  cp: ControlPlane,
  tenant: StoredResource,
  { name, email }: z.output<typeof accessBody>,
  { network, requestId }: { readonly network: string | null; readonly requestId: string },
): Promise<SignIn> {
  // Never a name of their choice: a repository that declares a consumer of that name later would adopt the stranger.
  const id = `portal-${randomPart()}`;
  const stranger: Actor = { name: STRANGER, roles: [], tenant: tenant.name, requestId };
  return commit(cp, async (trx) => {
    await requirePlace({ db: trx, now: cp.now }, tenant.name, network);
    const fields = { name: id, external_id: id, display_name: name, email, consumer_metadata: { registered_by: 'portal' } };
    const consumer = await addConsumer(cp, trx, stranger, tenant.name, fields);
    return addSignIn(cp, trx, actorOf(consumer, requestId), consumer, { network });
  });
}

/** Makes a new secret for a consumer; the one before ends with it, in every browser. Throws `not_found`. */
export function renewSignIn(cp: ControlPlane, actor: Actor, tenant: string, idOrName: string): Promise<SignIn> {
  return commit(cp, async (trx) => addSignIn(cp, trx, actor, await requireResource(trx, 'Consumer', tenant, idOrName)));
}

/**
 * Places are taken by the tenant and, where there is one, by the network: what comes from one of them leaves the others theirs. A place is free when its holder
 * is approved or forgotten. Throws `rate_limited`.
 */
export async function requirePlace(cp: Pick<ControlPlane, 'db' | 'now'>, tenant: string, network: string | null): Promise<void> {
  if (network !== null) {
    const { count, oldest } = await unprovenOf(cp.db, tenant, network);
    if (count >= MAX_UNPROVEN.network) throw noPlace('Too many wait for access from your network already.', oldest, cp.now());
  }
  const { count, oldest } = await unprovenOf(cp.db, tenant);
  if (count >= MAX_UNPROVEN.tenant) throw noPlace('Too many wait for access here already.', oldest, cp.now());
}

/** Sooner than the oldest is forgotten no place becomes free by itself. */
function noPlace(message: string, oldest: string, now: number): StoaError {
  const waitMs = Math.max(FORGETTING_MS, Date.parse(oldest) + IDLE_MS - now);
  return new StoaError('rate_limited', message, { hint: 'Ask whoever sent you here.', retryAfter: Math.ceil(waitMs / 1000) });
}

/** `self`: who came by themselves, and from which network; undefined for a secret that the owner makes. */
async function addSignIn(
  cp: ControlPlane,
  trx: Trx,
  actor: Actor,
  consumer: StoredResource,
  self?: { readonly network: string | null },
): Promise<SignIn> {
  const { id, tenant, name } = consumer;
  const [at, expires_at] = [cp.now(), cp.now() + SIGN_IN_MS].map((ms) => new Date(ms).toISOString()) as [string, string];
  const { secret, digest } = newSecret();
  await putAccount(trx, {
    consumer_id: id,
    tenant,
    digest,
    self_registered: self === undefined ? 0 : 1,
    network: self?.network ?? null,
    created_at: at,
    expires_at,
  });
  const key = keyOf({ kind: 'Consumer', tenant, name });
  const entry = { tenant, action: 'consumer.sign_in_link_created', resource: id, key, actor, consumer: name };
  await recordAudit(trx, { ...entry, details: { expires_at }, at: cp.now() });
  return { secret, expires_at };
}

/** Notes that a sign-in link was opened. */
export function noteSignIn(cp: ControlPlane, { id, tenant, name }: StoredResource, actor: Actor): Promise<void> {
  const key = keyOf({ kind: 'Consumer', tenant, name });
  return commit(cp, (trx) =>
    recordAudit(trx, { tenant, action: 'consumer.signed_in', resource: id, key, actor, consumer: name, at: cp.now() }),
  );
}

/**
 * Forgets those who came by themselves, were approved nowhere, and for a week have waited for nothing and been refused nothing. What nobody has looked at for 30
 * days is no longer waited for: what one address leaves behind does not close the portal to others for good.
 */
export async function forgetIdle(cp: ControlPlane, isStopped: () => boolean = () => false): Promise<void> {
  const actor: Actor = { name: 'portal', roles: [], tenant: undefined, requestId: 'forget-idle' };
  const ago = (ms: number): string => new Date(cp.now() - ms).toISOString();
  const idle = await findIdle(cp.db, { idleSince: ago(IDLE_MS), waitingSince: ago(WAITING_MS) }, BATCH);
  for (const id of idle) {
    if (isStopped()) return;
    await commit(cp, async (trx) => {
      const consumer = await findById(trx, 'Consumer', id);
      if (consumer !== undefined) await deleteResource(cp, trx, actor, consumer);
    }).catch((error: unknown) => {
      // Something protected hangs on it: it stays, and the others go.
      if (!(error instanceof StoaError && error.code === 'conflict')) throw error;
    });
  }
}
