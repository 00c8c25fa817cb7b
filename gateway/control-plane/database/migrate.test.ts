import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DATABASE_FILE } from './files.js';
import { migrations } from './migrations/index.js';
import { openDatabase } from './open.js';
import type { Database } from './tables.js';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const AT = '2026-01-01T00:00:00.000Z';
let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'stoa-migrate-'));
  file = path.join(directory, DATABASE_FILE);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const connect = (): Kysely<Database> => new Kysely({ dialect: new SqliteDialect({ database: new BetterSqlite(file) }) });

/** A database as the first version of the product left it, with a subscription and its key. */
async function makeFirstVersion(): Promise<void> {
  const db = connect();
  await db.transaction().execute(async (trx) => migrations[0]?.(trx));
  const resource = { tenant: 'acme', spec: '{}', labels: '{}', annotations: '{}', secret_digests: '{}', version: 3, revision: 1 };
  const touched = { managed_by: 'shop', drift: null, created_at: AT, updated_at: AT, updated_by: 'ann' };
  await db
    .insertInto('resources')
    .values({ id: 'sub-1', kind: 'Subscription', name: 'mobile', ...resource, ...touched })
    .execute();
  const state = { id: 'sub-1', tenant: 'acme', api: 'pay', consumer: 'app', status: 'active', rotation_count: 2, created_at: AT };
  await db.insertInto('subscription_states').values(state).execute();
  const key = { id: 'key-1', tenant: 'acme', subscription_id: 'sub-1', name: 'first', prefix: 'stoa_sk_abcd', digest: 'a'.repeat(64) };
  await db
    .insertInto('api_keys')
    .values({ ...key, status: 'active', not_before: AT, created_at: AT })
    .execute();
  await db.destroy();
  const raw = new BetterSqlite(file);
  raw.pragma('user_version = 1');
  raw.close();
}

describe('migrate', () => {
  it('serves what a database of the first version holds', async () => {
    await makeFirstVersion();

    const { db, close } = await openDatabase(directory);

    const resource = await db.selectFrom('resources').selectAll().executeTakeFirstOrThrow();
    const state = await db.selectFrom('subscription_states').selectAll().executeTakeFirstOrThrow();
    const key = await db.selectFrom('api_keys').selectAll().executeTakeFirstOrThrow();
    expect(resource).toMatchObject({ id: 'sub-1', name: 'mobile', version: 3, managed_by: 'shop', updated_by: 'ann' });
    expect(state).toMatchObject({ id: 'sub-1', status: 'active', rotation_count: 2, created_at: AT });
    expect(key).toMatchObject({ id: 'key-1', digest: 'a'.repeat(64), status: 'active' });
    await close();
    expect(new BetterSqlite(file, { readonly: true }).pragma('user_version', { simple: true })).toBe(migrations.length);
  });

  it('leaves the version before when it is killed in the middle of a migration, and goes on at the next start', async () => {
    await makeFirstVersion();
    const script = `
      import BetterSqlite from 'better-sqlite3';
      import { Kysely, SqliteDialect } from 'kysely';
      import { migrations } from './gateway/control-plane/database/migrations/index.ts';
      const db = new Kysely({ dialect: new SqliteDialect({ database: new BetterSqlite(${JSON.stringify(file)}) }) });
      await db.transaction().execute(async (trx) => {
        await migrations[1](trx);
        process.kill(process.pid, 'SIGKILL');
      });`;

    const { signal, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { cwd: ROOT });

    expect([signal, String(stderr)]).toEqual(['SIGKILL', '']);
    const raw = new BetterSqlite(file);
    expect([raw.pragma('user_version', { simple: true }), raw.pragma('integrity_check', { simple: true })]).toEqual([1, 'ok']);
    raw.close();
    await (await openDatabase(directory)).close();
  });
});
