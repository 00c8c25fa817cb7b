/** The typed HTTP client of the control plane. It gets its own access tokens and renews them when they expire. */
import { randomUUID } from 'node:crypto';
import type { ApplyRequest, ApplyResult, Plan, PlanRequest, StoredResource } from '../schema/change.js';
import { StoaError } from '../schema/error.js';
import type { ResourceKey } from '../schema/resource.js';
import { replyError, send, type HttpReply, type HttpRequest } from './http.js';

export interface ClientOptions {
  /** Base address without `/v1`. */
  readonly server: string;
  readonly authServer: string;
  readonly realm: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly token: string | undefined;
  /** Longest wait for an answer, retries included; undefined for 30 s, and 2 minutes for a plan or an apply. */
  readonly timeoutMs: number | undefined;
  readonly signal?: AbortSignal | undefined;
  now(): number;
  readonly log?: ((line: string) => void) | undefined;
}

export interface ResourceQuery {
  readonly kind?: string | undefined;
  readonly tenant?: string | undefined;
  readonly name?: string | undefined;
  readonly project?: string | undefined;
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
  plan(request: PlanRequest): Promise<Plan>;
  /** One transaction. A repeated request with the same key is answered, not applied again. */
  apply(request: ApplyRequest): Promise<ApplyResult>;
  list(query: ResourceQuery): Promise<StoredResource[]>;
  get(key: ResourceKey): Promise<LivedResource>;
  rotateSubscriptionKey(id: string, request: RotationRequest): Promise<Rotation>;
  rotateConsumerKey(tenant: string, consumer: string, request: RotationRequest): Promise<Rotation>;
  /** The newest 100 keys of a tenant. */
  listApiKeys(tenant: string): Promise<ApiKey[]>;
  /** The only answer that holds the key. */
  createApiKey(tenant: string, request: { readonly subscription_id: string; readonly name: string }): Promise<ApiKey & { readonly api_key: string }>;
  revokeApiKey(tenant: string, id: string): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const APPLY_TIMEOUT_MS = 120_000;
const PAGE_SIZE = 1000;
const APPLY_UNKNOWN = 'The plan was applied whole or not at all: run "stoactl diff" to see which.';

/** A client of one control plane. Its methods throw `StoaError` with the server's code. */
export function createClient(options: ClientOptions): Client {
  const token = tokenSource(options);
  const call = async (method: HttpRequest['method'], path: string, body?: unknown, timeoutMs = DEFAULT_TIMEOUT_MS, onTimeout?: string): Promise<unknown> => {
    const url = `${options.server}/v1${path}`;
    const key = randomUUID();
    const exchange = async (): Promise<HttpReply> =>
      send(
        {
          method,
          url,
          headers: headersOf(await token.get(), body, path === '/plan' ? undefined : key),
          body: body === undefined ? undefined : JSON.stringify(body),
          timeoutMs: options.timeoutMs ?? timeoutMs,
          signal: options.signal,
          onTimeout,
        },
        options,
      );
    let reply = await exchange();
    if (reply.status === 401 && token.forget()) reply = await exchange();
    if (reply.status < 200 || reply.status > 299) throw replyError(url, reply);
    return reply.text === '' ? undefined : parseJson(url, reply.text);
  };
  return {
    server: options.server,
    plan: async (request) => (await call('POST', '/plan', request, APPLY_TIMEOUT_MS)) as Plan,
    apply: async (request) => (await call('POST', '/apply', request, APPLY_TIMEOUT_MS, APPLY_UNKNOWN)) as ApplyResult,
    list: (query) => listAll(query, call),
    get: async ({ kind, tenant, name }) => (await call('GET', `/resources/${[kind, tenant, name].map(encodeURIComponent).join('/')}`)) as LivedResource,
    rotateSubscriptionKey: async (id, request) => (await call('POST', `/subscriptions/${encodeURIComponent(id)}/rotate-key`, request)) as Rotation,
    rotateConsumerKey: async (tenant, consumer, request) =>
      (await call('POST', `/tenants/${encodeURIComponent(tenant)}/consumers/${encodeURIComponent(consumer)}/rotate-key`, request)) as Rotation,
    listApiKeys: async (tenant) => ((await call('GET', `${apiKeysOf(tenant)}?limit=100`)) as { items: ApiKey[] }).items,
    createApiKey: async (tenant, request) => (await call('POST', apiKeysOf(tenant), request)) as ApiKey & { api_key: string },
    revokeApiKey: async (tenant, id) => void (await call('DELETE', `${apiKeysOf(tenant)}/${encodeURIComponent(id)}`)),
  };
}

/** A plan writes nothing, so it needs no key. */
const apiKeysOf = (tenant: string): string => `/tenants/${encodeURIComponent(tenant)}/apikeys`;

function headersOf(token: string, body: unknown, idempotencyKey: string | undefined): Record<string, string> {
  return {
    accept: 'application/json',
    authorization: `Bearer ${token}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(body === undefined || idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
  };
}

/** All pages of a listing, in the order of the server. */
async function listAll(query: ResourceQuery, call: (method: 'GET', path: string) => Promise<unknown>): Promise<StoredResource[]> {
  const filters = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const found: StoredResource[] = [];
  for (let page = 1; ; page++) {
    const search = new URLSearchParams([...filters, ['page', String(page)], ['limit', String(PAGE_SIZE)]]);
    const { resources, total } = (await call('GET', `/resources?${search.toString()}`)) as { resources: StoredResource[]; total: number };
    found.push(...resources);
    if (resources.length < PAGE_SIZE || found.length >= total) return found;
  }
}

interface TokenSource {
  get(): Promise<string>;
  /** Drops a token that was refused. False when there is no other to be had. */
  forget(): boolean;
}

const RENEW_BEFORE_MS = 10_000;

/** Client credentials (documents A and B). A token given by STOA_TOKEN is used as it is. */
function tokenSource(options: ClientOptions): TokenSource {
  let current: { readonly value: string; readonly expires: number } | undefined;
  return {
    async get() {
      if (options.token !== undefined) return options.token;
      if (current === undefined || current.expires - RENEW_BEFORE_MS <= options.now()) current = await requestToken(options);
      return current.value;
    },
    forget() {
      const isRenewable = options.token === undefined;
      current = undefined;
      return isRenewable;
    },
  };
}

async function requestToken(options: ClientOptions): Promise<{ value: string; expires: number }> {
  const { authServer, realm, clientId, clientSecret } = options;
  if (clientSecret === undefined)
    throw new StoaError('unauthorized', `No credentials for ${options.server}: STOA_CLIENT_SECRET is not set.`, {
      hint: '"stoactl dev" prints the export lines when it starts. Otherwise set STOA_CLIENT_ID and STOA_CLIENT_SECRET, or STOA_TOKEN.',
    });
  const url = `${authServer}/realms/${encodeURIComponent(realm)}/protocol/openid-connect/token`;
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret });
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
  const reply = await send(
    { method: 'POST', url, headers, body: form.toString(), timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS, signal: options.signal },
    options,
  );
  if (reply.status === 400 || reply.status === 401)
    throw new StoaError('unauthorized', `${new URL(url).origin} refused the client "${clientId}": its secret is wrong, or there is no such client.`, {
      hint: 'Check STOA_CLIENT_ID and STOA_CLIENT_SECRET.',
    });
  if (reply.status !== 200) throw replyError(url, reply);
  const { access_token, expires_in } = parseJson(url, reply.text) as { access_token?: unknown; expires_in?: unknown };
  if (typeof access_token !== 'string') throw notOurs(url);
  return { value: access_token, expires: options.now() + (typeof expires_in === 'number' ? expires_in : 60) * 1000 };
}

function parseJson(url: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notOurs(url);
  }
}

const notOurs = (url: string): StoaError =>
  new StoaError('network_error', `${new URL(url).origin} answers, but not like a control plane of STOA.`, { hint: 'Check STOA_API_URL and STOA_AUTH_URL.' });
