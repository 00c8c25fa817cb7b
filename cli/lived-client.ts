/** Calls about what lives: keys and subscriptions. */
import { StoaError } from '../schema/error.js';
import type { Call } from './session.js';

/** An API key as it is listed: everything but the key. */
export interface KeyRecord {
  readonly id: string;
  readonly tenant_id: string;
  readonly subscription_id: string;
  readonly name: string;
  readonly prefix: string;
  readonly status: string;
  readonly expires_at: string | null;
  readonly grace_until: string | null;
  readonly revoked_at: string | null;
  readonly created_at: string;
  readonly last_used_at: string | null;
}

/** A subscription as every route answers it. `api_key` is there in the answer that has made it. */
export interface SubscriptionRecord {
  readonly id: string;
  readonly name: string;
  readonly tenant_id: string;
  readonly api: string;
  readonly consumer: string | null;
  readonly consumer_name: string | null;
  readonly consumer_email: string | null;
  readonly plan: string | null;
  readonly status: string;
  readonly api_key: string | null;
  readonly api_key_prefix: string | null;
  readonly rotation_count: number;
  /** Requests per hour, set at approval. */
  readonly rate_limit: number | null;
  readonly reason: string | null;
  readonly created_at: string;
  readonly expires_at: string | null;
}

export interface QuotaRecord {
  readonly limit: number;
  readonly used: number;
  readonly remaining: number;
  readonly resets_at: string;
}

/** What a subscription has used this month. */
export interface UsageRecord {
  readonly subscription_id: string;
  readonly period: string;
  readonly requests: number;
  readonly errors: number;
  readonly quota: QuotaRecord | null;
  readonly daily_quota: QuotaRecord | null;
  readonly rate_limit: number | null;
  readonly plan_rate_limit: { readonly limit: number; readonly window_secs: number; readonly burst: number } | null;
  readonly daily: readonly { readonly date: string; readonly requests: number; readonly errors: number }[];
}

export type SubscriptionVerb = 'approve' | 'reject' | 'suspend' | 'resume' | 'revoke';

/** What a tenant has come to, with what was declared of it. */
export interface TenantRecord {
  readonly status: string;
  readonly settings: { readonly rate_limit_multiplier?: number };
}

export interface LivedClient {
  /** Names of the tenants that the token sees. */
  tenants(): Promise<string[]>;
  tenant(name: string): Promise<TenantRecord>;
  /** All keys of a tenant, newest first. */
  keys(tenant: string, subscription?: string): Promise<KeyRecord[]>;
  key(tenant: string, id: string): Promise<KeyRecord>;
  revokeKey(tenant: string, id: string): Promise<void>;
  /** All subscriptions that match, newest first; of every tenant that the token sees where none is named. */
  subscriptions(tenant: string | undefined, filter: Readonly<Record<string, string | undefined>>): Promise<SubscriptionRecord[]>;
  subscription(tenant: string | undefined, idOrName: string): Promise<SubscriptionRecord>;
  usage(tenant: string | undefined, idOrName: string): Promise<UsageRecord>;
  step(tenant: string | undefined, idOrName: string, verb: SubscriptionVerb, body: object): Promise<SubscriptionRecord>;
}

const PAGE_SIZE = 100;

export function createLivedClient(call: Call): LivedClient {
  const pages = async <Item>(path: string, filter: Readonly<Record<string, string | undefined>> = {}): Promise<Item[]> => {
    const given = Object.entries(filter).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const found: Item[] = [];
    let cursor: string | undefined;
    for (let page = 1; ; page += 1) {
      const place: [string, string] = cursor === undefined ? ['page', String(page)] : ['cursor', cursor];
      const search = new URLSearchParams([...given, place, ['limit', String(PAGE_SIZE)]]);
      const answer = (await call('GET', `${path}?${search.toString()}`)) as { items?: Item[]; total: number; next_cursor?: string | null };
      if (answer.items === undefined)
        throw new StoaError('network_error', `${path} is answered without a list.`, {
          hint: 'Is STOA_API_URL the address of a control plane?',
        });
      found.push(...answer.items);
      cursor = answer.next_cursor ?? undefined;
      if (answer.items.length < PAGE_SIZE || answer.next_cursor === null || found.length >= answer.total) return found;
    }
  };
  return {
    tenants: async () => (await pages<{ name: string }>('/tenants')).map(({ name }) => name),
    tenant: async (name) => (await call('GET', below(name))) as TenantRecord,
    keys: (tenant, subscription) => pages(`${below(tenant)}/apikeys`, { subscription_id: subscription }),
    key: async (tenant, id) => (await call('GET', `${below(tenant)}/apikeys/${encodeURIComponent(id)}`)) as KeyRecord,
    revokeKey: async (tenant, id) => void (await call('DELETE', `${below(tenant)}/apikeys/${encodeURIComponent(id)}`)),
    subscriptions: (tenant, filter) => pages(`${below(tenant)}/subscriptions`, filter),
    subscription: async (tenant, idOrName) => (await call('GET', one(tenant, idOrName))) as SubscriptionRecord,
    usage: async (tenant, idOrName) => (await call('GET', `${one(tenant, idOrName)}/usage`)) as UsageRecord,
    step: async (tenant, idOrName, verb, body) => (await call('POST', `${one(tenant, idOrName)}/${verb}`, body)) as SubscriptionRecord,
  };
}

const below = (tenant: string | undefined): string => (tenant === undefined ? '' : `/tenants/${encodeURIComponent(tenant)}`);
const one = (tenant: string | undefined, idOrName: string): string => `${below(tenant)}/subscriptions/${encodeURIComponent(idOrName)}`;
