/** What the REST API costs over a real socket and a real database file: a point read beside its raw statement and an empty route, a write beside a bare commit. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import BetterSqlite from 'better-sqlite3';
import { fastify } from 'fastify';
import { pino } from 'pino';
import { Pool } from 'undici';
import { median, short, table } from './lib/statistics.js';

const ROUNDS = 7;
const READS = 2000;
const WRITES = 300;
const SECRET = 'bench-secret';

/** The built product: what runs from its sources is transformed on the way, and slower. */
async function built() {
  const load = (file: string): Promise<unknown> =>
    import(pathToFileURL(resolve(import.meta.dirname, '../../dist/gateway/control-plane', file)).href);
  const { startControlPlane } = (await load('start.js')) as typeof import('../../gateway/control-plane/start.js');
  const { readSettings } = (await load('settings.js')) as typeof import('../../gateway/control-plane/settings.js');
  return { startControlPlane, readSettings };
}

type Work = () => Promise<void> | void;

/** Median over interleaved rounds of the time of one piece of work, milliseconds. */
async function medians(works: Readonly<Record<string, { readonly work: Work; readonly count: number }>>): Promise<Map<string, number>> {
  const times = new Map<string, number[]>(Object.keys(works).map((name) => [name, []]));
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [name, { work, count }] of Object.entries(works)) {
      const started = performance.now();
      for (let n = 0; n < count; n += 1) await work();
      // The first round warms up.
      if (round > 0) times.get(name)?.push((performance.now() - started) / count);
    }
  }
  return new Map([...times].map(([name, all]) => [name, median(all)]));
}

/** Starts everything, measures, and answers with a markdown table. */
export async function benchRest(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'stoa-bench-'));
  const { startControlPlane, readSettings } = await built();
  const settings = readSettings(['--data-dir', join(directory, 'data'), '--port', '0'], { STOA_CLIENT_SECRET: SECRET });
  const running = await startControlPlane(settings, pino({ level: 'silent' }));
  const pool = new Pool(`http://127.0.0.1:${running.port}`, { connections: 1 });
  const empty = fastify();
  empty.get('/empty', () => ({ ok: true }));
  const emptyPool = new Pool(await empty.listen({ port: 0, host: '127.0.0.1' }), { connections: 1 });
  const raw = new BetterSqlite(join(directory, 'data', 'control-plane.db'), { readonly: true });
  const bare = bareDatabase(join(directory, 'bare.db'));
  try {
    const { read, write } = await callsOf(pool);
    const statement = raw.prepare(`select * from resources where kind = 'API' and tenant = 'acme' and name = 'pay'`);
    const found = await medians({
      statement: { work: () => void statement.get(), count: READS },
      empty: { work: () => call(emptyPool, 'GET', '/empty', {}), count: READS },
      read: { work: read, count: READS },
      bare: { work: () => bare.insert(), count: WRITES },
      write: { work: write, count: WRITES },
    });
    const time = (name: string): number => found.get(name) ?? 0;
    const floor = time('statement') + time('empty');
    return table(
      ['work', 'time', 'to its floor', 'asked'],
      [
        ['raw prepared statement', micros(time('statement')), '', ''],
        ['empty fastify route', micros(time('empty')), '', ''],
        ['GET of one API', micros(time('read')), (time('read') / floor).toFixed(2), 'at most 4'],
        ['bare BEGIN, INSERT, COMMIT', micros(time('bare')), '', ''],
        ['POST of a consumer', micros(time('write')), (time('write') / time('bare')).toFixed(2), 'a figure'],
      ],
    );
  } finally {
    raw.close();
    bare.close();
    await Promise.all([pool.close(), emptyPool.close(), empty.close(), running.stop()]);
    rmSync(directory, { recursive: true, force: true });
  }
}

const micros = (ms: number): string => `${short(ms * 1000)} µs`;

async function call(pool: Pool, method: 'GET' | 'POST', path: string, headers: Record<string, string>, body?: string): Promise<void> {
  const answer = await pool.request({ method, path, headers, ...(body === undefined ? {} : { body }) });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) throw new Error(`${method} ${path} was answered ${answer.statusCode}: ${text}`);
}

/** The two calls that are measured, with a token that outlives the run of them. */
async function callsOf(pool: Pool): Promise<{ readonly read: Work; readonly write: Work }> {
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'control-plane-api', client_secret: SECRET });
  const answer = await pool.request({
    method: 'POST',
    path: '/realms/stoa/protocol/openid-connect/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  });
  const { access_token } = (await answer.body.json()) as { access_token: string };
  const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' };
  await call(pool, 'POST', '/v1/tenants', headers, JSON.stringify({ name: 'acme' }));
  await call(
    pool,
    'POST',
    '/v1/tenants/acme/apis',
    headers,
    JSON.stringify({ name: 'pay', path: '/pay', upstream_url: 'https://pay.example.com' }),
  );
  let count = 0;
  return {
    read: () => call(pool, 'GET', '/v1/tenants/acme/apis/pay', headers),
    write: () => call(pool, 'POST', '/v1/consumers/acme', headers, JSON.stringify({ name: `c-${(count += 1)}` })),
  };
}

/** A database with the pragmas of the product and one table: what any write costs on this disk. */
function bareDatabase(file: string): { insert(): void; close(): void } {
  const database = new BetterSqlite(file);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec('create table t (id integer primary key, text text)');
  const insert = database.prepare('insert into t (text) values (?)');
  return {
    insert() {
      database.exec('begin');
      insert.run('x'.repeat(500));
      database.exec('commit');
    },
    close: () => database.close(),
  };
}
