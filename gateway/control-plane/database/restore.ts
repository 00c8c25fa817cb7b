/**
 * Puts a backup in the place of a data directory's files. They are gathered and checked beside the old ones first; one rename then decides, and what comes after
 * it is carried out by whoever opens the directory next. A crash leaves the old state or the new one.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { StoaError } from '../../../schema/error.js';
import { backupList, digestOf, LIST_FILE, makeLast, sync, type BackupList } from './backup.js';
import { DATABASE_FILE } from './files.js';
import { requireSoundDatabase } from './integrity.js';
import { lockDirectory } from './lock.js';
import { migrations } from './migrations/index.js';

const DRAFT = 'restore.part';
/** A gathered backup under this name is decided upon: it replaces what is there. */
const DECIDED = 'restore';

/** Throws `conflict` when the backup is not whole, a control plane holds the directory, or it holds data and `force` is false; nothing is changed then. */
export function restore(source: string, directory: string, force: boolean): BackupList {
  const list = readList(source);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(directory);
  const draft = path.join(directory, DRAFT);
  try {
    finishRestore(directory);
    const held = [DATABASE_FILE, 'vault.key', 'issuer.pem'].find((name) => existsSync(path.join(directory, name)));
    if (held !== undefined && !force) {
      throw new StoaError('conflict', `"${directory}" holds data already (${held}).`, {
        hint: 'Take another directory with --data-dir; or give --force to lose what is there.',
      });
    }
    gather(source, draft, list);
    renameSync(draft, path.join(directory, DECIDED));
    sync(directory);
    finishRestore(directory);
    return list;
  } finally {
    rmSync(draft, { recursive: true, force: true });
    lock.release();
  }
}

/** Carries out a restore that was decided upon and cut off. The caller holds the lock. */
export function finishRestore(directory: string): void {
  const decided = path.join(directory, DECIDED);
  if (!existsSync(decided)) return;
  const names = readdirSync(decided);
  // The log of the old database goes only while the new database is not there yet: it would be taken for its own.
  if (names.includes(DATABASE_FILE)) {
    for (const suffix of ['-wal', '-shm']) rmSync(path.join(directory, `${DATABASE_FILE}${suffix}`), { force: true });
    sync(directory);
  }
  for (const name of names) renameSync(path.join(decided, name), path.join(directory, name));
  sync(directory);
  rmSync(decided, { recursive: true });
}

function readList(source: string): BackupList {
  try {
    const list = backupList.parse(JSON.parse(readFileSync(path.join(source, LIST_FILE), 'utf8')));
    if (list.files[DATABASE_FILE] === undefined || list.files['vault.key'] === undefined || list.files['issuer.pem'] === undefined)
      throw new Error('its list names too few files');
    return list;
  } catch (error) {
    throw new StoaError('conflict', `"${source}" is not a backup: ${LIST_FILE} is missing or damaged.`, {
      hint: 'Name a directory that "stoactl backup" has made.',
      cause: error,
    });
  }
}

/** Copies the files and looks at the copies, so that what was looked at is what is used. */
function gather(source: string, draft: string, { files }: BackupList): void {
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  for (const [name, digest] of Object.entries(files)) {
    const [from, to] = [path.join(source, name), path.join(draft, name)];
    if (!existsSync(from)) throw new StoaError('conflict', `The backup "${source}" is not whole: ${name} is missing. Nothing was changed.`);
    copyFileSync(from, to);
    if (digestOf(to) !== digest)
      throw new StoaError('conflict', `The backup "${source}" is damaged: ${name} has changed. Nothing was changed.`);
    makeLast(to);
  }
  const file = path.join(draft, DATABASE_FILE);
  requireSoundDatabase(file);
  requireKnownVersion(file);
  sync(draft);
}

function requireKnownVersion(file: string): void {
  const database = new BetterSqlite(file, { readonly: true });
  const version = Number(database.pragma('user_version', { simple: true }));
  database.close();
  if (version <= migrations.length) return;
  throw new StoaError('conflict', `The backup has version ${version}; this version of the product knows up to ${migrations.length}.`, {
    hint: 'Restore it with the version of the product that wrote it, or a newer one.',
  });
}
