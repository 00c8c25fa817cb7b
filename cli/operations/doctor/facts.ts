/** What the control plane knows about the tenants that are looked at: read once, judged by the checks. */
import type { StoredResource } from '../../../schema/change.js';
import type { Client } from '../../client.js';
import type { SubscriptionRecord, TenantRecord } from '../../lived-client.js';
import type { AuditEntry } from '../../review-client.js';
import { listKeys, type KeyEntry } from '../keys.js';

const HOURS = '24';
const EVENTS = 500;

export interface TenantFacts {
  readonly tenant: TenantRecord;
  readonly name: string;
  readonly apis: readonly StoredResource[];
  readonly policies: readonly StoredResource[];
  readonly plans: readonly StoredResource[];
  readonly consumers: readonly StoredResource[];
  readonly subscriptions: readonly SubscriptionRecord[];
  readonly keys: readonly KeyEntry[];
  /** Refused and failed requests of the last day, newest first, each type at most 500. */
  readonly events: Readonly<Record<'auth_failed' | 'backend_error' | 'rate_limit_exceeded', readonly AuditEntry[]>>;
}

/** Reads one tenant. Throws `not_found`, and what the control plane answers. */
export async function factsOf(name: string, consumer: string | undefined, now: number, client: Client): Promise<TenantFacts> {
  const resources = await client.list({ tenant: name });
  const of = (kind: string): StoredResource[] => resources.filter((resource) => resource.kind === kind && resource.tenant === name);
  const events = async (event_type: string): Promise<AuditEntry[]> =>
    (await client.review.audit(name, { event_type, consumer, hours: HOURS }, EVENTS)).entries;
  const [subscriptions, { keys }, auth_failed, backend_error, rate_limit_exceeded, tenant] = await Promise.all([
    client.lived.subscriptions(name, {}),
    listKeys({ tenant: name, subscription: undefined, now }, client),
    events('auth_failed'),
    events('backend_error'),
    events('rate_limit_exceeded'),
    client.lived.tenant(name),
  ]);
  return {
    tenant,
    name,
    apis: of('API'),
    policies: of('Policy'),
    plans: of('Plan'),
    consumers: of('Consumer'),
    subscriptions,
    keys,
    events: { auth_failed, backend_error, rate_limit_exceeded },
  };
}

/** Path of an API as clients call it. */
export const pathOf = (api: StoredResource): string => `/apis/${api.tenant}${api.spec['path'] === '/' ? '' : (api.spec['path'] as string)}`;
