/** The tenant of a request: found by id or name, and visible only to those who belong to it. */
import { StoaError } from '../../../schema/error.js';
import type { StoredResource } from '../../../schema/change.js';
import type { Actor, Db } from '../context.js';
import { findGoneTenant } from '../resources/revision-store.js';
import { findTenant } from '../resources/store.js';

/** The tenant by id or name. Throws `not_found` when there is none, or when the actor belongs to another one. */
export async function requireTenant(db: Db, actor: Actor, idOrName: string): Promise<StoredResource> {
  const tenant = await findTenant(db, idOrName);
  if (tenant !== undefined && mayEnter(actor, tenant.name)) return tenant;
  throw new StoaError('not_found', `Tenant "${idOrName}" does not exist.`);
}

/** The same, also of one that was deleted, as it was last: for those of the platform. The tenant that has its name now goes before. */
export async function requireTenantEver(db: Db, actor: Actor, idOrName: string): Promise<StoredResource> {
  const isGone = actor.tenant === undefined && (await findTenant(db, idOrName)) === undefined;
  return (isGone ? await findGoneTenant(db, idOrName) : undefined) ?? requireTenant(db, actor, idOrName);
}

/** Whether the actor sees the tenant of this name. */
export const mayEnter = (actor: Actor, tenant: string): boolean => actor.tenant === undefined || actor.tenant === tenant;
