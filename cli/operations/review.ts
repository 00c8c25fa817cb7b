/** The weekly review (document A, days 4 and 7): what was, what it means by A's tables, and what to do. */
import { existsSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { StoaError } from '../../schema/error.js';
import type { Client } from '../client.js';
import type { LimitHit, MetricsEntry } from '../review-client.js';
import type { Settings } from '../settings.js';
import { statusOf, type PartHealth } from './health.js';
import { staleKeys } from './keys.js';

const DAY_MS = 86_400_000;
const STALE_AFTER = '90d';
const ERROR_RATE = 0.01;
const DISK_SHARE = 0.8;

/** What should be looked at, with what to do. */
export interface Finding {
  readonly tenant?: string;
  readonly what: string;
  readonly action: string;
}

export interface TenantReview {
  readonly tenant: string;
  readonly requests: number;
  readonly errors: number;
  /** Share of the requests, 0 to 1. */
  readonly error_rate: number;
  /** Of the busiest day, milliseconds. */
  readonly p95_ms: number;
  readonly consumers: number;
  readonly limit_hits: number;
  /** Of the days since the first request. */
  readonly limit_hits_per_day: number;
  readonly limit_hits_advice: string;
  readonly top_limited: readonly { readonly consumer: string; readonly hits: number }[];
  readonly stale_keys: number;
}

export interface Review {
  readonly schema_version: 1;
  readonly from: string;
  readonly to: string;
  readonly hours: number;
  readonly parts: readonly PartHealth[];
  readonly tenants: readonly TenantReview[];
  readonly findings: readonly Finding[];
}

/** A's table of day 4: what the number of refused requests a day means (row AU6). */
export function limitAdvice(perDay: number): string {
  if (perDay === 0) return 'Your limits might be too generous: fine unless you have high traffic.';
  if (perDay <= 50) return 'Normal: clients occasionally burst over the limit.';
  if (perDay <= 500) return 'Review which consumers are hitting limits: they might need tiered plans.';
  return 'Either a misbehaving client, or your limits are too low for your traffic.';
}

/** Hours from a flag. Throws `usage_error`. */
export function hoursOf(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new StoaError('usage_error', `--hours takes a whole number from 1 to 9999; "${text}" is none.`, { hint: 'A week is 168.' });
}

/** Asks everything and says what to act on. `now` in epoch milliseconds. */
export async function reviewOf(settings: Settings, hours: number, now: number, client: Client): Promise<Review> {
  const { parts } = await statusOf(settings);
  const names = settings.tenant === undefined ? await client.lived.tenants() : [settings.tenant];
  const tenants: TenantReview[] = [];
  const findings = parts.flatMap(partFinding);
  for (const name of names) {
    const { review, found } = await reviewTenant(name, hours, now, client);
    tenants.push(review);
    findings.push(...found);
  }
  findings.push(...diskFindings(settings.configFile?.directory ?? process.cwd()));
  return {
    schema_version: 1,
    from: new Date(now - hours * 3_600_000).toISOString(),
    to: new Date(now).toISOString(),
    hours,
    parts,
    tenants,
    findings,
  };
}

const partFinding = ({ part, state, detail }: PartHealth): Finding[] =>
  state === 'ok' ? [] : [{ what: `The ${part} is ${state}: ${detail}.`, action: 'Investigate its log immediately.' }];

async function reviewTenant(tenant: string, hours: number, now: number, client: Client) {
  const days = Math.max(1, Math.ceil(hours / 24));
  const day = (back: number): string => new Date(now - back * DAY_MS).toISOString().slice(0, 10);
  const metrics = await client.review.metrics(tenant, day(Math.max(1, days - 1)), day(0));
  const { total, hits } = await client.review.limitHits(tenant, hours);
  const stale = await staleKeys({ tenant, subscription: undefined, now }, STALE_AFTER, client);
  const perDay = Math.ceil(total / Math.min(days, daysSeen(metrics, hits, now)));
  const { requests, errors } = sumOf(metrics);
  const review: TenantReview = {
    tenant,
    requests,
    errors,
    error_rate: requests === 0 ? 0 : errors / requests,
    p95_ms: metrics.reduce((most, entry) => Math.max(most, entry.p95), 0),
    consumers: await client.review.consumers(tenant),
    limit_hits: total,
    limit_hits_per_day: perDay,
    limit_hits_advice: limitAdvice(perDay),
    top_limited: topOf(hits),
    stale_keys: stale.keys.length,
  };
  const dead = await client.review.deadDeliveries(tenant);
  return { review, found: findingsOf(review, { dead, daily: dailyConsumers(hits, days), recent: sumOf(metrics.slice(-2)).requests }) };
}

/** Days since the first request or refusal of the period, at least 1: a tenant of two days has no week to be averaged over. */
function daysSeen(metrics: readonly MetricsEntry[], hits: readonly LimitHit[], now: number): number {
  const first = metrics.findIndex(({ requests }) => requests > 0);
  const oldest = Math.min(now, ...hits.map(({ created_at }) => Date.parse(created_at)));
  return Math.max(1, first === -1 ? 0 : metrics.length - first, Math.ceil((now - oldest) / DAY_MS));
}

const sumOf = (entries: readonly MetricsEntry[]) =>
  entries.reduce((sum, { requests, errors }) => ({ requests: sum.requests + requests, errors: sum.errors + errors }), {
    requests: 0,
    errors: 0,
  });

const nameOf = ({ consumer }: LimitHit): string => consumer ?? '(no consumer)';

function topOf(hits: readonly LimitHit[]): { consumer: string; hits: number }[] {
  const counts = new Map<string, number>();
  for (const hit of hits) counts.set(nameOf(hit), (counts.get(nameOf(hit)) ?? 0) + 1);
  return [...counts]
    .map(([consumer, count]) => ({ consumer, hits: count }))
    .sort((a, b) => b.hits - a.hits)
    .slice(0, 5);
}

/** Consumers that were refused on most days. */
function dailyConsumers(hits: readonly LimitHit[], days: number): string[] {
  const seen = new Map<string, Set<string>>();
  for (const hit of hits) seen.set(nameOf(hit), (seen.get(nameOf(hit)) ?? new Set()).add(hit.created_at.slice(0, 10)));
  return [...seen].filter(([, on]) => on.size > days / 2).map(([name]) => name);
}

interface Facts {
  readonly dead: number;
  readonly daily: readonly string[];
  /** Requests of yesterday and today. */
  readonly recent: number;
}

/** A's table of day 7, and what the product knows beside it. */
function findingsOf({ tenant, requests, error_rate, stale_keys }: TenantReview, { dead, daily, recent }: Facts): Finding[] {
  const percent = `${(error_rate * 100).toFixed(1)} %`;
  return [
    ...(error_rate > ERROR_RATE
      ? [
          {
            tenant,
            what: `${percent} of the requests were answered with an error.`,
            action: 'Find the root cause and fix it before it grows.',
          },
        ]
      : []),
    ...daily.map((consumer) => ({
      tenant,
      what: `Consumer ${consumer} hits its limit daily.`,
      action: 'Consider a larger plan for it, or a higher limit.',
    })),
    ...(requests > 0 && recent === 0
      ? [{ tenant, what: 'There was no request for 24 hours.', action: 'Check the integration of the clients: something may have broken.' }]
      : []),
    ...(stale_keys > 0
      ? [
          {
            tenant,
            what: `${stale_keys} active ${stale_keys === 1 ? 'key is' : 'keys are'} older than ${STALE_AFTER}.`,
            action: `stoactl keys stale --tenant ${tenant}`,
          },
        ]
      : []),
    ...(dead > 0
      ? [
          {
            tenant,
            what: `${dead} webhook deliveries were given up.`,
            action: `GET /v1/tenants/${tenant}/webhook-deliveries?status=dead says why; resend them.`,
          },
        ]
      : []),
  ];
}

/** The disk of the data directory, where it is on this machine. */
function diskFindings(directory: string): Finding[] {
  const data = path.join(directory, '.stoa');
  if (!existsSync(data)) return [];
  const { blocks, bavail } = statfsSync(data);
  const share = blocks === 0 ? 0 : 1 - bavail / blocks;
  if (share <= DISK_SHARE) return [];
  return [{ what: `The disk of ${data} is ${Math.round(share * 100)} % full.`, action: 'Clean up old logs and backups.' }];
}
