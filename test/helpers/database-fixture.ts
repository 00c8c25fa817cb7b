/** Databases as earlier versions of the product left them: test/databases has one for each version of the schema, made by `test/databases/make.ts`. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import BetterSqlite from 'better-sqlite3';
import * as z from 'zod';

const FOLDER = path.resolve(import.meta.dirname, '../databases');
const FILE = 'control-plane.db';

const row = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));
const fixture = z.strictObject({
  version: z.int().positive(),
  /** What was put in, by the name that the tests have for it. */
  made: z.strictObject({ key: z.string(), key_in_grace: z.string(), revoked_key: z.string(), webhook_secret: z.string() }),
  vault_key: z.string(),
  schema: z.array(z.string()),
  rows: z.record(z.string(), z.array(row)),
});

export type Row = z.infer<typeof row>;
export type DatabaseFixture = z.infer<typeof fixture>;

/** Every database that is kept, oldest first. */
export const databaseFixtures = (): DatabaseFixture[] =>
  readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .map((name) => fixture.parse(JSON.parse(readFileSync(path.join(FOLDER, name), 'utf8'))))
    .sort((a, b) => a.version - b.version);

/** Keeps the database of a data directory, whose server has ended. */
export function keepDatabase(directory: string, made: DatabaseFixture['made']): string {
  const db = new BetterSqlite(path.join(directory, FILE), { readonly: true });
  const version = db.pragma('user_version', { simple: true }) as number;
  const schema = db
    .prepare<[], { sql: string }>(
      `select sql from sqlite_master where sql is not null and name not like 'sqlite_%' order by type desc, rowid`,
    )
    .all();
  const kept: DatabaseFixture = {
    version,
    made,
    vault_key: readFileSync(path.join(directory, 'vault.key'), 'utf8').trim(),
    schema: schema.map(({ sql }) => sql),
    rows: Object.fromEntries(tablesOf(db).map((table) => [table, rowsOf(db, table)])),
  };
  db.close();
  const file = path.join(FOLDER, `version-${version}.json`);
  writeFileSync(file, `${JSON.stringify(fixture.parse(kept), undefined, 1)}\n`);
  return file;
}

/** Writes the database and the key that opens its secrets into a new data directory. */
export function restoreDatabase(directory: string, { version, schema, rows, vault_key }: DatabaseFixture): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const db = new BetterSqlite(path.join(directory, FILE));
  db.pragma('foreign_keys = OFF');
  db.exec('begin');
  for (const statement of schema) db.exec(statement);
  for (const [table, all] of Object.entries(rows))
    for (const each of all) {
      const columns = Object.keys(each);
      const marks = columns.map(() => '?').join(', ');
      db.prepare(`insert into "${table}" (${columns.map((column) => `"${column}"`).join(', ')}) values (${marks})`).run(
        Object.values(each),
      );
    }
  db.exec('commit');
  db.pragma(`user_version = ${version}`);
  db.close();
  writeFileSync(path.join(directory, 'vault.key'), vault_key, { mode: 0o600 });
}

/** What a data directory holds now, table by table. */
export function databaseRows(directory: string): Readonly<Record<string, readonly Row[]>> {
  const db = new BetterSqlite(path.join(directory, FILE), { readonly: true });
  const rows = Object.fromEntries(tablesOf(db).map((table) => [table, rowsOf(db, table)]));
  db.close();
  return rows;
}

const tablesOf = (db: BetterSqlite.Database): string[] =>
  db
    .prepare<[], { name: string }>(`select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name`)
    .all()
    .map(({ name }) => name);

const rowsOf = (db: BetterSqlite.Database, table: string): Row[] => db.prepare<[], Row>(`select * from "${table}"`).all();
