/** The audit log as text, piece by piece. */
import type { Db } from '../context.js';
import { auditAfter, lastAuditId, type AuditFilter, type AuditPlace, type AuditRow } from './store.js';
import { viewEntry } from './view.js';

const PAGE = 200;

const COLUMNS = [
  ...(['id', 'created_at', 'action', 'event_type', 'resource', 'resource_key', 'user', 'consumer', 'path', 'status'] as const),
  ...(['request_id', 'source', 'project', 'commit', 'ci_run', 'details'] as const),
] as const;

/** What a filter finds at the start, newest first: an entry that is written meanwhile is not part of it, and moves none. */
export async function* exportAudit(db: Db, filter: AuditFilter, format: 'jsonl' | 'csv'): AsyncGenerator<string> {
  const last = await lastAuditId(db);
  if (format === 'csv') yield csvLine(COLUMNS);
  const lineOf = format === 'csv' ? csvOf : jsonOf;
  let place: AuditPlace | undefined;
  for (;;) {
    const rows = await auditAfter(db, filter, last, place, PAGE);
    if (rows.length > 0) yield rows.map(lineOf).join('');
    if (rows.length < PAGE) return;
    place = rows.at(-1);
  }
}

const jsonOf = (row: AuditRow): string => `${JSON.stringify(viewEntry(row))}\n`;

function csvOf(row: AuditRow): string {
  const shown = viewEntry(row);
  return csvLine(COLUMNS.map((column) => (column === 'details' ? row.details : shown[column])));
}

const csvLine = (values: readonly (string | number | null)[]): string => `${values.map(csvValue).join(',')}\r\n`;

/** RFC 4180; a text that a spreadsheet would take for a formula gets an apostrophe in front. */
function csvValue(value: string | number | null): string {
  if (typeof value !== 'string') return value === null ? '' : String(value);
  const harmless = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
