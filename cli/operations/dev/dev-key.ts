/** An API key to try things out with. Keys are kept as digests and cannot be shown twice, so each start makes a new one. */
import type { Resource } from '../../../schema/resource.js';
import type { Client } from '../../client.js';
import type { SampleCall } from './next-steps.js';

const DEV_KEY_NAME = 'dev';
/** The new one and that of the start before. */
const KEPT_KEYS = 2;
const SAMPLE_PATH = '/hello';

/** The part of a resource's spec that a call needs. */
interface ApiSpec {
  readonly path: string;
  readonly auth_required: boolean;
  readonly activated: boolean;
  readonly upstream_url: string;
}

/**
 * A request to the first API with an active subscription, with a fresh key named `dev`; else to the first API that needs no key. Undefined when
 * there is neither. The key of the start before stays valid, so that a restart ends no session; older ones are revoked.
 */
export async function sampleCall(resources: readonly Resource[], gatewayUrl: string, client: Client): Promise<SampleCall | undefined> {
  const apis = resources.filter(({ kind, spec }) => kind === 'API' && specOf(spec).activated);
  for (const subscription of resources.filter(({ kind }) => kind === 'Subscription')) {
    const api = apis.find(({ tenant, name }) => tenant === subscription.tenant && name === subscription.spec['api']);
    if (api === undefined) continue;
    const { id, lived } = await client.get(subscription);
    if (lived?.['status'] !== 'active') continue;
    return { url: urlOf(api, gatewayUrl), apiKey: await freshKey(subscription.tenant, id, client) };
  }
  const open = apis.find(({ spec }) => !specOf(spec).auth_required);
  return open === undefined ? undefined : { url: urlOf(open, gatewayUrl), apiKey: undefined };
}

const specOf = (spec: Resource['spec']): ApiSpec => spec as unknown as ApiSpec;

function urlOf({ tenant, spec }: Resource, gatewayUrl: string): string {
  const { path } = specOf(spec);
  return `${gatewayUrl}/apis/${tenant}${path === '/' ? '' : path}${SAMPLE_PATH}`;
}

async function freshKey(tenant: string, subscription: string, client: Client): Promise<string> {
  const { api_key } = await client.createApiKey(tenant, { subscription_id: subscription, name: DEV_KEY_NAME });
  // What came of a rotation was handed to somebody.
  const own = (await client.listApiKeys(tenant)).filter(
    (key) => key.name === DEV_KEY_NAME && key.status === 'active' && key.subscription_id === subscription && key.rotated_from === null,
  );
  const oldestFirst = own.sort((a, b) => (a.created_at < b.created_at ? -1 : 1));
  for (const { id } of oldestFirst.slice(0, -KEPT_KEYS)) await client.revokeApiKey(tenant, id);
  return api_key;
}
