/** Manifests as they are tested: every upstream is a stand-in, and nothing outside of this machine is called. */
import { catalog } from '../../../gateway/catalog.js';
import type { JsonObject } from '../../../schema/kind.js';
import type { Resource } from '../../../schema/resource.js';
import type { Upstreams } from './upstreams.js';

/** Called by the product itself, without a request: its answers would depend on time that no test controls. */
const LEFT_OUT: ReadonlySet<string> = new Set(['Webhook']);

/** The same resources with the upstreams of APIs replaced; webhooks and health checks are left out, tenants that are not declared here are added. */
export async function underTest(resources: readonly Resource[], upstreams: Upstreams): Promise<Resource[]> {
  const kept = resources.filter(({ kind }) => !LEFT_OUT.has(kind));
  const replaced: Resource[] = [];
  for (const resource of kept) replaced.push(resource.kind === 'API' ? await withStandIns(resource, upstreams) : resource);
  return [...missingTenants(replaced), ...replaced];
}

/** A repository may hold the APIs of a tenant that is declared elsewhere. */
function missingTenants(resources: readonly Resource[]): Resource[] {
  const declared = new Set(resources.filter(({ kind }) => kind === 'Tenant').map(({ name }) => name));
  const named = new Set(resources.map(({ tenant }) => tenant).filter((tenant) => !declared.has(tenant)));
  // What the kind's schema has parsed is a spec.
  const spec = catalog.find('Tenant')?.spec.parse({}) as JsonObject;
  return [...named].map((name) => ({ kind: 'Tenant', tenant: name, name, labels: {}, annotations: {}, spec }));
}

type Server = JsonObject & { readonly url: string };

async function withStandIns(api: Resource, standIns: Upstreams): Promise<Resource> {
  const { health_check: _left, ...spec } = api.spec;
  const { upstream_url: url, upstreams } = spec as { readonly upstream_url: string; readonly upstreams?: readonly Server[] };
  const servers: Server[] = [];
  for (const server of upstreams ?? []) servers.push({ ...server, url: await standIns.replace(server.url) });
  const list: JsonObject = upstreams === undefined ? {} : { upstreams: servers };
  return { ...api, spec: { ...spec, upstream_url: await standIns.replace(url), ...list } };
}
