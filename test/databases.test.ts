/** A database of every earlier version of the schema, as the product of that time left it, opens and is migrated with everything kept. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { migrations } from '../gateway/control-plane/database/migrations/index.js';
import { openDatabase } from '../gateway/control-plane/database/open.js';
import { openVault } from '../gateway/control-plane/vault.js';
import { databaseFixtures, databaseRows, restoreDatabase, type Row } from './helpers/database-fixture.js';

const fixtures = databaseFixtures();

it('there is one of each version; "node --import tsx test/databases/make.ts" makes that of a new one', () => {
  expect(fixtures.map(({ version }) => version)).toEqual(migrations.map((_, index) => index + 1));
});

it.each(fixtures)('of version $version keeps every row, every value, and opens its secrets', async (fixture) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'stoa-databases-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  restoreDatabase(directory, fixture);

  const { db, close } = await openDatabase(directory);
  const sealed = await db.selectFrom('resource_secrets').selectAll().executeTakeFirst();
  await close();

  const after = databaseRows(directory);
  for (const [table, before] of Object.entries(fixture.rows)) {
    expect([table, after[table]?.map((row, index) => columnsOf(row, before[index] ?? {}))]).toEqual([table, before]);
  }
  expect(Object.values(fixture.rows).filter((rows) => rows.length > 0).length).toBeGreaterThan(8);
  expect(sealed && openVault(path.join(directory, 'vault.key')).open(sealed.ciphertext)).toBe(fixture.made.webhook_secret);
});

/** A row with the columns that another one has: those that came later are left out. */
const columnsOf = (row: Row, wanted: Row): Row => Object.fromEntries(Object.keys(wanted).map((column) => [column, row[column] ?? null]));
