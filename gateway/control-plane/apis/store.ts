/** Which API answers at a path that several versions share. */
import type { StoredResource } from '../../../schema/change.js';
import type { ApiSpec } from '../../../schema/kinds/api.js';
import type { Db } from '../context.js';

/** Ids of the APIs that hold the unversioned prefix of these APIs' paths: the one created first (decision K16). */
export async function firstOfPaths(db: Db, tenant: string, apis: readonly StoredResource[]): Promise<ReadonlySet<string>> {
  const first = new Set<string>();
  for (const path of new Set(apis.map(({ spec }) => (spec as unknown as ApiSpec).path))) {
    const below = path === '/' ? 'path /' : `path ${path}/`;
    const rows = await db
      .selectFrom('resource_claims as held')
      .innerJoin('resources as api', 'api.id', 'held.resource_id')
      .select(['api.id', 'api.spec'])
      .where('held.tenant', '=', tenant)
      .where('held.kind', '=', 'API')
      .where((row) =>
        row.or([
          row('held.claim', '=', `path ${path}`),
          row.and([row('held.claim', '>=', below), row('held.claim', '<', `${below}\u{10ffff}`)]),
        ]),
      )
      .orderBy('api.created_at')
      .orderBy('api.id')
      .execute();
    const same = rows.filter(({ spec }) => (JSON.parse(spec) as ApiSpec).path === path);
    const holder = same.find(({ spec }) => (JSON.parse(spec) as ApiSpec).version === undefined) ?? same[0];
    if (holder !== undefined) first.add(holder.id);
  }
  return first;
}
