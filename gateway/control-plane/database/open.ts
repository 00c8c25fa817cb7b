/** The database of a data directory: locked, checked, opened, migrated. */
import BetterSqlite from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { StoaError } from '../../../schema/error.js';
import { OwnSqliteDialect } from './dialect.js';
import { DATABASE_FILE } from './files.js';
import { requireSoundDatabase } from './integrity.js';
import { lockDirectory } from './lock.js';
import { migrate } from './migrate.js';
import { finishRestore } from './restore.js';
import type { Database } from './tables.js';

export interface OpenDatabase {
  readonly db: Kysely<Database>;
  /** Writes the log back, closes the file and frees the directory. */
  close(): Promise<void>;
}

/**
 * Opens the database of a directory, which is made when it is not there (0700, files 0600).
 * Throws when another process holds the directory, or when the database is damaged or lost: it is then left untouched.
 */
export async function openDatabase(directory: string): Promise<OpenDatabase> {
  makeDirectory(directory);
  const lock = lockDirectory(directory);
  try {
    finishRestore(directory);
    const file = path.join(directory, DATABASE_FILE);
    requireSoundDatabase(file);
    makePrivate(file);
    const { db, close } = await connect(new BetterSqlite(file));
    return {
      db,
      close: async () => {
        await close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** A database in memory, for tests: a new one, or one that the test watches. */
export function openMemoryDatabase(database: BetterSqlite.Database = new BetterSqlite(':memory:')): Promise<OpenDatabase> {
  return connect(database);
}

/** Migrated. Every acknowledged write is on the disk: WAL with synchronous FULL. */
async function connect(database: BetterSqlite.Database): Promise<OpenDatabase> {
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.pragma('foreign_keys = ON');
  database.pragma('busy_timeout = 5000');
  database.pragma('trusted_schema = OFF');
  await migrate(new Kysely<Database>({ dialect: new SqliteDialect({ database }) }));
  const db = new Kysely<Database>({ dialect: new OwnSqliteDialect(database) });
  const close = async (): Promise<void> => {
    await db.destroy();
    // kysely closes only what it has used.
    database.close();
  };
  return { db, close };
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (existsSync(path.join(directory, DATABASE_FILE))) chmodSync(directory, 0o700);
  } catch (error) {
    throw new StoaError('conflict', `The data directory "${directory}" cannot be used: ${(error as Error).message}.`, {
      hint: 'Give another one with --data-dir.',
      cause: error,
    });
  }
}

/** SQLite gives its log the mode of the database. */
function makePrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
}

/** Codes of SQLite that say that the database cannot be used at the moment, rather than that a statement is wrong. */
const UNUSABLE = /^SQLITE_(IOERR|FULL|CANTOPEN|READONLY|CORRUPT|NOTADB|BUSY|LOCKED|PERM)/;

/** Whether an error says that the database cannot be used: disk full, not readable, damaged. */
export const isDatabaseFailure = (error: unknown): boolean => error instanceof BetterSqlite.SqliteError && UNUSABLE.test(error.code);

/** Whether an error is a broken UNIQUE or PRIMARY KEY constraint. */
export const isUniqueViolation = (error: unknown): boolean =>
  error instanceof BetterSqlite.SqliteError && /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/.test(error.code);
