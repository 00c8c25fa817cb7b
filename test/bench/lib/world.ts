/** What every system under test is given: the same routes, keys and limits. */
import { catalog } from '../../../gateway/catalog.js';
import { apiKeyDigest, generateApiKey } from '../../../schema/api-key.js';
import type { JsonObject } from '../../../schema/kind.js';
import type { SyncCredential, SyncObjects, SyncResource, SyncSubscription } from '../../../schema/sync.js';

export const TENANT = 'acme';

export interface World {
  readonly routes: readonly { readonly api: string; readonly prefix: string }[];
  /** Each key opens one route; `path` is a request on it. */
  readonly keys: readonly { readonly key: string; readonly consumer: string; readonly api: string; readonly path: string }[];
}

export function buildWorld(routeCount: number, keyCount: number): World {
  const routes = Array.from({ length: routeCount }, (_, index) => ({ api: `api-${index}`, prefix: `/apis/${TENANT}/service-${index}` }));
  const keys = Array.from({ length: keyCount }, (_, index) => {
    const { api, prefix } = routes[index % routeCount] ?? { api: '', prefix: '' };
    return { key: generateApiKey(), consumer: `consumer-${index}`, api, path: `${prefix}/invoices/${index}` };
  });
  return { routes, keys };
}

/** The world as the control plane would send it to a gateway. Limits are far above what a run sends: counting is the work, not refusing. */
export function syncObjects({ routes, keys }: World, upstreamUrl: string): SyncObjects {
  const limit = { policy_type: 'rate_limit', config: { requests_per_minute: 1_000_000_000 } };
  return {
    resources: [
      resource('Tenant', TENANT, catalog.find('Tenant')?.example),
      resource('Policy', 'limit-per-consumer', limit),
      ...routes.map(({ api, prefix }) => resource('API', api, { path: prefix.slice(`/apis/${TENANT}`.length), upstream_url: upstreamUrl })),
      ...keys.map(({ consumer }) => resource('Consumer', consumer, {})),
    ],
    subscriptions: keys.map(({ consumer, api }, index): SyncSubscription => ({ ...subscription(index), status: 'active', consumer, api })),
    credentials: keys.map(({ key }, index): SyncCredential => credential(index, key)),
  };
}

const NOW = '2026-01-01T00:00:00.000Z';

function resource(kind: string, name: string, spec: unknown): SyncResource {
  const parsed = catalog.find(kind)?.spec.parse(spec) as JsonObject;
  const id = `${kind.slice(0, 3).toLowerCase()}-${name}`;
  return { kind, tenant: TENANT, name, labels: {}, annotations: {}, spec: parsed, id, created_at: NOW, updated_at: NOW };
}

const subscription = (index: number): { id: string; tenant: string; name: string } => ({
  id: `sub-${index}`,
  tenant: TENANT,
  name: `subscription-${index}`,
});

const credential = (index: number, key: string): SyncCredential => ({
  id: `key-${index}`,
  tenant: TENANT,
  subscription: `sub-${index}`,
  digest: apiKeyDigest(key),
  status: 'active',
  not_before: 0,
  not_after: null,
});
