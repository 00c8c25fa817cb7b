/** Brings a database to the newest version, one transaction a migration: a crash in the middle leaves the version before. */
import { sql, type Kysely } from 'kysely';
import { StoaError } from '../../../schema/error.js';
import { migrations } from './migrations/index.js';
import type { Database } from './tables.js';

/** Runs what is missing. Throws when the database was written by a newer version of the product. */
export async function migrate(db: Kysely<Database>): Promise<void> {
  const version = await readVersion(db);
  if (version > migrations.length) {
    throw new StoaError('conflict', `The database has version ${version}; this version of the product knows up to ${migrations.length}.`, {
      hint: 'Start the version of the product that wrote it, or a newer one.',
    });
  }
  for (const [index, migration] of migrations.entries()) {
    if (index < version) continue;
    await db.transaction().execute(async (trx) => {
      await migration(trx);
      await sql`pragma user_version = ${sql.lit(index + 1)}`.execute(trx);
    });
  }
}

async function readVersion(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ user_version: number }>`pragma user_version`.execute(db);
  return rows[0]?.user_version ?? 0;
}
