/** Which API answers at a path that several versions share. */
import type { StoredResource } from '../../../schema/change.js';
import type { ApiSpec } from '../../../schema/kinds/api.js';
import type { Db } from '../context.js';

/** Ids of the APIs that hold the unversioned prefix of these APIs' paths: one without a version, else the one created first (decision K16). */
export async function firstOfPaths(db: Db, tenant: string, apis: readonly StoredResource[]): Promise<ReadonlySet<string>> {
  const first = new Set<string>();
  for (const path of new Set(apis.map(({ spec }) => (spec as unknown as ApiSpec).path))) {
    const claimants = await claimantsOf(db, tenant, path);
    const same = claimants.map(({ id, spec }) => ({ id, spec: JSON.parse(spec) as ApiSpec })).filter(({ spec }) => spec.path === path);
    const holder = same.find(({ spec }) => spec.version === undefined) ?? same[0];
    if (holder !== undefined) first.add(holder.id);
  }
  return first;
}

/** The APIs with a claim at a path or below it, the eldest first. One path a statement: for more, SQLite reads every claim of the tenant instead of the index. */
function claimantsOf(db: Db, tenant: string, path: string): Promise<{ readonly id: string; readonly spec: string }[]> {
  const below = path === '/' ? 'path /' : `path ${path}/`;
  return db
    .selectFrom('resource_claims as held')
    .innerJoin('resources as api', 'api.id', 'held.resource_id')
    .select(['api.id', 'api.spec'])
    .where('held.tenant', '=', tenant)
    .where('held.kind', '=', 'API')
    .where((claim) => claim.or([claim('held.claim', '=', `path ${path}`), claim.between('held.claim', below, `${below}\u{10ffff}`)]))
    .orderBy('api.created_at')
    .orderBy('api.id')
    .execute();
}
