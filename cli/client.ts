/** The typed HTTP client of the control plane. */
import type { ApplyRequest, ApplyResult, Plan, PlanRequest, ShownResource, StoredResource } from '../schema/change.js';
import type { PlannedObjects } from '../schema/impact.js';
import type { ResourceKey } from '../schema/resource.js';
import { StoaError, type Diagnostic } from '../schema/error.js';
import { createLivedClient, type LivedClient } from './lived-client.js';
import { createReviewClient, type ReviewClient } from './review-client.js';
import { createSession, type Call, type SessionOptions } from './session.js';

export interface ResourceQuery {
  readonly kind?: string | undefined;
  readonly tenant?: string | undefined;
  readonly name?: string | undefined;
  readonly project?: string | undefined;
  /** Only configuration: without those who came by the portal and were approved nowhere. A control plane that does not know it yet gives all. */
  readonly settled?: 'true' | undefined;
}

/** A resource with what has happened to it: the status and keys of a subscription, say. */
export interface LivedResource extends StoredResource {
  readonly lived?: Readonly<Record<string, unknown>> | undefined;
}

export interface RotationRequest {
  readonly grace_period_hours: number;
  readonly force?: true;
}

/** Document C's answer to a rotation. The key is in no other answer, ever. */
export interface Rotation {
  readonly subscription_id: string;
  readonly new_api_key: string;
  readonly new_api_key_prefix: string;
  readonly old_key_expires_at: string | null;
  readonly grace_period_hours: number;
  readonly rotation_count: number;
}

/** An API key as it is listed: everything but the key. */
export interface ApiKey {
  readonly id: string;
  readonly subscription_id: string;
  readonly name: string;
  readonly status: string;
  readonly rotated_from: string | null;
  readonly created_at: string;
}

export interface Client {
  readonly server: string;
  readonly lived: LivedClient;
  readonly review: ReviewClient;
  plan(request: PlanRequest): Promise<Plan>;
  /** What gateways hold, and what an apply would change of it. */
  preview(request: PlanRequest): Promise<PlannedObjects>;
  /** One transaction. A repeated request with the same key is answered, not applied again. */
  apply(request: ApplyRequest): Promise<ApplyResult>;
  list(query: ResourceQuery): Promise<ShownResource[]>;
  get(key: ResourceKey): Promise<LivedResource>;
  rotateSubscriptionKey(id: string, request: RotationRequest): Promise<Rotation>;
  rotateConsumerKey(tenant: string, consumer: string, request: RotationRequest): Promise<Rotation>;
  /** The newest 100 keys of a tenant. */
  listApiKeys(tenant: string): Promise<ApiKey[]>;
  /** The only answer that holds the key. */
  createApiKey(
    tenant: string,
    request: { readonly subscription_id: string; readonly name: string },
  ): Promise<ApiKey & { readonly api_key: string }>;
  revokeApiKey(tenant: string, id: string): Promise<void>;
}

const APPLY_TIMEOUT_MS = 120_000;
const PAGE_SIZE = 1000;
const APPLY_UNKNOWN = 'The plan was applied whole or not at all: run "stoactl diff" to see which.';

/** A client of one control plane. Its methods throw `StoaError` with the server's code. */
export function createClient(options: SessionOptions): Client {
  const call = createSession(options);
  return {
    server: options.server,
    lived: createLivedClient(call),
    review: createReviewClient(call),
    plan: async (request) =>
      (await call('POST', '/plan', request, { timeoutMs: APPLY_TIMEOUT_MS, isReadOnly: true, member: 'changes' })) as Plan,
    preview: async (request) =>
      (await call('POST', '/plan/objects', request, { timeoutMs: APPLY_TIMEOUT_MS, isReadOnly: true })) as PlannedObjects,
    apply: async (request) =>
      (await call('POST', '/apply', request, { timeoutMs: APPLY_TIMEOUT_MS, onTimeout: APPLY_UNKNOWN, member: 'applied' })) as ApplyResult,
    list: (query) => listKnown(query, call),
    get: async ({ kind, tenant, name }) =>
      (await call('GET', `/resources/${[kind, tenant, name].map(encodeURIComponent).join('/')}`, undefined, {
        member: 'spec',
      })) as LivedResource,
    rotateSubscriptionKey: async (id, request) =>
      (await call('POST', `/subscriptions/${encodeURIComponent(id)}/rotate-key`, request)) as Rotation,
    rotateConsumerKey: async (tenant, consumer, request) =>
      (await call(
        'POST',
        `/tenants/${encodeURIComponent(tenant)}/consumers/${encodeURIComponent(consumer)}/rotate-key`,
        request,
      )) as Rotation,
    listApiKeys: async (tenant) => ((await call('GET', `${apiKeysOf(tenant)}?limit=100`)) as { items: ApiKey[] }).items,
    createApiKey: async (tenant, request) => (await call('POST', apiKeysOf(tenant), request)) as ApiKey & { api_key: string },
    revokeApiKey: async (tenant, id) => {
      await call('DELETE', `${apiKeysOf(tenant)}/${encodeURIComponent(id)}`);
    },
  };
}

const apiKeysOf = (tenant: string): string => `/tenants/${encodeURIComponent(tenant)}/apikeys`;

/** The same from a control plane of before `settled`, which refuses what it does not know. */
async function listKnown(query: ResourceQuery, call: Call): Promise<ShownResource[]> {
  try {
    return await listAll(query, call);
  } catch (error) {
    const { settled, ...known } = query;
    const isUnknown = error instanceof StoaError && error.code === 'validation_error' && error.diagnostics.some(isAboutSettled);
    if (settled === undefined || !isUnknown) throw error;
    return listAll(known, call);
  }
}

const isAboutSettled = ({ path }: Diagnostic): boolean => path === 'settled';

/** All pages of a listing, in the order of the server. */
async function listAll(query: ResourceQuery, call: Call): Promise<ShownResource[]> {
  const filters = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const found: ShownResource[] = [];
  for (let page = 1; ; page++) {
    const search = new URLSearchParams([...filters, ['page', String(page)], ['limit', String(PAGE_SIZE)]]);
    const { resources, total } = (await call('GET', `/resources?${search.toString()}`, undefined, { member: 'resources' })) as {
      resources: ShownResource[];
      total: number;
    };
    found.push(...resources);
    if (resources.length < PAGE_SIZE || found.length >= total) return found;
  }
}
