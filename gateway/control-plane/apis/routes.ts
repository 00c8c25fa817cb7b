/** APIs over HTTP (rows AP1 to AP11). */
import * as z from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import type { JsonObject } from '../../../schema/kind.js';
import { api, type ApiSpec } from '../../../schema/kinds/api.js';
import { isLoopback } from '../../process-settings.js';
import type { ControlPlane } from '../context.js';
import { resourceAnswer } from '../http/answers.js';
import type { Endpoint } from '../http/endpoint.js';
import {
  changeOperation,
  createOperation,
  getOperation,
  listOperation,
  removeOperation,
  type RestKind,
} from '../resources/kind-endpoints.js';
import { publicUrls } from './public-url.js';

const documentB = {
  name: 'payment-api',
  description: 'Payment processing API',
  upstream_url: 'https://api.payments.example.com',
  path: '/payments',
  version: 'v1',
  auth_required: true,
  rate_limit: { requests_per_hour: 1000 },
};

const apis: RestKind = {
  definition: api,
  tag: 'APIs',
  urls: ['/tenants/:tenant/apis'],
  answer: resourceAnswer(api, {
    tenant_id: z.string().describe('Name of the tenant.'),
    public_url: z.string().describe('Where the gateway serves it.'),
    status: z.enum(['active', 'inactive']).describe('inactive while "activated" is false.'),
    warnings: z.array(z.string()).optional().describe('In the answer to a write: what may surprise.'),
  }),
  examples: {
    create: documentB,
    answer: {
      id: 'api-xyz789',
      tenant_id: 'acme',
      ...documentB,
      public_url: 'https://gateway.gostoa.dev/acme/payments',
      status: 'active',
      methods: ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'],
      activated: true,
      timeout_ms: 30_000,
      connect_timeout_ms: 5000,
      retries: 2,
      managed_by: null,
      created_at: '2025-01-09T10:15:00Z',
      updated_at: '2025-01-09T10:15:00Z',
    },
    change: { rate_limit: { requests_per_hour: 2000 } },
  },
  view: viewApis,
  warnings: warningsFor,
  patch: (_cp, _actor, _api, body) => Promise.resolve(withUpstreamUrl(body)),
};

export const apiEndpoints: readonly Endpoint[] = [
  createOperation(apis),
  listOperation(apis),
  getOperation(apis),
  changeOperation(apis),
  removeOperation(apis),
];

/** `backend_url` is an older word (row AP1); a stored spec knows the newer one alone. */
function withUpstreamUrl({ backend_url, ...patch }: JsonObject): JsonObject {
  // Another list of servers brings its first one as the upstream_url, as it does in a manifest.
  const first = Array.isArray(patch['upstreams']) ? firstUrl(patch['upstreams']) : undefined;
  if (first !== undefined && backend_url === undefined && !('upstream_url' in patch)) return { ...patch, upstream_url: first };
  return backend_url === undefined || 'upstream_url' in patch
    ? { ...patch, ...(backend_url === undefined ? {} : { backend_url }) }
    : { ...patch, upstream_url: backend_url };
}

/** Document A, "Gateway returns 502": localhost of a container is the container itself (row DP29). */
function warningsFor({ isInContainer }: ControlPlane, { spec }: StoredResource): readonly string[] {
  const { upstream_url, upstreams } = spec as unknown as ApiSpec;
  const local = [upstream_url, ...(upstreams ?? []).map(({ url }) => url)].find((url) => isLoopback(new URL(url).hostname));
  if (!isInContainer || local === undefined) return [];
  return [`The upstream ${local} is the container of the gateway itself. Name a service, or host.docker.internal for the host.`];
}

function firstUrl([first]: readonly unknown[]): string | undefined {
  return typeof first === 'object' && first !== null && 'url' in first && typeof first.url === 'string' ? first.url : undefined;
}

async function viewApis(cp: ControlPlane, apis: readonly StoredResource[]): Promise<Record<string, unknown>[]> {
  const urls = await publicUrls(cp, apis);
  return apis.map(({ id, name, tenant, spec, managed_by, created_at, updated_at }) => ({
    id,
    name,
    tenant_id: tenant,
    public_url: urls.get(id) ?? '',
    status: (spec as unknown as ApiSpec).activated ? 'active' : 'inactive',
    ...spec,
    managed_by,
    created_at,
    updated_at,
  }));
}
