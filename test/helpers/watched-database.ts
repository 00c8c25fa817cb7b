/** A database in memory whose every statement a test sees, counts, and can make fail: at the driver, below everything of ours. */
import BetterSqlite from 'better-sqlite3';

/** What is to happen at the statement of this number, counted from 0 by `take`. */
export interface Disturbance {
  readonly at: number;
  /** Whether SQLite has done the statement before the error is reported. */
  readonly isDone: boolean;
  /** Whether every later statement fails, too: a disk that is gone rather than one that stumbled. */
  readonly stays: boolean;
}

export interface WatchedDatabase {
  readonly database: BetterSqlite.Database;
  /** The statements since the last call of this, which also sets the count back and takes a disturbance away. */
  take(): string[];
  disturb(disturbance: Disturbance): void;
  /** How many rows were written since it was opened, whatever became of them. */
  writes(): number;
  /** Every row of every table as text, but for the answers that are kept for repeated requests. */
  dump(): string;
  /** The database as it would lie on a disk. */
  bytes(): Buffer;
}

const IO_ERROR = (): Error => new BetterSqlite.SqliteError('disk I/O error', 'SQLITE_IOERR');
/** A rollback has nothing to fail at, and a BEGIN that is done touches no disk. */
const ALWAYS_WORKS = /^rollback/i;

/** Opens one. */
export function watchDatabase(): WatchedDatabase {
  const raw = new BetterSqlite(':memory:');
  const statements: string[] = [];
  let disturbance: Disturbance | undefined;
  const fails = (index: number): boolean =>
    disturbance !== undefined && (disturbance.stays ? index >= disturbance.at : index === disturbance.at);
  const run = <Result>(sql: string, work: () => Result): Result => {
    const isFailing = fails(statements.push(sql) - 1) && !ALWAYS_WORKS.test(sql);
    if (!isFailing || (disturbance?.isDone === true && sql === 'begin')) return work();
    if (disturbance?.isDone === true) work();
    throw IO_ERROR();
  };
  return {
    database: observed(raw, run),
    take: () => {
      disturbance = undefined;
      return statements.splice(0);
    },
    disturb: (next) => (disturbance = next),
    dump: () =>
      tablesOf(raw)
        .map((table) => `${table}\n${rowsOf(raw, table)}`)
        .join('\n\n'),
    writes: () => raw.prepare('select total_changes()').pluck().get() as number,
    bytes: () => raw.serialize(),
  };
}

type Run = <Result>(sql: string, work: () => Result) => Result;

/** The handle itself, but for what it prepares. */
function observed(database: BetterSqlite.Database, run: Run): BetterSqlite.Database {
  return new Proxy(database, {
    get: (target, name) => {
      if (name === 'prepare') return (sql: string) => observedStatement(target.prepare(sql), sql, run);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function observedStatement(statement: BetterSqlite.Statement, sql: string, run: Run): BetterSqlite.Statement {
  return new Proxy(statement, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const bound = value.bind(target) as (...values: unknown[]) => unknown;
      return name === 'all' || name === 'run' ? (...values: unknown[]) => run(sql, () => bound(...values)) : bound;
    },
  });
}

const tablesOf = (database: BetterSqlite.Database): string[] =>
  database
    .prepare("select name from sqlite_master where type = 'table' and name <> 'idempotency_keys' order by name")
    .pluck()
    .all() as string[];

/** What the worker of webhooks notes by itself while a test runs is left out. */
const COLUMNS: Readonly<Record<string, string>> = { webhook_deliveries: 'id, event_id, event, url, payload' };

const rowsOf = (database: BetterSqlite.Database, table: string): string =>
  database
    .prepare(`select ${COLUMNS[table] ?? '*'} from "${table}" order by rowid`)
    .all()
    .map((row) => JSON.stringify(row))
    .join('\n');
