/** The audit log over HTTP: two addresses, one answer (decision K10). */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { requireRight } from '../auth/roles.js';
import type { ControlPlane } from '../context.js';
import { offsetOf } from '../http/page.js';
import { parse, queryInteger } from '../http/parse.js';
import { requireTenant } from '../tenants/access.js';
import { countAudit, listAudit, type AuditFilter, type AuditRow } from './store.js';

const HOUR_MS = 3_600_000;
const TEN_YEARS_IN_HOURS = 87_660;

const word = z.string().min(1).max(500).optional();
const instant = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], { error: 'Expected an instant such as 2026-01-09T00:00:00Z, or a date.' })
  .transform((text) => new Date(text).toISOString())
  .optional();

/** Scripts count and group what one answer holds (document A), so that a page holds as much as it may unless they say otherwise. */
const auditQuery = z.strictObject({
  event_type: word,
  action: word,
  user: word,
  resource: word,
  consumer: word,
  hours: queryInteger(1, TEN_YEARS_IN_HOURS).optional(),
  from: instant,
  to: instant,
  page: queryInteger(1, 1_000_000).default(1),
  limit: queryInteger(1, 500).default(500),
});
const tenantParams = z.object({ tenant: z.string().min(1).max(200) });

/** Routes of the audit log, mounted below `/v1`. */
export const auditRoutes: FastifyPluginAsync<{ cp: ControlPlane }> = (app, { cp }) => {
  for (const path of ['/audit/:tenant', '/tenants/:tenant/logs']) app.get(path, (request) => answer(cp, request));
  return Promise.resolve();
};

async function answer(cp: ControlPlane, { actor, params, query }: FastifyRequest) {
  requireRight(actor, 'read');
  const tenant = await requireTenant(cp.db, actor, parse(tenantParams, params).tenant);
  const { event_type, hours, from, page, limit, ...rest } = parse(auditQuery, query);
  const since = hours === undefined ? undefined : new Date(cp.now() - hours * HOUR_MS).toISOString();
  // A tenant of the same name that was deleted before is somebody else's: only the platform sees its log.
  const born = actor.tenant === undefined ? undefined : tenant.created_at;
  const filter: AuditFilter = { ...rest, tenant: tenant.name, eventType: event_type, from: latest(from, since, born) };
  const total = await countAudit(cp.db, filter);
  const logs = (await listAudit(cp.db, filter, offsetOf({ page, limit }), limit)).map(logItem);
  return { logs, entries: logs, total, total_events: total, page, limit, has_more: page * limit < total };
}

const latest = (...instants: readonly (string | undefined)[]): string | undefined =>
  instants
    .filter((at) => at !== undefined)
    .sort()
    .at(-1);

function logItem({ id, action, event_type, resource, user, consumer, path, status, created_at, request_id, details }: AuditRow) {
  const seen = { id, action, event_type, resource, user, consumer, path, status, created_at, timestamp: created_at };
  return { ...seen, request_id, details: JSON.parse(details) as unknown };
}
