/** Rows of the audit log. Every mutation writes one in its own transaction, so that nothing happens without a trace. */
import type { ExpressionBuilder, ExpressionWrapper, SqlBool } from 'kysely';
import { redactApiKeys } from '../../../schema/api-key.js';
import type { Actor, Db, Trx } from '../context.js';
import type { AuditTable, Database } from '../database/tables.js';

export interface AuditEntry {
  /** Name of the tenant that the entry belongs to. */
  readonly tenant: string;
  /** What was done: `subscription.key_rotated`. */
  readonly action: string;
  /** As filtered by `?event_type=`; the action when absent. */
  readonly eventType?: string;
  /** What it was done to: an id or `keyOf` of a resource. */
  readonly resource: string;
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

export interface AuditFilter {
  readonly tenant: string;
  readonly eventType?: string | undefined;
  readonly action?: string | undefined;
  readonly user?: string | undefined;
  readonly resource?: string | undefined;
  readonly consumer?: string | undefined;
  /** ISO 8601 in UTC, inclusive. */
  readonly from?: string | undefined;
  /** ISO 8601 in UTC, exclusive. */
  readonly to?: string | undefined;
}

const SECRET_FIELD = /^(api_key|new_api_key|key|secret|secrets|client_secret|password|token|authorization|ciphertext|digest)$/i;

/** JSON of audit details without anything secret: fields that are secret by name, and whatever looks like an API key. */
export function auditDetails(details: unknown): string {
  const json = JSON.stringify(details ?? {}, (field, value: unknown) =>
    SECRET_FIELD.test(field) && value !== null && typeof value !== 'object' ? '[secret]' : value,
  );
  return redactApiKeys(json);
}

/** Writes one entry in the transaction of what it reports. */
export async function recordAudit(trx: Trx, entry: AuditEntry): Promise<void> {
  const row = {
    tenant: entry.tenant,
    action: entry.action,
    event_type: entry.eventType ?? entry.action,
    resource: entry.resource,
    user: entry.actor.name,
    consumer: entry.consumer ?? null,
    path: null,
    status: null,
    request_id: entry.actor.requestId,
    details: auditDetails(entry.details),
    event_id: null,
    created_at: new Date(entry.at).toISOString(),
  };
  await trx.insertInto('audit_log').values(row).execute();
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

type Row = ExpressionBuilder<Database, 'audit_log'>;

function matches(row: Row, filter: AuditFilter): ExpressionWrapper<Database, 'audit_log', SqlBool> {
  const equal = {
    event_type: filter.eventType,
    action: filter.action,
    user: filter.user,
    resource: filter.resource,
    consumer: filter.consumer,
  };
  const wanted = Object.entries(equal) as [keyof typeof equal, string | undefined][];
  return row.and([
    row('tenant', '=', filter.tenant),
    ...wanted.flatMap(([column, value]) => (value === undefined ? [] : [row(column, '=', value)])),
    ...(filter.from === undefined ? [] : [row('created_at', '>=', filter.from)]),
    ...(filter.to === undefined ? [] : [row('created_at', '<', filter.to)]),
  ]);
}
