/** One process for one data directory. The operating system drops the lock with the process, so that none is ever stale. */
import BetterSqlite from 'better-sqlite3';
import { chmodSync } from 'node:fs';
import path from 'node:path';
import { StoaError } from '../../../schema/error.js';

/** Holds the directory until `release`. Throws `conflict` when another process holds it. */
export function lockDirectory(directory: string): { release(): void } {
  const file = path.join(directory, 'lock.db');
  const lock = new BetterSqlite(file, { timeout: 200 });
  try {
    chmodSync(file, 0o600);
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!(error instanceof BetterSqlite.SqliteError) || !error.code.startsWith('SQLITE_BUSY')) throw error;
    throw new StoaError('conflict', `The data directory "${directory}" is in use by another control plane.`, {
      hint: 'Stop the other one, or give this one a directory of its own with --data-dir.',
      cause: error,
    });
  }
  return { release: () => void lock.close() };
}
