/** Rows of the audit log. Every mutation writes one in its own transaction, so that nothing happens without a trace. */
import type { ExpressionBuilder, ExpressionWrapper, SqlBool } from 'kysely';
import type { Actor, Db, Origin, Trx } from '../context.js';
import type { AuditTable, Database } from '../database/tables.js';
import { auditDetails } from './details.js';

export interface AuditEntry {
  /** Name of the tenant that the entry belongs to. */
  readonly tenant: string;
  /** What was done: `subscription.key_rotated`. */
  readonly action: string;
  /** Id of what it was done to. */
  readonly resource: string;
  /** `keyOf` it, when it is a declared resource. */
  readonly key?: string;
  readonly actor: Actor;
  /** Name of the consumer it concerns. */
  readonly consumer?: string;
  /** Anything of use to a reader. Secrets and API keys are cut out before it is stored. */
  readonly details?: unknown;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** A row as it is read, whoever wrote it. */
export type AuditRow = Omit<AuditTable, 'id'> & { readonly id: number };

/** Columns that a filter compares as they are. */
const COLUMNS = ['event_type', 'action', 'user', 'consumer', 'path', 'status', 'request_id', 'source', 'project'] as const;
type Column = (typeof COLUMNS)[number];

export interface AuditFilter extends Readonly<Partial<Record<Exclude<Column, 'status'>, string | undefined>>> {
  readonly tenant: string;
  readonly status?: number | undefined;
  /** What it was done to is one of these: ids, or `keyOf` resources. */
  readonly resources?: readonly string[] | undefined;
  /** ISO 8601 in UTC, inclusive. */
  readonly from?: string | undefined;
  /** ISO 8601 in UTC, exclusive. */
  readonly to?: string | undefined;
}

/** Rows that are written by one statement. */
const CHUNK = 200;
const REST: Origin = { project: null, source: {} };

/** Writes one entry in the transaction of what it reports. */
export const recordAudit = (trx: Trx, entry: AuditEntry): Promise<void> => recordAudits(trx, [entry]);

/** Writes entries in the transaction of what they report, in their order. */
export async function recordAudits(trx: Trx, entries: readonly AuditEntry[]): Promise<void> {
  for (let start = 0; start < entries.length; start += CHUNK)
    await trx
      .insertInto('audit_log')
      .values(entries.slice(start, start + CHUNK).map(rowOf))
      .execute();
}

function rowOf({ tenant, action, resource, key, actor, consumer, details, at }: AuditEntry): Omit<AuditTable, 'id'> {
  const { project, source } = actor.origin ?? REST;
  return {
    tenant,
    action,
    event_type: action,
    resource,
    resource_key: key ?? null,
    user: actor.name,
    consumer: consumer ?? null,
    path: null,
    status: null,
    request_id: actor.requestId,
    source: project === null ? 'rest' : 'apply',
    project,
    git_commit: source.commit ?? null,
    ci_run: source.ci_run ?? null,
    details: auditDetails(details),
    event_id: null,
    created_at: new Date(at).toISOString(),
  };
}

/** Stores what gateways report; a row whose `event_id` is known already is left out. Returns how many were new. */
export async function insertEvents(trx: Trx, rows: readonly Omit<AuditTable, 'id'>[]): Promise<number> {
  let added = 0n;
  for (let start = 0; start < rows.length; start += 500) {
    const insert = trx.insertInto('audit_log').values(rows.slice(start, start + 500));
    const result = await insert.onConflict((conflict) => conflict.doNothing()).executeTakeFirst();
    added += result.numInsertedOrUpdatedRows ?? 0n;
  }
  return Number(added);
}

/** One page of the log, newest first. */
export function listAudit(db: Db, filter: AuditFilter, offset: number, limit: number): Promise<AuditRow[]> {
  const query = db
    .selectFrom('audit_log')
    .selectAll()
    .where((row) => matches(row, filter));
  return query.orderBy('created_at', 'desc').orderBy('id', 'desc').offset(offset).limit(limit).execute();
}

/** How many entries a filter finds, exactly. */
export async function countAudit(db: Db, filter: AuditFilter): Promise<number> {
  const query = db.selectFrom('audit_log').select(({ fn }) => fn.countAll().as('count'));
  const { count } = await query.where((row) => matches(row, filter)).executeTakeFirstOrThrow();
  return Number(count);
}

/** The place of an entry in the log. */
export interface AuditPlace {
  readonly created_at: string;
  readonly id: number;
}

/** Number of the newest entry of all; 0 in an empty log. */
export async function lastAuditId(db: Db): Promise<number> {
  const { last } = await db
    .selectFrom('audit_log')
    .select(({ fn }) => fn.max('id').as('last'))
    .executeTakeFirstOrThrow();
  // Null over no rows, whatever the type says.
  return Number((last as unknown) ?? 0);
}

/** The entries right after a place, newest first, of those that are no newer than `last`. */
export function auditAfter(db: Db, filter: AuditFilter, last: number, place: AuditPlace | undefined, limit: number): Promise<AuditRow[]> {
  let query = db
    .selectFrom('audit_log')
    .selectAll()
    .where((row) => matches(row, filter))
    .where('id', '<=', last);
  if (place !== undefined) {
    const { created_at, id } = place;
    // The first of the two conditions is for the index.
    query = query.where('created_at', '<=', created_at).where((row) => row.or([row('created_at', '<', created_at), row('id', '<', id)]));
  }
  return query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute();
}

/** Deletes at most `limit` entries from before an instant, the oldest first. Returns how many went. */
export async function deleteAudit(db: Db, before: string, limit: number): Promise<number> {
  const old = db.selectFrom('audit_log').select('id').where('created_at', '<', before).orderBy('created_at').limit(limit);
  const { numDeletedRows } = await db.deleteFrom('audit_log').where('id', 'in', old).executeTakeFirst();
  return Number(numDeletedRows);
}

type Row = ExpressionBuilder<Database, 'audit_log'>;

function matches(row: Row, filter: AuditFilter): ExpressionWrapper<Database, 'audit_log', SqlBool> {
  const { resources } = filter;
  return row.and([
    row('tenant', '=', filter.tenant),
    ...COLUMNS.flatMap((column) => (filter[column] === undefined ? [] : [row(column, '=', filter[column])])),
    ...(resources === undefined ? [] : [row.or([row('resource', 'in', resources), row('resource_key', 'in', resources)])]),
    ...(filter.from === undefined ? [] : [row('created_at', '>=', filter.from)]),
    ...(filter.to === undefined ? [] : [row('created_at', '<', filter.to)]),
  ]);
}
