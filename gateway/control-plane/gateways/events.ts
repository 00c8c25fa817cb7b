/** Events of live traffic become audit rows: each counts once, however often a gateway delivers it. */
import { redactApiKeys } from '../../../schema/api-key.js';
import type { GatewayEvent } from '../../../schema/sync.js';
import { keyOf } from '../../../schema/resource.js';
import { auditDetails } from '../audit/details.js';
import { insertEvents } from '../audit/store.js';
import type { ControlPlane } from '../context.js';
import { namesById, type SubscriptionName } from '../subscriptions/store.js';
import { existingTenants } from './store.js';

export interface EventsReceipt {
  readonly received: number;
  /** How many had not been delivered before, and belong to a tenant that exists. */
  readonly stored: number;
}

/** Stores events in one transaction. An instant that lies ahead of our clock is set to now; events of unknown tenants are dropped. */
export function storeEvents(cp: ControlPlane, events: readonly GatewayEvent[]): Promise<EventsReceipt> {
  const now = cp.now();
  return cp.db.transaction().execute(async (trx) => {
    const tenants = await existingTenants(trx, [...new Set(events.map(({ tenant }) => tenant))]);
    const known = events.filter(({ tenant }) => tenants.has(tenant));
    const subscriptions = await namesById(trx, [...new Set(known.flatMap(({ subscription }) => subscription ?? []))]);
    const rows = known.map((event) => auditRow(event, subscriptions.get(event.subscription ?? ''), now));
    return { received: events.length, stored: await insertEvents(trx, rows) };
  });
}

/** Who called is the consumer, else the subscription, which document B's form has alone. */
function auditRow(event: GatewayEvent, named: SubscriptionName | undefined, now: number) {
  const { id, at, event_type, tenant, api, consumer, path, status, reason, request_id, count } = event;
  const own = named?.tenant === tenant ? named : undefined;
  const by = { subscription: own?.name, subscription_id: event.subscription, application: own?.application };
  return {
    tenant,
    action: event_type,
    event_type,
    resource: api ?? path,
    user: consumer ?? own?.name ?? 'anonymous',
    consumer: consumer ?? null,
    path,
    status,
    request_id: request_id === undefined ? null : redactApiKeys(request_id),
    resource_key: api === undefined ? null : keyOf({ kind: 'API', tenant, name: api }),
    source: 'gateway',
    project: null,
    git_commit: null,
    ci_run: null,
    details: auditDetails({ api, ...by, reason, count }),
    event_id: id,
    created_at: new Date(Math.min(Date.parse(at), now)).toISOString(),
  };
}
