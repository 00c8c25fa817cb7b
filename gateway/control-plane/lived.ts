/** What lives beside a declared resource, kind by kind, for `describe`. */
import type { StoredResource } from '../../schema/change.js';
import type { ControlPlane } from './context.js';
import { keysOfConsumers } from './api-keys/consumers.js';
import { suspensionsOf } from './tenants/store.js';
import { findSubscriptions } from './subscriptions/store.js';
import { viewSubscription } from './subscriptions/view.js';

const LIVED: Readonly<Record<string, (cp: ControlPlane, resource: StoredResource) => Promise<object | undefined>>> = {
  Tenant: async (cp, { id }) => {
    const suspension = (await suspensionsOf(cp.db, [id])).get(id);
    if (suspension === undefined) return { status: 'active' };
    return { status: 'suspended', reason: suspension.reason, suspended_at: suspension.suspended_at };
  },
  Subscription: async (cp, { tenant, id }) => {
    const [subscription] = await findSubscriptions(cp.db, tenant, id);
    return subscription === undefined ? undefined : viewSubscription(cp.db, subscription, cp.now());
  },
  Consumer: async (cp, { id }) => (await keysOfConsumers(cp.db, [id], cp.now())).get(id),
};

/** The lived state of a resource; empty where there is none. */
export async function livedStateOf(cp: ControlPlane, resource: StoredResource): Promise<object> {
  return (await LIVED[resource.kind]?.(cp, resource)) ?? {};
}
