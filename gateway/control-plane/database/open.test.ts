import BetterSqlite from 'better-sqlite3';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoaError } from '../../../schema/error.js';
import { DATABASE_FILE } from './files.js';
import { isUniqueViolation, openDatabase } from './open.js';

let parent: string;
let directory: string;
const mode = (file: string) => (statSync(file).mode & 0o777).toString(8);

beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), 'stoa-database-'));
  directory = path.join(parent, 'data');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

/** A database with a few hundred settings, closed. */
async function fill(): Promise<string> {
  const { db, close } = await openDatabase(directory);
  const values = Array.from({ length: 400 }, (_, index) => ({ name: `setting-${index}`, value: 'x'.repeat(200) }));
  await db.insertInto('settings').values(values).execute();
  await close();
  return path.join(directory, DATABASE_FILE);
}

describe('openDatabase', () => {
  it('makes a private directory with private files', async () => {
    const { db, close } = await openDatabase(directory);
    await db.insertInto('settings').values({ name: 'a', value: 'b' }).execute();

    expect(mode(directory)).toBe('700');
    for (const name of ['control-plane.db', 'control-plane.db-wal', 'lock.db']) expect(mode(path.join(directory, name))).toBe('600');
    await close();
  });

  it('keeps what was written, and its name, over a restart', async () => {
    const first = await openDatabase(directory);
    await first.db.insertInto('settings').values({ name: 'a', value: 'b' }).execute();
    const before = await first.db.selectFrom('settings').selectAll().orderBy('name').execute();
    await first.close();

    const second = await openDatabase(directory);

    expect(await second.db.selectFrom('settings').selectAll().orderBy('name').execute()).toEqual(before);
    expect(before.map(({ name }) => name)).toEqual(['a', 'store_id']);
    await second.close();
  });

  it('writes through to the disk, with foreign keys held', async () => {
    await (await openDatabase(directory)).close();
    const { db, close } = await openDatabase(directory);

    const orphan = db.insertInto('resource_claims').values({ tenant: 'acme', kind: 'API', claim: 'path /', resource_id: 'api-none' });
    await expect(orphan.execute()).rejects.toThrow(/FOREIGN KEY/);
    await close();
  });

  it('refuses a second holder of a directory with a sentence that names it', async () => {
    const first = await openDatabase(directory);

    await expect(openDatabase(directory)).rejects.toThrow(`The data directory "${directory}" is in use by another control plane.`);

    await first.close();
    await (await openDatabase(directory)).close();
  });

  it.each([
    ['overwritten pages', (file: string) => overwrite(file, 4096, 8192)],
    ['an overwritten header', (file: string) => overwrite(file, 0, 16)],
    ['half of the file', (file: string) => truncateSync(file, Math.floor(statSync(file).size / 2))],
  ])('refuses a database with %s and leaves it untouched', async (_, damage) => {
    const file = await fill();
    damage(file);
    const before = readFileSync(file);

    await expect(openDatabase(directory)).rejects.toThrow(/is damaged: .*It was left as it is\./s);

    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('never starts empty where a database has been', async () => {
    const file = await fill();
    writeFileSync(path.join(directory, 'vault.key'), 'key');
    rmSync(file);

    await expect(openDatabase(directory)).rejects.toThrow(/is missing or empty, although .* has held a database \(vault\.key is there\)/);

    expect(() => statSync(file)).toThrow();
  });

  it('starts over after a crash before the first migration was committed', async () => {
    await (await openDatabase(directory)).close();
    truncateSync(path.join(directory, DATABASE_FILE), 0);

    await (await openDatabase(directory)).close();
  });

  it('refuses a database of a newer version', async () => {
    const file = await fill();
    const raw = new BetterSqlite(file);
    raw.pragma('user_version = 99');
    raw.close();

    await expect(openDatabase(directory)).rejects.toThrow('The database has version 99; this version of the product knows up to ');
  });

  it('says plainly when the directory cannot be made', async () => {
    writeFileSync(directory, 'a file');

    await expect(openDatabase(path.join(directory, 'below'))).rejects.toThrow(StoaError);
  });

  it('tells a broken uniqueness from other errors', async () => {
    const { db, close } = await openDatabase(directory);
    const insert = () => db.insertInto('settings').values({ name: 'a', value: 'b' }).execute();
    await insert();

    const error: unknown = await insert().catch((thrown: unknown) => thrown);

    expect(isUniqueViolation(error)).toBe(true);
    expect(isUniqueViolation(new Error('UNIQUE'))).toBe(false);
    await close();
  });
});

function overwrite(file: string, start: number, end: number): void {
  const bytes = readFileSync(file);
  bytes.fill(0x5a, start, end);
  writeFileSync(file, bytes);
}
