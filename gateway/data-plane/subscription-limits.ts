/** Limits that belong to a subscription itself: set at its approval, and those of its plan. Both count per subscription. */
import type { Catalog } from '../../schema/catalog.js';
import { isBuiltinPlan, type PlanSpec } from '../../schema/kinds/plan.js';
import { normalizeRateLimit, scale, type RateLimit } from '../../schema/rate-limit.js';
import { keyOf } from '../../schema/resource.js';
import type { SyncResource, SyncSubscription } from '../../schema/sync.js';
import type { Exchange, Hooks, QuotaLimits } from '../policies/contract.js';
import { limitHooks } from '../policies/rate-limit.js';
import { policyServices } from './hooks.js';
import { errorReply } from './own-routes.js';
import type { QuotaTable } from './quotas.js';
import type { RuntimeState } from './runtime-state.js';

/** The limits of a subscription, with what they were made of. */
export interface SubscriptionLimits {
  readonly hooks: readonly Hooks[];
  readonly plan: SyncResource | undefined;
  readonly multiplier: number;
}

/** `known` are the limits that were made of the same subscription before: the answer as long as they hold. */
export type LimitsOf = (subscription: SyncSubscription, known?: SubscriptionLimits) => SubscriptionLimits;
export type QuotaOf = (subscription: SyncSubscription) => QuotaLimits | undefined;

interface LimitSources {
  readonly catalog: Catalog;
  readonly state: RuntimeState;
  now(): number;
  readonly resources: ReadonlyMap<string, SyncResource>;
  readonly quotas: QuotaTable;
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
    const services = policyServices(state, now, { tenant, key, multiplier: multiplier(tenant) });
    return limitHooks(services.limiter({ limit, windowSeconds, burst }), services, bySubscription);
  };
  const quotaOf = createQuotaOf(sources);
  const hooksOf = (subscription: SyncSubscription): readonly Hooks[] => {
    const { id, tenant, rate_limit, plan } = subscription;
    const approved = rate_limit === undefined ? [] : [hooks(tenant, APPROVAL, { limit: rate_limit, window_secs: HOUR_SECONDS, burst: 0 })];
    const spec = plan === undefined ? undefined : readPlan(sources, tenant, plan);
    if (spec === 'unreadable') return [REFUSED];
    const planned = spec?.rate_limit === undefined ? [] : [hooks(tenant, PLAN, normalizeRateLimit(spec.rate_limit))];
    const quota = quotaOf(subscription);
    return [...approved, ...planned, ...(quota === undefined ? [] : [sources.quotas.hooks(id, quota)])];
  };
  return (subscription, known) => {
    const plan = planOf(sources, subscription);
    const factor = multiplier(subscription.tenant);
    return known?.plan === plan && known?.multiplier === factor ? known : { hooks: hooksOf(subscription), plan, multiplier: factor };
  };
}

const planOf = ({ resources }: Pick<LimitSources, 'resources'>, { tenant, plan }: SyncSubscription): SyncResource | undefined =>
  plan === undefined ? undefined : resources.get(keyOf({ kind: 'Plan', tenant, name: plan }));

/** The quota of a subscription: that of its approval is monthly; of two for the month the smaller one rules. */
export function createQuotaOf(sources: Pick<LimitSources, 'catalog' | 'resources' | 'multiplier'>): QuotaOf {
  return ({ tenant, quota, plan }) => {
    const spec = plan === undefined ? undefined : readPlan(sources, tenant, plan);
    const planned = spec === undefined || spec === 'unreadable' ? undefined : spec.quota;
    const daily = planned?.daily;
    const monthly = quota === undefined ? planned?.monthly : Math.min(quota, planned?.monthly ?? quota);
    if (daily === undefined && monthly === undefined) return undefined;
    const factor = sources.multiplier(tenant);
    return { daily: scale(daily, factor), monthly: scale(monthly, factor) };
  };
}

function readPlan(
  { catalog, resources }: Pick<LimitSources, 'catalog' | 'resources'>,
  tenant: string,
  name: string,
): PlanSpec | 'unreadable' | undefined {
  const resource = resources.get(keyOf({ kind: 'Plan', tenant, name }));
  if (resource === undefined) return isBuiltinPlan(name) ? undefined : 'unreadable';
  const parsed = catalog.find('Plan')?.spec.safeParse(resource.spec);
  return parsed?.success === true ? (parsed.data as PlanSpec) : 'unreadable';
}
