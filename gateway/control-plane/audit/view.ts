/** An audit entry as it is shown, in a list and in an export. */
import type { AuditRow } from './store.js';

export interface AuditView extends Omit<AuditRow, 'git_commit' | 'event_id' | 'tenant' | 'details'> {
  readonly timestamp: string;
  readonly commit: string | null;
  readonly details: unknown;
}

/** The fields of an entry, in the order of the columns of an export. */
export function viewEntry(row: AuditRow): AuditView {
  const { id, action, event_type, resource, resource_key, user, consumer, path, status, created_at, request_id } = row;
  const { source, project, git_commit, ci_run, details } = row;
  const seen = { id, action, event_type, resource, resource_key, user, consumer, path, status, created_at, timestamp: created_at };
  return { ...seen, request_id, source, project, commit: git_commit, ci_run, details: JSON.parse(details) as unknown };
}
