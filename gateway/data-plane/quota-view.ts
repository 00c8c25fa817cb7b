/**
 * Quotas by consumer, as document D shows them. Quotas of subscriptions are shown with their sum. Under policies the same requests are counted beside them:
 * of the sum and the policies, that is shown which leaves least, for the day and for the month.
 */
import { StoaError } from '../../schema/error.js';
import type { ConsumerSpec } from '../../schema/kinds/consumer.js';
import { keyOf } from '../../schema/resource.js';
import type { SyncResource, SyncSubscription } from '../../schema/sync.js';
import type { QuotaLimits } from '../policies/contract.js';
import { ANONYMOUS, type PolicyQuota } from './policy-quotas.js';
import { FULL_RATIO, usedRatio, type QuotaTable, type QuotaUse } from './quotas.js';

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
  /** What is counted under policies that are in force. */
  policyQuotas(): readonly PolicyQuota[];
  readonly subscriptions: ReadonlyMap<string, SyncSubscription>;
  readonly resources: ReadonlyMap<string, SyncResource>;
  /** The quota of a subscription; undefined without one. */
  quotaOf(subscription: SyncSubscription): QuotaLimits | undefined;
}

interface Held {
  /** Under which the table counts it. */
  readonly subject: string;
  readonly limits: QuotaLimits;
}

interface Holder {
  readonly id: string;
  /** Whatever a person may call it: id, name, external id. */
  readonly names: ReadonlySet<string>;
  /** Of its subscriptions. */
  readonly own: Held[];
  readonly underPolicies: Held[];
}

/** All consumers with a quota; a subscription without a consumer stands for itself, and so do all who call a policy's APIs without a key. */
export function listQuotas(sources: QuotaSources): ConsumerQuota[] {
  return holdersOf(sources).map((holder) => viewOf(sources.quotas, holder));
}

/** One consumer by its id, name or external id; undefined without a quota. Throws `conflict` for a name that several have. */
export function findQuota(sources: QuotaSources, name: string): ConsumerQuota | undefined {
  const holder = findHolder(sources, name);
  return holder && viewOf(sources.quotas, holder);
}

/**
 * Sets the counts of a consumer to zero. False when it has no quota. Throws `conflict` for a name that several have. `onReset` is told what each of its
 * subscriptions had used.
 */
export function resetQuota(
  sources: QuotaSources,
  name: string,
  onReset: (subscription: SyncSubscription, used: QuotaUse) => void,
): boolean {
  const holder = findHolder(sources, name);
  for (const { subject } of [...(holder?.own ?? []), ...(holder?.underPolicies ?? [])]) {
    const used = sources.quotas.reset(subject);
    const subscription = sources.subscriptions.get(subject);
    if (subscription !== undefined) onReset(subscription, used);
  }
  return holder !== undefined;
}

/** Names are unique within a tenant, ids everywhere. */
function findHolder(sources: QuotaSources, name: string): Holder | undefined {
  const holders = holdersOf(sources).filter(({ names }) => names.has(name));
  const byId = holders.find(({ id }) => id === name);
  if (byId !== undefined || holders.length < 2) return byId ?? holders[0];
  throw new StoaError('conflict', `${holders.length} consumers with a quota are called "${name}".`, {
    hint: `Name one by its id: ${holders.map(({ id }) => id).join(', ')}.`,
  });
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

function holdersOf({ subscriptions, resources, quotaOf, policyQuotas }: QuotaSources): Holder[] {
  const holders = new Map<string, Holder>();
  const holder = (id: string, names: readonly string[]): Holder => {
    const known = holders.get(id) ?? { id, names: new Set([id, ...names]), own: [], underPolicies: [] };
    holders.set(id, known);
    return known;
  };
  for (const subscription of subscriptions.values()) {
    const limits = subscription.status === 'active' ? quotaOf(subscription) : undefined;
    if (limits === undefined) continue;
    const { id, tenant, consumer: name } = subscription;
    const consumer = name === undefined ? undefined : resources.get(keyOf({ kind: 'Consumer', tenant, name }));
    const found = consumer === undefined ? holder(id, [subscription.name]) : holder(consumer.id, namesOf(consumer));
    found.own.push({ subject: id, limits });
  }
  const consumers = new Map([...resources.values()].filter(({ kind }) => kind === 'Consumer').map((consumer) => [consumer.id, consumer]));
  for (const { subject, key, caller, limits } of policyQuotas()) {
    const consumer = consumers.get(caller);
    const id = caller === ANONYMOUS ? `${ANONYMOUS} ${key}` : caller;
    holder(id, consumer === undefined ? [] : namesOf(consumer)).underPolicies.push({ subject, limits });
  }
  return [...holders.values()];
}

function namesOf({ name, spec }: SyncResource): string[] {
  const { external_id } = spec as unknown as ConsumerSpec;
  return external_id === undefined ? [name] : [name, external_id];
}

/** Of a day or a month; null without a limit. */
interface Amount {
  readonly count: number;
  readonly limit: number | null;
  readonly remaining: number | null;
}

function viewOf(quotas: QuotaTable, { id, own, underPolicies }: Holder): ConsumerQuota {
  const all = [...(own.length === 0 ? [] : [own]), ...underPolicies.map((held) => [held])];
  const shown = (period: 'daily' | 'monthly'): Amount =>
    all
      .map((held) => sumOf(quotas, held, period))
      .reduce((least, amount) => ((amount.remaining ?? Infinity) < (least.remaining ?? Infinity) ? amount : least));
  const [day, month] = [shown('daily'), shown('monthly')];
  return {
    consumer_id: id,
    daily_count: day.count,
    daily_limit: day.limit,
    monthly_count: month.count,
    monthly_limit: month.limit,
    daily_remaining: day.remaining,
    monthly_remaining: month.remaining,
  };
}

function sumOf(quotas: QuotaTable, held: readonly Held[], period: 'daily' | 'monthly'): Amount {
  const counts = held.map(({ subject }) => quotas.use(subject)[period]);
  const limits = held.map(({ limits: { [period]: limit } }) => limit);
  const left = limits.map((limit, index) => (limit === undefined ? undefined : Math.max(0, limit - (counts[index] ?? 0))));
  const total = (values: readonly (number | undefined)[]): number | null =>
    values.every((value) => value === undefined) ? null : values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  return { count: total(counts) ?? 0, limit: total(limits), remaining: total(left) };
}
