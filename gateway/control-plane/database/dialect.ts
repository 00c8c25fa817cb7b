/**
 * SQLite as kysely drives it, with two differences: an error that SQLite has rolled back by itself stays the error that is reported, and a statement is prepared
 * once rather than for each call.
 */
import type BetterSqlite from 'better-sqlite3';
import { SqliteDialect, SqliteDriver, type DatabaseConnection, type Driver, type SqliteDatabase, type SqliteStatement } from 'kysely';
import { LRUCache } from 'lru-cache';

/** Statements that are kept; lists of ids make many, each of their own length. */
const MAX_STATEMENTS = 500;

/** Prepared statements by their text. The schema must not change any more: `select *` remembers its columns. */
function withCache(database: BetterSqlite.Database): SqliteDatabase {
  const statements = new LRUCache<string, SqliteStatement>({ max: MAX_STATEMENTS });
  return {
    close: () => void database.close(),
    prepare(sql) {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const made = database.prepare(sql) as unknown as SqliteStatement;
      statements.set(sql, made);
      return made;
    },
  };
}

/** A full disk ends the transaction (https://www.sqlite.org/lang_transaction.html, "Response To Errors Within A Transaction"); a rollback would then fail and hide why. */
class OwnDriver extends SqliteDriver {
  readonly #database: BetterSqlite.Database;

  constructor(database: BetterSqlite.Database) {
    super({ database: withCache(database) });
    this.#database = database;
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection);
  }
}

/** The dialect of an open database whose schema is as it stays. */
export class OwnSqliteDialect extends SqliteDialect {
  readonly #database: BetterSqlite.Database;

  constructor(database: BetterSqlite.Database) {
    super({ database });
    this.#database = database;
  }

  override createDriver(): Driver {
    return new OwnDriver(this.#database);
  }
}
