/** Why requests get 429: which limits hold for a consumer, how far it went over them, and when they let it through again. */
import type { StoredResource } from '../../../schema/change.js';
import type { PolicySpec, PolicyTarget } from '../../../schema/kinds/policy.js';
import { scaleRateLimit } from '../../../schema/rate-limit.js';
import type { AuditEntry } from '../../review-client.js';
import type { TenantFacts } from './facts.js';
import { note, ok, problem, span, type Finding } from './finding.js';

/** What a gateway says about a consumer's quota (document D). */
export interface QuotaState {
  readonly daily_count: number;
  readonly daily_limit: number | null;
  readonly monthly_count: number;
  readonly monthly_limit: number | null;
}

interface Limiter {
  readonly name: string;
  readonly limit: number;
  readonly seconds: number;
}

/** What has refused requests of a consumer in the last day; `quota` where a gateway has told. */
export function limitFindings(facts: TenantFacts, consumer: string, quota: QuotaState | undefined, now: number): Finding[] {
  const spent = quotaFindings(consumer, quota, now);
  const hits = facts.events.rate_limit_exceeded;
  if (hits.length === 0) return spent.length > 0 ? spent : [ok('limit', `No limit refused a request of ${consumer} in 24 hours.`)];
  return [...spent, ...[...byApi(hits)].map(([api, entries]) => apiFinding(facts, consumer, api, entries, now))];
}

function apiFinding(facts: TenantFacts, consumer: string, api: string, hits: readonly AuditEntry[], now: number): Finding {
  const [tightest] = limitersOf(facts, consumer, api).sort((a, b) => a.limit / a.seconds - b.limit / b.seconds);
  const last = now - Date.parse(hits[0]?.created_at ?? '');
  const what = `${hits.length} requests of ${consumer} to ${facts.name}/${api} were refused with 429 in 24 hours, the last ${span(last)} ago`;
  if (tightest === undefined)
    return note('limit', `${what}; no limit of a window holds for it now.`, 'It was a quota, or a limit that has been changed since.');
  const { name, limit, seconds } = tightest;
  const over = most(hits, seconds * 1000);
  const reset = last < seconds * 1000 ? ` It lets requests through again in ${span(seconds * 1000 - last)} at the latest.` : '';
  const said = `${what}. The tightest limit is ${name}: ${limit} in ${span(seconds * 1000)}; at worst ${over} too many came in that time.${reset}`;
  const action = `If the use is right, raise that limit (about ${limit + over} in ${span(seconds * 1000)} would have been enough), or give ${consumer} a larger plan; else ask the client to wait for Retry-After.`;
  return last < seconds * 1000 ? problem('limit', said, action) : note('limit', said, action);
}

/** Everything with a window that holds for a consumer's requests to an API: all must pass. */
function limitersOf(facts: TenantFacts, consumer: string, api: string): Limiter[] {
  const subscription = facts.subscriptions.find((each) => each.consumer === consumer && each.api === api);
  const { rate_limit_multiplier: factor = 1 } = facts.tenant.settings;
  const limiter = (name: string, config: unknown): Limiter[] => {
    if (config === undefined || config === null) return [];
    const { limit, burst, window_secs } = scaleRateLimit(config, factor);
    return [{ name, limit: limit + burst, seconds: window_secs }];
  };
  const policy = rulingPolicy(facts, consumer, api);
  const plan = facts.plans.find(({ name }) => name === subscription?.plan);
  return [
    ...(policy === undefined ? [] : limiter(`policy ${facts.name}/${policy.name}`, policy.spec['config'])),
    ...limiter(`rate_limit of API ${facts.name}/${api}`, facts.apis.find(({ name }) => name === api)?.spec['rate_limit']),
    ...limiter(`plan ${facts.name}/${plan?.name ?? ''}`, plan?.spec['rate_limit']),
    ...limiter(
      `the approval of subscription ${facts.name}/${subscription?.name ?? ''}`,
      subscription?.rate_limit === null || subscription?.rate_limit === undefined
        ? undefined
        : { limit: subscription.rate_limit, window_secs: 3600 },
    ),
  ];
}

/** Of several rate_limit policies the lowest priority number rules, then the closest target, then the newest. */
function rulingPolicy(facts: TenantFacts, consumer: string, api: string): StoredResource | undefined {
  const closeness = ({ spec }: StoredResource): number => {
    const { scope, targets } = spec as unknown as PolicySpec;
    if (targets.length === 0) return scope === 'tenant' ? 1 : 0;
    return Math.max(...targets.map((target) => CLOSENESS[target.kind](target, { tenant: facts.name, consumer, api })));
  };
  const priority = ({ spec }: StoredResource): number => (spec as unknown as PolicySpec).priority;
  return facts.policies
    .filter((policy) => policy.spec['policy_type'] === 'rate_limit' && policy.spec['enabled'] !== false && closeness(policy) > 0)
    .sort((a, b) => priority(a) - priority(b) || closeness(b) - closeness(a) || (a.created_at < b.created_at ? 1 : -1))[0];
}

interface Caller {
  readonly tenant: string;
  readonly consumer: string;
  readonly api: string;
}

/** How closely a target names a caller; 0 when it is about others. */
const CLOSENESS: Readonly<Record<PolicyTarget['kind'], (target: PolicyTarget, caller: Caller) => number>> = {
  Tenant: ({ name }, { tenant }) => (name === tenant ? 1 : 0),
  Consumer: ({ name }, { consumer }) => (name === consumer ? 2 : 0),
  API: ({ name, consumer: only }, { api, consumer }) => (name !== api ? 0 : only === undefined ? 2 : only === consumer ? 3 : 0),
};

function byApi(hits: readonly AuditEntry[]): Map<string, AuditEntry[]> {
  const found = new Map<string, AuditEntry[]>();
  for (const hit of hits) {
    const api = typeof hit.details['api'] === 'string' ? hit.details['api'] : hit.resource;
    found.set(api, [...(found.get(api) ?? []), hit]);
  }
  return found;
}

/** The most refusals in any span of a window. Newest first. */
function most(hits: readonly AuditEntry[], windowMs: number): number {
  const times = hits.map(({ created_at }) => Date.parse(created_at));
  let end = 0;
  return times.reduce((best, time, start) => {
    while (end < times.length && time - (times[end] ?? 0) < windowMs) end += 1;
    return Math.max(best, end - start);
  }, 0);
}

function quotaFindings(consumer: string, quota: QuotaState | undefined, now: number): Finding[] {
  const today = new Date(now);
  const [year, month] = [today.getUTCFullYear(), today.getUTCMonth()];
  const periods = [
    ['day', quota?.daily_count, quota?.daily_limit, Date.UTC(year, month, today.getUTCDate() + 1)],
    ['month', quota?.monthly_count, quota?.monthly_limit, Date.UTC(year, month + 1, 1)],
  ] as const;
  return periods.flatMap(([period, count = 0, limit = null, reset]) => {
    if (limit === null) return [];
    const used = `Consumer ${consumer} has used ${count} of ${limit} requests of its quota of the ${period}`;
    if (count < limit) return [ok('limit', `${used}.`)];
    return [
      problem(
        'limit',
        `${used}: further ones get 429 until ${new Date(reset).toISOString()}, in ${span(reset - now)}.`,
        `Give it a larger plan, or set the count back: POST /admin/quotas/${consumer}/reset on the gateway.`,
      ),
    ];
  });
}
