/** What queries of metrics cost over a year of fifty APIs, on a real database file, beside the plain reading of the same rows. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Db } from '../../gateway/control-plane/context.js';
import { openDatabase } from '../../gateway/control-plane/database/open.js';
import { metricsOf, type Granularity } from '../../gateway/control-plane/metrics/series.js';
import { latencyBucket, latencyPairs, type Latencies } from '../../schema/latency.js';
import { short, table } from './lib/statistics.js';

const DAY_MS = 86_400_000;
const DAYS = 365;
const END = Date.UTC(2026, 10, 26);
const SCOPES = [
  'ten-1',
  ...Array.from({ length: 50 }, (_, index) => `api-${index}`),
  ...Array.from({ length: 100 }, (_, index) => `sub-${index}`),
];
const ROUNDS = 15;

/** Fills a database, asks it and answers with a markdown table. */
export async function benchMetrics(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'stoa-bench-'));
  const database = await openDatabase(directory);
  try {
    await fill(database.db);
    return await ask(database.db);
  } finally {
    await database.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

const dayOf = (index: number): string => new Date(END - index * DAY_MS).toISOString().slice(0, 10);

async function fill(db: Db): Promise<void> {
  const latency = JSON.stringify(aDay());
  await db.transaction().execute(async (trx) => {
    for (const scope of SCOPES) {
      const rows = Array.from({ length: DAYS }, (_, index) => ({
        scope,
        grain: 'day',
        at: dayOf(index),
        tenant_id: 'ten-1',
        requests: 45_231,
        errors: 23,
        counted: 45_231,
        latency,
      }));
      await trx.insertInto('usage').values(rows).execute();
    }
  });
}

/** Latencies from a millisecond to half a minute. */
function aDay(): ReturnType<typeof latencyPairs> {
  const latencies: Latencies = new Map();
  for (let ms = 1; ms < 30_000; ms *= 1.066) latencies.set(latencyBucket(ms), Math.ceil(3000 / ms));
  return latencyPairs(latencies);
}

async function ask(db: Db): Promise<string> {
  const range = { start_date: dayOf(DAYS - 1), end_date: dayOf(0) };
  const series = (scope: string, granularity: Granularity) => () => metricsOf(db, scope, { ...range, granularity }, END);
  const plain = await milliseconds(() =>
    db.selectFrom('usage').selectAll().where('scope', '=', 'ten-1').where('grain', '=', 'day').execute(),
  );
  const apis = async (): Promise<void> => {
    for (let index = 0; index < 50; index += 1) await series(`api-${index}`, 'month')();
  };
  const queries = {
    'tenant, a year by day': series('ten-1', 'day'),
    'tenant, a year by week': series('ten-1', 'week'),
    'tenant, a year by month': series('ten-1', 'month'),
    'one API, a year by day': series('api-7', 'day'),
    'each of the 50 APIs in turn, a year by month': apis,
  };
  const rows: string[][] = [];
  for (const [name, query] of Object.entries(queries)) {
    const ms = await milliseconds(query);
    rows.push([name, `${short(ms)} ms`, short(ms / plain)]);
  }
  return table(['query', 'time', 'to the plain SELECT of 365 rows'], rows);
}

/** The median of some rounds, after one that warms up. */
async function milliseconds(run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const start = performance.now();
    await run();
    if (round > 0) times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN;
}
