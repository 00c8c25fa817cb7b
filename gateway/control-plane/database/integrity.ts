/** What is looked at before a database is opened for writing. Nothing here changes a byte of it. */
import BetterSqlite from 'better-sqlite3';
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import { StoaError } from '../../../schema/error.js';

const MAGIC = 'SQLite format 3\0';
/** What is made after the database: where one of them stands, there has been a database. */
const LATER_FILES = ['vault.key', 'issuer.pem'];

/** Throws when the file is damaged, or when it is gone from a directory that held data. */
export function requireSoundDatabase(file: string): void {
  if (isEmpty(file)) return void requireFreshDirectory(file);
  if (!hasHeader(file)) throw damaged(file, 'it does not begin like a SQLite database');
  const problem = findProblem(file);
  if (problem !== undefined) throw damaged(file, problem);
}

const isEmpty = (file: string): boolean => !existsSync(file) || statSync(file).size === 0;

/** An empty database is made only where there was none: never over data that has lost its main file. */
function requireFreshDirectory(file: string): void {
  const directory = path.dirname(file);
  const left = [`${path.basename(file)}-wal`, ...LATER_FILES].filter((name) => !isEmpty(path.join(directory, name)));
  if (left.length === 0) return;
  throw new StoaError(
    'conflict',
    `"${file}" is missing or empty, although "${directory}" has held a database (${left.join(', ')} is there).`,
    {
      hint: 'Restore the file from a backup; or, to start over without the old data, move the whole directory away.',
    },
  );
}

function hasHeader(file: string): boolean {
  const head = Buffer.alloc(MAGIC.length);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, head, 0, head.length, 0);
  } finally {
    closeSync(descriptor);
  }
  return head.toString('latin1') === MAGIC;
}

/** The first thing that SQLite finds wrong. The file is opened read-only, so that not even its log is written back. */
function findProblem(file: string): string | undefined {
  try {
    const database = new BetterSqlite(file, { readonly: true, fileMustExist: true });
    try {
      const result: unknown = database.pragma('integrity_check(1)', { simple: true });
      if (result !== 'ok') return String(result).trim();
      const orphans = database.pragma('foreign_key_check') as unknown[];
      return orphans.length === 0 ? undefined : `${orphans.length} rows refer to rows that do not exist`;
    } finally {
      database.close();
    }
  } catch (error) {
    if (error instanceof BetterSqlite.SqliteError) return error.message;
    throw error;
  }
}

function damaged(file: string, problem: string): StoaError {
  return new StoaError('conflict', `The database "${file}" is damaged: ${problem}. It was left as it is.`, {
    hint: 'Restore it from a backup, or recover what can be read with "sqlite3 control-plane.db .recover".',
  });
}
