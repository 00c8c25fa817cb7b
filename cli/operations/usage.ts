/** What was used this month: requests of each subscription against its quota, or of each API. */
import type { Client } from '../client.js';
import type { QuotaRecord, SubscriptionRecord, UsageRecord } from '../lived-client.js';
import { parseName } from './kinds.js';

export interface SubscriptionUse extends Omit<UsageRecord, 'daily' | 'subscription_id' | 'period'> {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly api: string;
  readonly consumer: string | null;
  readonly plan: string | null;
  readonly status: string;
}

export interface ApiUse {
  readonly tenant: string;
  readonly api: string;
  /** All requests that reached it, those without a key too. */
  readonly requests: number;
  readonly errors: number;
  readonly subscriptions: number;
}

export interface Usage {
  readonly schema_version: 1;
  /** The calendar month, UTC: `2026-11`. */
  readonly period: string;
  readonly subscriptions?: readonly SubscriptionUse[];
  readonly apis?: readonly ApiUse[];
}

export interface UsageQuery {
  /** Id, name or tenant/name of one subscription, as typed. */
  readonly word: string | undefined;
  readonly tenant: string | undefined;
  /** Ids or names. */
  readonly api: string | undefined;
  readonly consumer: string | undefined;
  /** Revoked and expired ones too. */
  readonly all: boolean;
  /** Epoch milliseconds. */
  readonly now: number;
}

const AT_ONCE = 8;
const ENDED: ReadonlySet<string> = new Set(['revoked', 'expired', 'rejected']);

/** Subscriptions, the nearest to the end of its quota first. Throws `not_found`. */
export async function usageBySubscription(query: UsageQuery, client: Client): Promise<Usage> {
  const found = await subscriptionsOf(query, client);
  const used = await inParallel(found, (subscription) => useOf(subscription, client));
  used.sort((a, b) => share(b.quota) - share(a.quota) || b.requests - a.requests);
  return { schema_version: 1, period: monthOf(query.now), subscriptions: used };
}

async function subscriptionsOf({ word, tenant, api, consumer, all }: UsageQuery, { lived }: Client): Promise<SubscriptionRecord[]> {
  if (word !== undefined) {
    const { tenant: owner, name } = parseName(word, tenant);
    return [await lived.subscription(owner, name)];
  }
  const found = await lived.subscriptions(tenant, { api_id: api, consumer_id: consumer });
  return all ? found : found.filter(({ status }) => !ENDED.has(status));
}

async function useOf(subscription: SubscriptionRecord, { lived }: Client): Promise<SubscriptionUse> {
  const { id, tenant_id: tenant, name, api, consumer, plan, status } = subscription;
  const { requests, errors, quota, daily_quota, rate_limit, plan_rate_limit } = await lived.usage(tenant, id);
  return { id, tenant, name, api, consumer, plan, status, requests, errors, quota, daily_quota, rate_limit, plan_rate_limit };
}

/** How much of a quota is used, from 0; below everything without one. */
const share = (quota: QuotaRecord | null): number => (quota === null ? -1 : quota.used / Math.max(1, quota.limit));

/** APIs, the busiest first. */
export async function usageByApi({ tenant, api, now }: UsageQuery, client: Client): Promise<Usage> {
  const period = monthOf(now);
  const apis = (await client.list({ kind: 'API', tenant })).filter(({ id, name }) => api === undefined || api === id || api === name);
  const subscriptions = await client.lived.subscriptions(tenant, { api_id: api, status: 'active' });
  const used = await inParallel(apis, async ({ tenant: owner, name }): Promise<ApiUse> => {
    const { requests, errors } = await client.review.apiMetrics(owner, name, `${period}-01`, new Date(now).toISOString().slice(0, 10));
    const count = subscriptions.filter((each) => each.tenant_id === owner && each.api === name).length;
    return { tenant: owner, api: name, requests, errors, subscriptions: count };
  });
  used.sort((a, b) => b.requests - a.requests);
  return { schema_version: 1, period, apis: used };
}

const monthOf = (now: number): string => new Date(now).toISOString().slice(0, 7);

/** The results in the order of the items; a few at a time, so that a long list is no burst. */
async function inParallel<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results = new Map<number, Result>();
  const waiting = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of waiting) results.set(index, await work(item));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return items.flatMap((_, index) => results.get(index) ?? []);
}
