/** Which API answers at a path that several versions share. */
import type { StoredResource } from '../../../schema/change.js';
import type { ApiSpec } from '../../../schema/kinds/api.js';
import type { Db } from '../context.js';
import { slices } from '../resources/store.js';

/** Paths that one query asks for. */
const CHUNK = 100;

/** Ids of the APIs that hold the unversioned prefix of these APIs' paths: one without a version, else the one created first (decision K16). */
export async function firstOfPaths(db: Db, tenant: string, apis: readonly StoredResource[]): Promise<ReadonlySet<string>> {
  const paths = [...new Set(apis.map(({ spec }) => (spec as unknown as ApiSpec).path))];
  const holders = new Map<string, { readonly id: string; readonly hasVersion: boolean }>();
  for (const slice of slices(paths, CHUNK))
    for (const { id, spec } of await claimants(db, tenant, slice)) {
      const { path, version } = JSON.parse(spec) as ApiSpec;
      const known = holders.get(path);
      if (known === undefined || (known.hasVersion && version === undefined)) holders.set(path, { id, hasVersion: version !== undefined });
    }
  return new Set(paths.flatMap((path) => holders.get(path)?.id ?? []));
}

/** The APIs with a claim at one of these paths or below it, the eldest first. */
function claimants(db: Db, tenant: string, paths: readonly string[]): Promise<{ readonly id: string; readonly spec: string }[]> {
  return db
    .selectFrom('resources as api')
    .select(['api.id', 'api.spec'])
    .where('api.id', 'in', (row) =>
      row
        .selectFrom('resource_claims as held')
        .select('held.resource_id')
        .where('held.tenant', '=', tenant)
        .where('held.kind', '=', 'API')
        .where((claim) =>
          claim.or(paths.flatMap((path) => [claim('held.claim', '=', `path ${path}`), claim.between('held.claim', ...below(path))])),
        ),
    )
    .orderBy('api.created_at')
    .orderBy('api.id')
    .execute();
}

/** First and last of the claims below a path. */
function below(path: string): [string, string] {
  const start = path === '/' ? 'path /' : `path ${path}/`;
  return [start, `${start}\u{10ffff}`];
}
