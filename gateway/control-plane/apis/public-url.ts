/** Where the gateway serves APIs (decision K16). */
import type { StoredResource } from '../../../schema/change.js';
import type { ApiSpec } from '../../../schema/kinds/api.js';
import type { ControlPlane } from '../context.js';
import { firstOfPaths } from './store.js';

/** Addresses of APIs of one tenant, by their ids. */
export async function publicUrls({ db, gatewayUrl }: ControlPlane, apis: readonly StoredResource[]): Promise<ReadonlyMap<string, string>> {
  const tenant = apis[0]?.tenant ?? '';
  // Only versions share a path: the first of them has the address without one.
  const versioned = apis.filter(({ spec }) => spec['version'] !== undefined);
  const first = versioned.length === 0 ? new Set<string>() : await firstOfPaths(db, tenant, versioned);
  return new Map(
    apis.map(({ id, spec }) => {
      const { path, version } = spec as unknown as ApiSpec;
      const suffix = version === undefined || first.has(id) ? '' : `${path === '/' ? '' : path}/${version}`;
      return [id, `${gatewayUrl}/${tenant}${suffix === '' ? path : suffix}`];
    }),
  );
}
