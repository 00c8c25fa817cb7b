/**
 * Backups of a data directory: a directory with the database as it was at one moment, the keys that open its secrets, and `backup.json`, which names each file
 * with its digest.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import BetterSqlite from 'better-sqlite3';
import * as z from 'zod';
import { StoaError } from '../../../schema/error.js';
import { DATABASE_FILE } from './files.js';

/** What lists the files of a backup. */
export const LIST_FILE = 'backup.json';
/** Without these a restored database could not be used; `gateway.token` may also come from the environment. */
const REQUIRED = ['vault.key', 'issuer.pem'];
const KEY_FILES = [...REQUIRED, 'gateway.token'] as const;

export const backupList = z.strictObject({
  format: z.literal(1),
  made_at: z.iso.datetime(),
  files: z.partialRecord(z.enum([DATABASE_FILE, ...KEY_FILES]), z.string().regex(/^[0-9a-f]{64}$/)),
});
export type BackupList = z.infer<typeof backupList>;

/**
 * Copies a data directory, whose control plane may run and go on writing: the copy is the database at one moment. The target must not be there, and is
 * there only when it is whole (0700, files 0600). Throws `conflict` when there is nothing to copy or the target exists.
 */
export function backUp(directory: string, target: string, now: number): BackupList {
  const missing = [DATABASE_FILE, ...REQUIRED].find((name) => !existsSync(path.join(directory, name)));
  if (missing !== undefined) {
    throw new StoaError('conflict', `"${directory}" is not the data directory of a control plane: ${missing} is missing.`, {
      hint: 'Name it with --data-dir.',
    });
  }
  if (existsSync(target)) throw new StoaError('conflict', `"${target}" exists already.`, { hint: 'Name a directory that is not there.' });
  mkdirSync(path.dirname(target), { recursive: true });
  // Whoever has started this process may have to kill it, and knows by its number what it leaves.
  const draft = `${path.resolve(target)}.part-${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  try {
    copyDatabase(path.join(directory, DATABASE_FILE), path.join(draft, DATABASE_FILE));
    const keys = KEY_FILES.filter((name) => existsSync(path.join(directory, name)));
    for (const name of keys) copyFileSync(path.join(directory, name), path.join(draft, name));
    const files = Object.fromEntries([DATABASE_FILE, ...keys].map((name) => [name, digestOf(path.join(draft, name))]));
    const list: BackupList = { format: 1, made_at: new Date(now).toISOString(), files };
    writeFileSync(path.join(draft, LIST_FILE), `${JSON.stringify(list, null, 2)}\n`);
    for (const name of [...Object.keys(files), LIST_FILE]) makeLast(path.join(draft, name));
    sync(draft);
    renameSync(draft, target);
    sync(path.dirname(target));
    return list;
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
}

/** One read transaction: it sees all that was committed before and nothing after, and holds no writer up. */
function copyDatabase(from: string, to: string): void {
  const database = new BetterSqlite(from, { readonly: true, fileMustExist: true });
  try {
    database.prepare('vacuum into ?').run(to);
  } finally {
    database.close();
  }
}

/** The SHA-256 of a file. */
export function digestOf(file: string): string {
  const hash = createHash('sha256');
  const descriptor = openSync(file, 'r');
  try {
    const chunk = Buffer.alloc(1024 * 1024);
    for (let length = readSync(descriptor, chunk); length > 0; length = readSync(descriptor, chunk)) hash.update(chunk.subarray(0, length));
  } finally {
    closeSync(descriptor);
  }
  return hash.digest('hex');
}

/** Keeps a file to its owner and brings it to the disk. */
export function makeLast(file: string): void {
  chmodSync(file, 0o600);
  sync(file);
}

/** Brings a file, or the names in a directory, to the disk. */
export function sync(place: string): void {
  const descriptor = openSync(place, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
