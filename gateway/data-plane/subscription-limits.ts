/** Limits that belong to a subscription itself: set at its approval, and those of its plan. Both count per subscription. */
import type { Catalog } from '../../schema/catalog.js';
import { isBuiltinPlan, type PlanSpec } from '../../schema/kinds/plan.js';
import { normalizeRateLimit, type RateLimit } from '../../schema/rate-limit.js';
import { keyOf } from '../../schema/resource.js';
import type { SyncResource, SyncSubscription } from '../../schema/sync.js';
import type { Exchange, Hooks } from '../policies/contract.js';
import { limitHooks } from '../policies/rate-limit.js';
import { policyServices } from './hooks.js';
import { errorReply } from './own-routes.js';
import type { RuntimeState } from './runtime-state.js';

export type LimitsOf = (subscription: SyncSubscription) => readonly Hooks[];

interface LimitSources {
  readonly catalog: Catalog;
  readonly state: RuntimeState;
  now(): number;
  readonly resources: ReadonlyMap<string, SyncResource>;
  /** Factor on every limit of a tenant. */
  multiplier(tenant: string): number;
}

/** All subscriptions count in two tables, under their ids: one table each would cost more than the counts. */
export const SUBSCRIPTION_COUNTERS = ['subscriptions approval', 'subscriptions plan'] as const;
const [APPROVAL, PLAN] = SUBSCRIPTION_COUNTERS;
const HOUR_SECONDS = 3600;

const REFUSED: Hooks = { request: () => errorReply('service_unavailable', 'The plan of this subscription cannot be read at the moment.') };
const bySubscription = ({ caller }: Exchange): string => caller?.subscriptionId ?? '';

/** Makes the limits of a subscription. A plan that cannot be read refuses: nothing is served without its limits. */
export function createLimitsOf(sources: LimitSources): LimitsOf {
  const { state, now, multiplier } = sources;
  const hooks = (tenant: string, key: string, { limit, window_secs: windowSeconds, burst }: RateLimit): Hooks => {
    const services = policyServices(state, now, key, multiplier(tenant));
    return limitHooks(services.limiter({ limit, windowSeconds, burst }), services, bySubscription);
  };
  return ({ tenant, rate_limit, plan }) => {
    const approved = rate_limit === undefined ? [] : [hooks(tenant, APPROVAL, { limit: rate_limit, window_secs: HOUR_SECONDS, burst: 0 })];
    const spec = plan === undefined ? undefined : readPlan(sources, tenant, plan);
    if (spec === 'unreadable') return [REFUSED];
    const planned = spec?.rate_limit === undefined ? [] : [hooks(tenant, PLAN, normalizeRateLimit(spec.rate_limit))];
    return [...approved, ...planned];
  };
}

function readPlan({ catalog, resources }: LimitSources, tenant: string, name: string): PlanSpec | 'unreadable' | undefined {
  const resource = resources.get(keyOf({ kind: 'Plan', tenant, name }));
  if (resource === undefined) return isBuiltinPlan(name) ? undefined : 'unreadable';
  const parsed = catalog.find('Plan')?.spec.safeParse(resource.spec);
  return parsed?.success === true ? (parsed.data as PlanSpec) : 'unreadable';
}
