/** The audit log: who changed what, and events of live traffic. */
import { parseDuration } from '../../schema/duration.js';
import { StoaError } from '../../schema/error.js';
import type { Client } from '../client.js';
import type { AuditEntry } from '../review-client.js';

const MAX_ENTRIES = 10_000;

export interface AuditQuery {
  readonly tenant: string | undefined;
  readonly action: string | undefined;
  readonly user: string | undefined;
  /** Id, name, or kind and name as `API acme/payments`. */
  readonly resource: string | undefined;
  readonly consumer: string | undefined;
  /** A duration: 24h. */
  readonly since: string | undefined;
  readonly limit: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

export interface AuditListing {
  readonly schema_version: 1;
  /** How many there are, shown or not. */
  readonly total: number;
  readonly entries: readonly (AuditEntry & { readonly tenant: string })[];
}

/** The newest entries that match, of one tenant or of all that the token sees. Throws `usage_error`. */
export async function readAudit(query: AuditQuery, { lived, review }: Client): Promise<AuditListing> {
  const limit = limitOf(query.limit);
  const { action, user, resource, consumer } = query;
  const filter = { action, user, resource, consumer, from: fromOf(query.since, query.now) };
  const tenants = query.tenant === undefined ? await lived.tenants() : [query.tenant];
  let total = 0;
  const entries: (AuditEntry & { tenant: string })[] = [];
  for (const tenant of tenants) {
    const found = await review.audit(tenant, filter, limit);
    total += found.total;
    entries.push(...found.entries.map((entry) => ({ ...entry, tenant })));
  }
  entries.sort((a, b) => (a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : 0));
  return { schema_version: 1, total, entries: entries.slice(0, limit) };
}

function limitOf(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= MAX_ENTRIES) return Number(text);
  throw new StoaError('usage_error', `--limit takes a whole number from 1 to ${MAX_ENTRIES}; "${text}" is none.`, {
    hint: 'More is downloaded as a whole: GET /v1/audit/{tenant}/export.',
  });
}

function fromOf(since: string | undefined, now: number): string | undefined {
  if (since === undefined) return undefined;
  const ms = parseDuration(since);
  if (ms === undefined) throw new StoaError('usage_error', `--since: "${since}" is not a duration.`, { hint: 'Write it as 24h or 7d.' });
  return new Date(now - ms).toISOString();
}
