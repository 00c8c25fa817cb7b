/** What a portal offers: the APIs that are served, and the plans in which they can be had. Nothing of upstreams, policies or other consumers. */
import type { StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import type { ApiSpec } from '../../../schema/kinds/api.js';
import type { PlanSpec } from '../../../schema/kinds/plan.js';
import { scale, scaleRateLimit } from '../../../schema/rate-limit.js';
import { publicUrls } from '../apis/public-url.js';
import type { ControlPlane, Db } from '../context.js';
import { factorOf } from '../metrics/usage.js';
import { listResources, resourcesByKey } from '../resources/store.js';
import type { OfferedApi, OfferedPlan } from './shapes.js';

/** More than one person looks through. */
const MOST = 1000;

/** The APIs of a tenant that are served, by name. */
export async function offeredApis(cp: ControlPlane, tenant: StoredResource): Promise<OfferedApi[]> {
  const apis = await listResources(cp.db, { kind: 'API', tenant: tenant.name }, 0, MOST);
  const urls = await publicUrls(cp, apis);
  return apis.flatMap(({ id, name, spec }) => {
    const { display_name, version, description, activated, auth_required } = spec as unknown as ApiSpec;
    if (!activated) return [];
    const said = { title: display_name ?? name, version: version ?? null, description: description ?? null };
    return [{ name, ...said, url: urls.get(id) ?? '', needs_key: auth_required }];
  });
}

/** An API that is served, by its name. Throws `not_found`. */
export async function requireOffered(db: Db, { name: tenant }: StoredResource, name: string): Promise<StoredResource> {
  const [api] = await resourcesByKey(db, [{ kind: 'API', tenant, name }]);
  if ((api?.spec as ApiSpec | undefined)?.activated === true && api !== undefined) return api;
  throw new StoaError('not_found', `There is no API "${name}".`);
}

/** The names of the plans that a tenant has declared. */
export const offeredPlanNames = async (db: Db, { name: tenant }: StoredResource): Promise<string[]> =>
  (await listResources(db, { kind: 'Plan', tenant }, 0, MOST)).map(({ name }) => name);

/** The plans that a tenant has declared, by name. */
export async function offeredPlans({ db }: ControlPlane, tenant: StoredResource): Promise<OfferedPlan[]> {
  const plans = await listResources(db, { kind: 'Plan', tenant: tenant.name }, 0, MOST);
  const factor = factorOf(tenant);
  return plans.map(({ name, spec }) => {
    const { display_name, description, rate_limit, quota } = spec as unknown as PlanSpec;
    return {
      name,
      title: display_name ?? name,
      description: description ?? null,
      rate_limit: rate_limit === undefined ? null : scaleRateLimit(rate_limit, factor),
      daily_quota: scale(quota?.daily, factor) ?? null,
      monthly_quota: scale(quota?.monthly, factor) ?? null,
    };
  });
}
