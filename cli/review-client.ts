/** What a review asks the control plane about a tenant. */
import type { FieldChange } from '../schema/change.js';
import type { Resource, ResourceKey } from '../schema/resource.js';
import type { Call } from './session.js';

export interface MetricsEntry {
  readonly requests: number;
  readonly errors: number;
  readonly p95: number;
}

export interface LimitHit {
  readonly consumer: string | null;
  readonly created_at: string;
}

/** An entry of the audit log. */
export interface AuditEntry {
  readonly id: string | number;
  readonly tenant?: string;
  readonly action: string;
  readonly resource: string;
  readonly resource_key: string | null;
  readonly user: string;
  readonly consumer: string | null;
  readonly source: string;
  readonly status: number | null;
  readonly created_at: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** A revision of declared state. */
export interface RevisionRecord {
  readonly revision: number;
  readonly project: string | null;
  readonly actor: string;
  readonly commit: string | null;
  readonly ci_run: string | null;
  readonly created_at: string;
  readonly created: number;
  readonly updated: number;
  readonly deleted: number;
  /** Of a single one. */
  readonly changes?: readonly (ResourceKey & {
    readonly action: 'create' | 'update' | 'delete';
    readonly fields: readonly FieldChange[];
  })[];
}

export interface ReviewClient {
  /** The newest revisions, at most 100. */
  revisions(filter: Readonly<Record<string, string | undefined>>): Promise<RevisionRecord[]>;
  revision(number: string): Promise<RevisionRecord>;
  /** What a project declared after a revision. */
  resourcesAt(number: string, project: string): Promise<Resource[]>;
  /** The newest entries of a tenant's log that match, at most `limit`, and how many match in all. */
  audit(
    tenant: string,
    filter: Readonly<Record<string, string | undefined>>,
    limit: number,
  ): Promise<{ readonly total: number; readonly entries: AuditEntry[] }>;
  /** One entry a day of these days (UTC, `2026-11-26`), both included. */
  metrics(tenant: string, from: string, to: string): Promise<MetricsEntry[]>;
  /** What reached an API on these days, both included. */
  apiMetrics(tenant: string, api: string, from: string, to: string): Promise<Pick<MetricsEntry, 'requests' | 'errors'>>;
  /** Requests that a limit refused in the last hours: the exact number, and the newest of them, at most 5 000. */
  limitHits(tenant: string, hours: number): Promise<{ readonly total: number; readonly hits: LimitHit[] }>;
  consumers(tenant: string): Promise<number>;
  /** Webhook deliveries that were given up. */
  deadDeliveries(tenant: string): Promise<number>;
}

const PAGE = 500;
const RESOURCES_PAGE = 1000;
const MAX_PAGES = 10;

export function createReviewClient(call: Call): ReviewClient {
  const below = (tenant: string): string => `/tenants/${encodeURIComponent(tenant)}`;
  const total = async (path: string): Promise<number> => ((await call('GET', path)) as { total: number }).total;
  return {
    revisions: async (filter) => {
      const given = Object.entries(filter).filter((entry): entry is [string, string] => entry[1] !== undefined);
      return ((await call('GET', `/revisions?${new URLSearchParams(given).toString()}`)) as { revisions: RevisionRecord[] }).revisions;
    },
    revision: async (number) => (await call('GET', `/revisions/${encodeURIComponent(number)}`)) as RevisionRecord,
    resourcesAt: async (number, project) => {
      const found: Resource[] = [];
      for (let page = 1; ; page += 1) {
        const search = new URLSearchParams({ project, page: String(page), limit: String(RESOURCES_PAGE) });
        const path = `/revisions/${encodeURIComponent(number)}/resources?${search.toString()}`;
        const { resources, total } = (await call('GET', path)) as { resources: Resource[]; total: number };
        found.push(...resources);
        if (resources.length < RESOURCES_PAGE || found.length >= total) return found;
      }
    },
    audit: async (tenant, filter, limit) => {
      const given = Object.entries(filter).filter((entry): entry is [string, string] => entry[1] !== undefined);
      const size = Math.min(PAGE, limit);
      const entries: AuditEntry[] = [];
      for (let page = 1; ; page += 1) {
        const search = new URLSearchParams([...given, ['limit', String(size)], ['page', String(page)]]);
        const answer = (await call('GET', `${below(tenant)}/logs?${search.toString()}`)) as {
          logs: AuditEntry[];
          total: number;
          has_more: boolean;
        };
        entries.push(...answer.logs);
        if (!answer.has_more || entries.length >= limit) return { total: answer.total, entries: entries.slice(0, limit) };
      }
    },
    metrics: async (tenant, from, to) => {
      const answer = (await call('GET', `${below(tenant)}/metrics?start_date=${from}&end_date=${to}&granularity=day`)) as {
        metrics: { requests: number; errors: number; p95_latency_ms: number }[];
      };
      return answer.metrics.map(({ requests, errors, p95_latency_ms: p95 }) => ({ requests, errors, p95 }));
    },
    apiMetrics: async (tenant, api, from, to) => {
      const path = `${below(tenant)}/apis/${encodeURIComponent(api)}/metrics?start_date=${from}&end_date=${to}&granularity=day`;
      const { metrics } = (await call('GET', path)) as { metrics: { requests: number; errors: number }[] };
      const sum = (field: 'requests' | 'errors'): number => metrics.reduce((total, entry) => total + entry[field], 0);
      return { requests: sum('requests'), errors: sum('errors') };
    },
    limitHits: async (tenant, hours) => {
      const hits: LimitHit[] = [];
      for (let page = 1; ; page += 1) {
        const query = `event_type=rate_limit_exceeded&hours=${hours}&limit=${PAGE}&page=${page}`;
        const answer = (await call('GET', `${below(tenant)}/logs?${query}`)) as { logs: LimitHit[]; total: number; has_more: boolean };
        hits.push(...answer.logs);
        if (!answer.has_more || page === MAX_PAGES) return { total: answer.total, hits };
      }
    },
    consumers: (tenant) => total(`${below(tenant)}/consumers?limit=1`),
    deadDeliveries: (tenant) => total(`${below(tenant)}/webhook-deliveries?status=dead&limit=1`),
  };
}
