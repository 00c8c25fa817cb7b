/** Who may come in: the portal of a tenant, where it has one, and the consumer who is signed in there. */
import { createHash, randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import type { TenantSpec } from '../../../schema/kinds/tenant.js';
import type { Actor, ControlPlane, Db } from '../context.js';
import { findById, findTenant } from '../resources/store.js';
import { suspensionsOf } from '../tenants/store.js';
import { secretOf } from './cookie.js';
import { findAccount, openPortals } from './store.js';

const SECRET_BYTES = 32;
/** So long a sign-in lasts, and the link to it. */
export const SIGN_IN_MS = 90 * 24 * 3_600_000;

/** A consumer who is signed in. Everything that a portal shows and does is bound to these two. */
export interface Visitor {
  readonly tenant: StoredResource;
  readonly consumer: StoredResource;
  readonly actor: Actor;
}

/** A new secret of 256 bits, and what is kept of it. */
export function newSecret(): { readonly secret: string; readonly digest: string } {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { secret, digest: digestOf(secret) };
}

const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** Whether a tenant has not closed its portal. */
export const hasOpenPortal = ({ spec }: StoredResource): boolean => (spec as unknown as TenantSpec).settings.portal !== false;

/** Where the portal of a tenant is. */
export const portalUrl = ({ publicUrl }: Pick<ControlPlane, 'publicUrl'>, tenant: string): string => `${publicUrl}/portal/${tenant}`;

/** The tenant of a portal. Throws `not_found`, in the same words when there is no tenant of that name and when it has closed its portal. */
export async function requirePortal(db: Db, name: string): Promise<StoredResource> {
  const tenant = await findTenant(db, name);
  if (tenant?.name === name && hasOpenPortal(tenant)) return tenant;
  throw new StoaError('not_found', `There is no portal "${name}".`, { hint: 'Ask whoever sent you here for its address.' });
}

/** The name of the only tenant with a portal; undefined where there are several. */
export async function onlyPortal(db: Db): Promise<string | undefined> {
  const [only, another] = await openPortals(db, 2);
  return another === undefined ? only : undefined;
}

/** Whether a tenant is suspended, and its portal closed with it. */
export const isSuspended = async (db: Db, { id }: StoredResource): Promise<boolean> => (await suspensionsOf(db, [id])).size > 0;

/** Throws `forbidden` while a tenant is suspended. */
export async function requireRunning(db: Db, tenant: StoredResource): Promise<void> {
  if (!(await isSuspended(db, tenant))) return;
  throw new StoaError('forbidden', 'The portal is closed for the time being.', { hint: 'Try again later.' });
}

/** Who is signed in at the portal of a tenant; undefined when nobody is. */
export async function presentVisitor(cp: ControlPlane, tenant: StoredResource, request: FastifyRequest): Promise<Visitor | undefined> {
  const secret = secretOf(request);
  return secret === undefined ? undefined : findVisitor(cp, tenant, secret, request.id);
}

/** The same. Throws `unauthorized`. */
export async function requireVisitor(cp: ControlPlane, tenant: StoredResource, request: FastifyRequest): Promise<Visitor> {
  const visitor = await presentVisitor(cp, tenant, request);
  if (visitor !== undefined) return visitor;
  throw new StoaError('unauthorized', 'You are not signed in.', { hint: 'Ask for access, or open your sign-in link.' });
}

/** Whose secret this is; undefined when it is nobody's, another tenant's, replaced or past its end. */
export async function findVisitor(
  cp: ControlPlane,
  tenant: StoredResource,
  secret: string,
  requestId: string,
): Promise<Visitor | undefined> {
  const account = await findAccount(cp.db, digestOf(secret));
  if (account?.tenant !== tenant.name || Date.parse(account.expires_at) <= cp.now()) return undefined;
  const consumer = await findById(cp.db, 'Consumer', account.consumer_id);
  return consumer === undefined ? undefined : { tenant, consumer, actor: actorOf(consumer, requestId) };
}

/** A consumer as audit and log name them. No role: what they may do, the portal alone knows. */
export const actorOf = ({ name, tenant }: StoredResource, requestId: string): Actor => ({
  name: `consumer:${name}`,
  roles: [],
  tenant,
  requestId,
});
