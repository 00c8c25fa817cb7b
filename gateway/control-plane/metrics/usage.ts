/** What a subscription has used of its quota this month (row SB14), by what gateways reported. */
import type { StoredResource } from '../../../schema/change.js';
import type { TenantSpec } from '../../../schema/kinds/tenant.js';
import { scale, scaleRateLimit, type RateLimit } from '../../../schema/rate-limit.js';
import type { Db } from '../context.js';
import { findPlan, type SubscriptionRow } from '../subscriptions/store.js';
import { countedOf, listUsage, type Counts } from './store.js';

/** How much of a quota is left, and until when. */
export interface QuotaUse {
  readonly limit: number;
  readonly used: number;
  readonly remaining: number;
  readonly resets_at: string;
}

export interface SubscriptionUsage {
  readonly subscription_id: string;
  /** The calendar month, UTC: `2026-11`. */
  readonly period: string;
  readonly requests: number;
  readonly errors: number;
  /** Of the month; null without one. */
  readonly quota: QuotaUse | null;
  /** Of today, where the plan has one. */
  readonly daily_quota: QuotaUse | null;
  /** Requests per hour, set at approval, as the gateway holds it. */
  readonly rate_limit: number | null;
  /** The limit of the plan, which holds beside it, as the gateway holds it. */
  readonly plan_rate_limit: RateLimit | null;
  readonly daily: readonly { readonly date: string; readonly requests: number; readonly errors: number }[];
}

const DAY_MS = 24 * 3_600_000;

/** The usage of the present month. `multiplier` is the tenant's factor on every limit. */
export async function usageOf(db: Db, subscription: SubscriptionRow, multiplier: number, now: number): Promise<SubscriptionUsage> {
  const today = new Date(now).toISOString().slice(0, 10);
  const period = today.slice(0, 7);
  const days = await listUsage(db, subscription.id, 'day', `${period}-01`, `${period}-31`);
  const plan = subscription.spec.plan === undefined ? undefined : await findPlan(db, subscription.tenant, subscription.spec.plan);
  const requests = sum(days.map((day) => day.requests));
  const monthly = smaller(subscription.quota ?? undefined, plan?.quota?.monthly);
  const nextMonth = Date.UTC(Number(period.slice(0, 4)), Number(period.slice(5)), 1);
  return {
    subscription_id: subscription.id,
    period,
    requests,
    errors: sum(days.map((day) => day.errors)),
    quota: quotaUse(scale(monthly, multiplier), countedOn(days), nextMonth),
    daily_quota: quotaUse(
      scale(plan?.quota?.daily, multiplier),
      countedOn(days.filter(({ at }) => at === today)),
      Date.parse(today) + DAY_MS,
    ),
    rate_limit: scale(subscription.rate_limit ?? undefined, multiplier) ?? null,
    plan_rate_limit: plan?.rate_limit === undefined ? null : scaleRateLimit(plan.rate_limit, multiplier),
    daily: daysUntil(today).map((date) => {
      const day = days.find(({ at }) => at === date);
      return { date, requests: day?.requests ?? 0, errors: day?.errors ?? 0 };
    }),
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

const smaller = (a: number | undefined, b: number | undefined): number | undefined => (a === undefined ? b : Math.min(a, b ?? a));

/** What multiplies every limit of a tenant. */
export const factorOf = ({ spec }: Pick<StoredResource, 'spec'>): number =>
  (spec as unknown as TenantSpec).settings.rate_limit_multiplier ?? 1;

const quotaUse = (limit: number | undefined, used: number, resetsAt: number): QuotaUse | null =>
  limit === undefined ? null : { limit, used, remaining: Math.max(0, limit - used), resets_at: new Date(resetsAt).toISOString() };

/** What a quota has counted on these days. Never below zero: of what a gateway takes back, the report may have been lost. */
const countedOn = (days: readonly Counts[]): number => Math.max(0, sum(days.map(countedOf)));

/** The days of a month up to one of them. */
const daysUntil = (today: string): string[] =>
  Array.from({ length: Number(today.slice(8)) }, (_, index) => `${today.slice(0, 8)}${String(index + 1).padStart(2, '0')}`);
