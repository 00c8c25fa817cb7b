/** The audit log for a person, and one entry a line for programs. */
import type { AuditListing } from '../operations/audit.js';
import { printable, type Paint } from './paint.js';
import { tableText } from './table.js';

type Entry = AuditListing['entries'][number];

/** A table, newest first, and how many more there are. */
export function auditText({ entries, total }: AuditListing, paint: Paint): string {
  if (entries.length === 0) return 'There are no such entries.\n';
  const text = tableText<Entry>(
    entries,
    [
      { title: 'at', value: ({ created_at }) => created_at.slice(0, 19) },
      { title: 'tenant', narrow: 'out', value: ({ tenant }) => tenant },
      { title: 'action', value: ({ action }) => action },
      { title: 'resource', value: ({ resource, resource_key }) => resource_key ?? resource },
      { title: 'consumer', narrow: 'out', value: ({ consumer }) => consumer ?? '' },
      { title: 'by', narrow: 'cut', value: ({ user }) => user },
      { title: 'source', narrow: 'out', value: ({ source }) => source },
    ],
    paint,
  );
  return entries.length === total ? text : `${text}${printable(`… and ${total - entries.length} older ones: --limit shows more.`)}\n`;
}

/** JSON lines. */
export const auditLines = ({ entries }: AuditListing): string => entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
