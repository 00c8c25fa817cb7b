/** What is looked at before anything is started, so that nothing has to be undone. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type SqliteDatabase from 'better-sqlite3';
import { StoaError } from '../../../schema/error.js';

type Driver = typeof SqliteDatabase;

/** Throws when SQLite cannot be opened on this machine, or when a running control plane holds the data directory. */
export async function checkDatabase(dataDir: string): Promise<void> {
  const Database = await loadDriver();
  const file = join(dataDir, 'lock.db');
  if (!existsSync(file) || !isHeld(Database, file)) return;
  throw new StoaError('conflict', `The data directory ${dataDir} is in use by another running "stoactl dev".`, {
    hint: 'Stop that one, or give this one a directory and ports of its own with --data-dir, --control-port and --gateway-port.',
  });
}

async function loadDriver(): Promise<Driver> {
  try {
    const { default: Database } = await import('better-sqlite3');
    new Database(':memory:').close();
    return Database;
  } catch (error) {
    throw sqliteError(error);
  }
}

/** The binding is compiled at install; npm can leave it out without a word, and another Node needs another one. */
export function sqliteError(cause: unknown): StoaError {
  return new StoaError(
    'service_unavailable',
    `SQLite cannot be used: the native part of better-sqlite3 is missing, or was built for another Node.js than ${process.version}.`,
    {
      hint: 'Run this in the directory where stoactl is installed: npm rebuild better-sqlite3',
      cause,
    },
  );
}

/** The control plane keeps an exclusive transaction open on this file for as long as it runs: a lock that a crash cannot leave behind. */
function isHeld(Database: Driver, file: string): boolean {
  try {
    const lock = new Database(file, { timeout: 0, fileMustExist: true });
    try {
      lock.exec('BEGIN EXCLUSIVE; ROLLBACK');
    } finally {
      lock.close();
    }
    return false;
  } catch (error) {
    // Any other fault is the control plane's to report.
    return error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY';
  }
}
