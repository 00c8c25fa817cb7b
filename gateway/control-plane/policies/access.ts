/** Which policy a request means: below its tenant, or by its id alone. */
import type { StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import type { Actor, ControlPlane } from '../context.js';
import { requireResource } from '../resources/rest.js';
import { findById, findByName } from '../resources/store.js';
import { mayEnter, requireTenant } from '../tenants/access.js';

/** The policy by id or name. Without a tenant a name must be clear. Throws `not_found`, `conflict` when several tenants have the name. */
export async function requirePolicy(cp: ControlPlane, actor: Actor, idOrName: string, tenant?: string): Promise<StoredResource> {
  if (tenant !== undefined) return requireResource(cp.db, 'Policy', (await requireTenant(cp.db, actor, tenant)).name, idOrName);
  const byId = await findById(cp.db, 'Policy', idOrName);
  const found = (byId === undefined ? await findByName(cp.db, 'Policy', idOrName) : [byId]).filter((policy) =>
    mayEnter(actor, policy.tenant),
  );
  const [policy, another] = found;
  if (policy === undefined) throw new StoaError('not_found', `Policy "${idOrName}" does not exist.`);
  if (another === undefined) return policy;
  throw new StoaError('conflict', `Several tenants have a policy "${idOrName}".`, { hint: 'Name it by its id, or below its tenant.' });
}
