import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkDatabase, sqliteError } from './preflight.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stoa-preflight-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('the check before a start', () => {
  it('lets a new directory pass', async () => {
    await expect(checkDatabase(join(directory, 'new'))).resolves.toBeUndefined();
  });

  it('refuses a directory whose lock is held', async () => {
    const lock = new Database(join(directory, 'lock.db'));
    lock.exec('BEGIN EXCLUSIVE');

    await expect(checkDatabase(directory)).rejects.toMatchObject({
      code: 'conflict',
      message: `The data directory ${directory} is in use by another running "stoactl dev".`,
    });

    lock.close();
    await expect(checkDatabase(directory)).resolves.toBeUndefined();
  });

  it('leaves a damaged lock file for the control plane to report', async () => {
    writeFileSync(join(directory, 'lock.db'), 'this is not a database, and long enough to be taken for one'.repeat(20));

    await expect(checkDatabase(directory)).resolves.toBeUndefined();
  });

  it('names the command that mends a missing SQLite binding', () => {
    const { message, hint } = sqliteError(new Error('Could not locate the bindings file. Tried: ...'));

    expect(message).toContain('SQLite cannot be used');
    expect(hint).toContain('npm rebuild better-sqlite3');
  });
});
