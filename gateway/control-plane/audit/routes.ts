/** The audit log over HTTP: two addresses, one answer (decision K10). */
import { Readable } from 'node:stream';
import * as z from 'zod';
import { keyOf } from '../../../schema/resource.js';
import type { ControlPlane } from '../context.js';
import { instant } from '../http/answers.js';
import { tenantEndpoint, type Endpoint, type TenantCall } from '../http/endpoint.js';
import { offsetOf } from '../http/page.js';
import { queryInteger } from '../http/parse.js';
import { nameGivenOnAt } from '../resources/revision-store.js';
import { exportAudit } from './export.js';
import { countAudit, listAudit, type AuditFilter } from './store.js';
import { viewEntry } from './view.js';

const HOUR_MS = 3_600_000;
const TEN_YEARS_IN_HOURS = 87_660;
const tag = 'Audit';

const word = (about: string) => z.string().min(1).max(500).optional().describe(about);
const moment = (about: string) =>
  z
    .union([z.iso.datetime({ offset: true }), z.iso.date()], { error: 'Expected an instant such as 2026-01-09T00:00:00Z, or a date.' })
    .transform((text) => new Date(text).toISOString())
    .optional()
    .describe(about);

const filters = {
  event_type: word('Only events of this type, such as rate_limit_exceeded.'),
  action: word('Only this action, such as api.created.'),
  user: word('Only what this user did.'),
  resource: word('Only what was done to this resource: its id, its name, or "API acme/payments".'),
  consumer: word('Only what concerns the consumer of this name.'),
  path: word('Only requests for this path.'),
  status: queryInteger(100, 599).optional().describe('Only requests that were answered with this status.'),
  request_id: word('Only what this request did.'),
  source: z.enum(['rest', 'apply', 'gateway']).optional().describe('Only what came this way.'),
  project: word('Only what this project applied.'),
  hours: queryInteger(1, TEN_YEARS_IN_HOURS).optional().describe('Only the last so many hours.'),
  from: moment('Only from this instant or date on.'),
  to: moment('Only before this instant or date.'),
};
type Wanted = z.output<z.ZodObject<typeof filters>>;

/** Scripts count and group what one answer holds (document A), so that a page holds as much as it may unless they say otherwise. */
const pageQuery = z.strictObject({
  ...filters,
  page: queryInteger(1, 1_000_000).default(1).describe('Number of the page, from 1.'),
  limit: queryInteger(1, 500).default(500).describe('How many entries a page holds.'),
});
const exportQuery = z.strictObject({
  ...filters,
  format: z.enum(['jsonl', 'csv']).default('jsonl').describe('JSON, one entry a line, or CSV with a header (RFC 4180).'),
});

const text = z.string().nullable();
const entry = z.strictObject({
  id: z.int().describe('Number of the entry.'),
  action: z.string().describe('What was done: api.created.'),
  event_type: z.string().describe('Type of the event; the action, for a change.'),
  resource: z.string().describe('Id of what it was done to; for an event the name of the API, or the path.'),
  resource_key: text.describe('Kind, tenant and name of the resource: API acme/payments.'),
  user: z.string().describe('Who did it.'),
  consumer: text.describe('The consumer it concerns.'),
  path: text.describe('Path of a request of live traffic.'),
  status: z.int().nullable().describe('Status that a request of live traffic was answered with.'),
  created_at: instant('When it happened.'),
  timestamp: instant('The same as "created_at".'),
  request_id: text.describe(
    'Id of the request that did it; everything that it took along has the same. Of live traffic the X-Request-Id of its answer.',
  ),
  source: z.enum(['rest', 'apply', 'gateway']).describe('Where it comes from.'),
  project: text.describe('The project that was applied.'),
  commit: text.describe('Commit of an apply, when known.'),
  ci_run: text.describe('CI run of an apply, when known.'),
  details: z
    .record(z.string(), z.unknown())
    .describe(
      'More about it; of a change the values "before" and "after", and in "cut" the places whose values were too long. Never a secret.',
    ),
});
const entries = z.array(entry);
const answer = z.strictObject({
  logs: entries.describe('The entries of this page, newest first.'),
  entries: entries.describe('The same as "logs".'),
  total: z.int().min(0).describe('How many entries there are on all pages.'),
  total_events: z.int().min(0).describe('The same as "total".'),
  page: z.int().min(1).describe('Number of this page, from 1.'),
  limit: z.int().min(1).describe('How many entries a page holds.'),
  has_more: z.boolean().describe('Whether there are further pages.'),
});

const listLogs = tenantEndpoint({
  id: 'listAuditLog',
  method: 'GET',
  urls: ['/audit/:tenant', '/tenants/:tenant/logs'],
  tag,
  summary: 'List who changed what, and events of live traffic; for the platform also of a tenant that was deleted',
  right: 'read',
  outlivesTenant: true,
  query: pageQuery,
  status: 200,
  answer,
  async handle(cp, { query: { page, limit, ...rest }, ...call }) {
    const filter = await filterOf(cp, call, rest);
    const total = await countAudit(cp.db, filter);
    const logs = (await listAudit(cp.db, filter, offsetOf({ page, limit }), limit)).map(viewEntry);
    return { logs, entries: logs, total, total_events: total, page, limit, has_more: page * limit < total };
  },
});

const exportLogs = tenantEndpoint({
  id: 'exportAuditLog',
  method: 'GET',
  urls: ['/audit/:tenant/export', '/tenants/:tenant/logs/export'],
  tag,
  summary: 'Download the audit log',
  right: 'read',
  outlivesTenant: true,
  query: exportQuery,
  status: 200,
  mediaTypes: ['application/x-ndjson', 'text/csv'],
  async handle(cp, { query: { format, ...rest }, reply, ...call }) {
    const day = new Date(cp.now()).toISOString().slice(0, 10);
    void reply
      .type(format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson; charset=utf-8')
      .header('content-disposition', `attachment; filename="audit-${call.tenant.name}-${day}.${format}"`);
    // One page is in memory at a time: the next is read when the client has taken the one before.
    return Readable.from(exportAudit(cp.db, await filterOf(cp, call, rest), format), { highWaterMark: 1 });
  },
});

export const auditEndpoints: readonly Endpoint[] = [listLogs, exportLogs];

/** Who asks, and for the log of whom. */
type Asked = Pick<TenantCall<unknown, unknown, unknown>, 'actor' | 'tenant' | 'request'>;

async function filterOf(cp: ControlPlane, asked: Asked, { resource, hours, from, to, ...rest }: Wanted): Promise<AuditFilter> {
  const { name: tenant } = asked.tenant;
  const since = hours === undefined ? undefined : new Date(cp.now() - hours * HOUR_MS).toISOString();
  const life = await lifeOf(cp, asked);
  const keys = (name: string): string[] => cp.catalog.kinds.map(({ kind }) => keyOf({ kind, tenant, name }));
  const resources = resource === undefined ? undefined : [resource, ...keys(resource)];
  return { ...rest, tenant, resources, from: inOrder(from, since, life.from).at(-1), to: inOrder(to, life.to)[0] };
}

/**
 * The log is kept by names, and a tenant of the same name before or after is somebody else: of what is under the name its own people see what was in its time,
 * and so does the platform by its id. By the name the platform sees all of it.
 */
async function lifeOf({ db }: ControlPlane, { actor, tenant, request }: Asked): Promise<Pick<AuditFilter, 'from' | 'to'>> {
  const { tenant: named } = request.params as { readonly tenant: string };
  if (actor.tenant === undefined && named !== tenant.id) return {};
  return { from: tenant.created_at, to: await nameGivenOnAt(db, tenant) };
}

const inOrder = (...instants: readonly (string | undefined)[]): string[] => instants.filter((at) => at !== undefined).sort();
