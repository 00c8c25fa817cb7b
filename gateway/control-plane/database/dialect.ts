/** SQLite as kysely drives it, with one difference: an error that SQLite has rolled back by itself stays the error that is reported. */
import type BetterSqlite from 'better-sqlite3';
import { SqliteDialect, SqliteDriver, type DatabaseConnection, type Driver } from 'kysely';

/** A full disk ends the transaction (https://www.sqlite.org/lang_transaction.html, "Response To Errors Within A Transaction"); a rollback would then fail and hide why. */
class Rollback extends SqliteDriver {
  readonly #database: BetterSqlite.Database;

  constructor(database: BetterSqlite.Database) {
    super({ database });
    this.#database = database;
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection);
  }
}

/** The dialect of an open database. */
export class OwnSqliteDialect extends SqliteDialect {
  readonly #database: BetterSqlite.Database;

  constructor(database: BetterSqlite.Database) {
    super({ database });
    this.#database = database;
  }

  override createDriver(): Driver {
    return new Rollback(this.#database);
  }
}
