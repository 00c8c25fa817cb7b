/** Quotas by consumer, as document D shows them. A quota belongs to a subscription; a consumer is shown with the sum over its subscriptions that have one. */
import type { ConsumerSpec } from '../../schema/kinds/consumer.js';
import { keyOf } from '../../schema/resource.js';
import type { SyncResource, SyncSubscription } from '../../schema/sync.js';
import { FULL_RATIO, usedRatio, type QuotaLimits, type QuotaTable } from './quotas.js';

export interface ConsumerQuota {
  readonly consumer_id: string;
  readonly daily_count: number;
  /** Null without a limit of the day. */
  readonly daily_limit: number | null;
  readonly monthly_count: number;
  /** Null without a limit of the month. */
  readonly monthly_limit: number | null;
  readonly daily_remaining: number | null;
  readonly monthly_remaining: number | null;
}

export interface QuotaSources {
  readonly quotas: QuotaTable;
  readonly subscriptions: ReadonlyMap<string, SyncSubscription>;
  readonly resources: ReadonlyMap<string, SyncResource>;
  /** The quota of a subscription; undefined without one. */
  quotaOf(subscription: SyncSubscription): QuotaLimits | undefined;
}

interface Holder {
  readonly id: string;
  /** Whatever a person may call it: id, name, external id. */
  readonly names: ReadonlySet<string>;
  readonly held: { readonly subscription: string; readonly limits: QuotaLimits }[];
}

/** All consumers with a quota; a subscription without a consumer stands for itself. */
export function listQuotas(sources: QuotaSources): ConsumerQuota[] {
  return holdersOf(sources).map((holder) => viewOf(sources.quotas, holder));
}

/** One consumer by its id, name or external id; undefined without a quota. */
export function findQuota(sources: QuotaSources, name: string): ConsumerQuota | undefined {
  const holder = holdersOf(sources).find(({ names }) => names.has(name));
  return holder && viewOf(sources.quotas, holder);
}

/** Sets the counts of a consumer to zero. False when it has no quota. */
export function resetQuota(sources: QuotaSources, name: string): boolean {
  const holder = holdersOf(sources).find(({ names }) => names.has(name));
  for (const { subscription } of holder?.held ?? []) sources.quotas.reset(subscription);
  return holder !== undefined;
}

/** A quota of which much is used, named as metrics name it. */
export interface FullQuota {
  readonly tenant: string;
  readonly api: string;
  /** Empty for a subscription without a consumer. */
  readonly consumer: string;
  readonly period: 'daily' | 'monthly';
  readonly ratio: number;
}

const MOST_FULL = 100;

/** The fullest quotas of live subscriptions, at least half used; of one consumer with one API the fuller one. */
export function fullestQuotas({ quotas, subscriptions, quotaOf }: QuotaSources): FullQuota[] {
  const byLabels = new Map<string, FullQuota>();
  const live = quotas.fullest(MOST_FULL).flatMap((id) => subscriptions.get(id) ?? []);
  for (const subscription of live) {
    const { id, tenant, api, consumer = '' } = subscription;
    const [use, limits] = [quotas.use(id), quotaOf(subscription)];
    for (const period of ['daily', 'monthly'] as const) {
      const quota: FullQuota = { tenant, api, consumer, period, ratio: usedRatio(use[period], limits?.[period]) };
      const key = [tenant, api, consumer, period].join('/');
      if (quota.ratio >= FULL_RATIO && quota.ratio > (byLabels.get(key)?.ratio ?? 0)) byLabels.set(key, quota);
    }
  }
  return [...byLabels.values()];
}

function holdersOf({ subscriptions, resources, quotaOf }: QuotaSources): Holder[] {
  const holders = new Map<string, Holder>();
  for (const subscription of subscriptions.values()) {
    const limits = subscription.status === 'active' ? quotaOf(subscription) : undefined;
    if (limits === undefined) continue;
    const { tenant, consumer: name } = subscription;
    const consumer = name === undefined ? undefined : resources.get(keyOf({ kind: 'Consumer', tenant, name }));
    const holder = holders.get(consumer?.id ?? subscription.id) ?? holderOf(subscription, consumer);
    holders.set(holder.id, holder);
    holder.held.push({ subscription: subscription.id, limits });
  }
  return [...holders.values()];
}

function holderOf(subscription: SyncSubscription, consumer: SyncResource | undefined): Holder {
  if (consumer === undefined) return { id: subscription.id, names: new Set([subscription.id, subscription.name]), held: [] };
  const { external_id } = consumer.spec as unknown as ConsumerSpec;
  return { id: consumer.id, names: new Set([consumer.id, consumer.name, ...(external_id === undefined ? [] : [external_id])]), held: [] };
}

function viewOf(quotas: QuotaTable, { id, held }: Holder): ConsumerQuota {
  const uses = held.map(({ subscription }) => quotas.use(subscription));
  const total = (values: readonly (number | undefined)[]): number | null =>
    values.every((value) => value === undefined) ? null : values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  const left = (period: 'daily' | 'monthly'): number | null =>
    total(
      held.map(({ limits }, index) =>
        limits[period] === undefined ? undefined : Math.max(0, limits[period] - (uses[index]?.[period] ?? 0)),
      ),
    );
  return {
    consumer_id: id,
    daily_count: uses.reduce((sum, { daily }) => sum + daily, 0),
    daily_limit: total(held.map(({ limits }) => limits.daily)),
    monthly_count: uses.reduce((sum, { monthly }) => sum + monthly, 0),
    monthly_limit: total(held.map(({ limits }) => limits.monthly)),
    daily_remaining: left('daily'),
    monthly_remaining: left('monthly'),
  };
}
