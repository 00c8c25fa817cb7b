/** Suspends and resumes a tenant: its APIs stop and start again at every gateway; keys, limits and what was used stay as they are. */
import type { StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import { keyOf } from '../../../schema/resource.js';
import { recordAudit } from '../audit/store.js';
import { commit, type Actor, type ControlPlane, type Trx } from '../context.js';
import { appendChanges } from '../gateways/store.js';
import { deleteSuspension, insertSuspension } from './store.js';

/** Stops the traffic of a tenant. Throws `conflict` when it is suspended. */
export function suspendTenant(cp: ControlPlane, actor: Actor, tenant: StoredResource, reason: string | undefined): Promise<void> {
  return commit(cp, async (trx) => {
    const suspension = { id: tenant.id, reason: reason ?? null, suspended_at: new Date(cp.now()).toISOString() };
    if (!(await insertSuspension(trx, suspension))) {
      throw new StoaError('conflict', `Tenant ${tenant.name} is suspended already.`, { hint: 'Only an active tenant can be suspended.' });
    }
    await record(cp, trx, actor, tenant, { action: 'tenant.suspended', before: 'active', after: 'suspended', reason });
  });
}

/** Lets the traffic of a tenant go on. Throws `conflict` when it is not suspended. */
export function resumeTenant(cp: ControlPlane, actor: Actor, tenant: StoredResource, reason: string | undefined): Promise<void> {
  return commit(cp, async (trx) => {
    if (!(await deleteSuspension(trx, tenant.id))) {
      throw new StoaError('conflict', `Tenant ${tenant.name} is active.`, { hint: 'Only a suspended tenant can be resumed.' });
    }
    await record(cp, trx, actor, tenant, { action: 'tenant.resumed', before: 'suspended', after: 'active', reason });
  });
}

interface Step {
  readonly action: string;
  readonly before: string;
  readonly after: string;
  readonly reason: string | undefined;
}

async function record(
  cp: ControlPlane,
  trx: Trx,
  actor: Actor,
  tenant: StoredResource,
  { action, before, after, reason }: Step,
): Promise<void> {
  const key = keyOf(tenant);
  await appendChanges(trx, 'resource', [key]);
  const details = { before: { status: before }, after: { status: after }, reason };
  await recordAudit(trx, { tenant: tenant.name, action, resource: tenant.id, key, actor, details, at: cp.now() });
}
