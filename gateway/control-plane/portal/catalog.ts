/** What a portal offers: the APIs that are served, and the plans in which they can be had. Nothing of upstreams, policies or other consumers. */
import type { StoredResource } from '../../../schema/change.js';
import type { ApiSpec } from '../../../schema/kinds/api.js';
import type { PlanSpec } from '../../../schema/kinds/plan.js';
import type { TenantSpec } from '../../../schema/kinds/tenant.js';
import type { RateLimit } from '../../../schema/rate-limit.js';
import { publicUrls } from '../apis/public-url.js';
import type { ControlPlane } from '../context.js';
import { scaled, scaledLimit } from '../metrics/usage.js';
import { listResources } from '../resources/store.js';

/** More than one person looks through. */
const MOST = 1000;

/** An API as its subscribers see it. */
export interface ApiView {
  readonly name: string;
  readonly title: string;
  readonly version: string | null;
  readonly description: string | null;
  readonly url: string;
  readonly needs_key: boolean;
}

/** Limits as a gateway holds them, the factor of the tenant on each. */
export interface LimitsView {
  readonly rate_limit: RateLimit | null;
  readonly daily_quota: number | null;
  readonly monthly_quota: number | null;
}

export interface PlanView extends LimitsView {
  readonly name: string;
  readonly title: string;
  readonly description: string | null;
}

/** The APIs of a tenant that are served, by name. */
export async function offeredApis(cp: ControlPlane, tenant: StoredResource): Promise<ApiView[]> {
  const apis = await listResources(cp.db, { kind: 'API', tenant: tenant.name }, 0, MOST);
  const urls = await publicUrls(cp, apis);
  return apis.flatMap(({ id, name, spec }) => {
    const { display_name, version, description, activated, auth_required } = spec as unknown as ApiSpec;
    if (!activated) return [];
    const said = { title: display_name ?? name, version: version ?? null, description: description ?? null };
    return [{ name, ...said, url: urls.get(id) ?? '', needs_key: auth_required }];
  });
}

/** The plans that a tenant has declared, by name. */
export async function offeredPlans({ db }: ControlPlane, tenant: StoredResource): Promise<PlanView[]> {
  const plans = await listResources(db, { kind: 'Plan', tenant: tenant.name }, 0, MOST);
  return plans.map(({ name, spec }) => {
    const { display_name, description, rate_limit, quota } = spec as unknown as PlanSpec;
    return {
      name,
      title: display_name ?? name,
      description: description ?? null,
      rate_limit: rate_limit === undefined ? null : scaledLimit(rate_limit, factorOf(tenant)),
      daily_quota: scaled(quota?.daily, factorOf(tenant)) ?? null,
      monthly_quota: scaled(quota?.monthly, factorOf(tenant)) ?? null,
    };
  });
}

/** What multiplies every limit of a tenant. */
export const factorOf = ({ spec }: StoredResource): number => (spec as unknown as TenantSpec).settings.rate_limit_multiplier ?? 1;
