/** The tables of docs/sizing.md: memory of a gateway by routes and keys, and what a disk takes. `npm run bench:sizes`, after a build. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { caller } from '../helpers/old-version.js';
import { startServer } from '../helpers/processes.js';
import { buildWorld } from './lib/world.js';
import { table } from './lib/statistics.js';
import { machine, writeSection } from './lib/page.js';
import { stoa } from './systems/stoa.js';

const WORLDS = [
  [10, 100],
  [100, 1000],
  [1000, 10_000],
  [1000, 100_000],
] as const;
const REQUESTS = 2000;
const EVENTS = 2000;
const CHANGES = 500;
const SECRET = 'bench-client-secret';

const directory = mkdtempSync(path.join(tmpdir(), 'stoa-sizes-'));
const upstream = createServer((_req, res) => res.end('{}')).listen(0, '127.0.0.1');
await delay(100);
const upstreamPort = (upstream.address() as AddressInfo).port;

/** MiB that a process holds. */
const memoryOf = (pid: number): number => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

async function gatewayRow([routes, keys]: (typeof WORLDS)[number]): Promise<{ row: string[]; lineBytes: number }> {
  const own = path.join(directory, `gateway-${routes}-${keys}`);
  const world = buildWorld(routes, keys);
  mkdirSync(own);
  const { running, port, accessLog, stop } = await stoa.start({ world, upstreamPort, directory: own, core: 0, profile: undefined });
  const before = sizeOf(accessLog);
  for (let n = 0; n < REQUESTS; n += 1) {
    const { path: place, key } = world.keys[n % keys] ?? { path: '/', key: '' };
    await (await fetch(`http://127.0.0.1:${port}${place}`, { headers: { 'x-api-key': key } })).arrayBuffer();
  }
  await delay(2000);
  const memory = memoryOf(running.pid);
  const copy = sizeOf(path.join(own, `gateway-${port}`, 'config.json'));
  const lineBytes = (sizeOf(accessLog) - before) / REQUESTS;
  await stop();
  return { row: [String(routes), String(keys), memory.toFixed(0), (copy / 2 ** 20).toFixed(1)], lineBytes };
}

/** Bytes that the database grows by, for an event of traffic and for a change of a resource. */
async function databaseGrowth(): Promise<{ event: number; change: number }> {
  const dataDir = path.join(directory, 'control-plane');
  const bytes = (): number => ['', '-wal'].reduce((sum, suffix) => sum + sizeOf(path.join(dataDir, `control-plane.db${suffix}`)), 0);
  const start = () =>
    startServer('control-plane', ['--data-dir', dataDir, '--port', '0', '--gateway-url', 'http://127.0.0.1:1'], {
      STOA_CLIENT_SECRET: SECRET,
    });
  let controlPlane = await start();
  let call = caller(controlPlane.url, SECRET);
  await call('POST /v1/tenants', { name: 'acme', tier: 'enterprise', admin_email: 'admin@acme.example' });
  await call('POST /v1/tenants/acme/apis', {
    name: 'open',
    path: '/open',
    upstream_url: `http://127.0.0.1:${upstreamPort}`,
    auth_required: false,
  });
  const limit = { policy_type: 'rate_limit', tenant_id: 'acme', scope: 'tenant', config: { limit: 1, window_secs: 86_400 } };
  await call('POST /v1/admin/policies', { ...limit, name: 'limit' });
  await controlPlane.end();
  const empty = bytes();

  controlPlane = await start();
  call = caller(controlPlane.url, SECRET);
  const gateway = await startServer('gateway', ['--data-dir', directory, '--port', '0', '--control-plane-url', controlPlane.url], {
    STOA_GATEWAY_TOKEN: readFileSync(path.join(dataDir, 'gateway.token'), 'utf8').trim(),
  });
  const total = async (): Promise<number> => Number((await call('GET /v1/audit/acme?event_type=rate_limit_exceeded'))['total_events']);
  while ((await fetch(`${gateway.url}/apis/acme/open`)).status !== 429) await delay(50);
  for (let n = 0; n < EVENTS; n += 1) await (await fetch(`${gateway.url}/apis/acme/open`)).arrayBuffer();
  while ((await total()) < EVENTS) await delay(500);
  const events = await total();
  await gateway.end();
  await controlPlane.end();
  const withEvents = bytes();

  controlPlane = await start();
  call = caller(controlPlane.url, SECRET);
  for (let n = 1; n <= CHANGES; n += 1) await call('PATCH /v1/tenants/acme/apis/open', { rate_limit: { requests_per_hour: n } });
  await controlPlane.end();
  return { event: (withEvents - empty) / events, change: (bytes() - withEvents) / CHANGES };
}

const rows: string[][] = [];
let line = 0;
for (const world of WORLDS) {
  const { row, lineBytes } = await gatewayRow(world);
  rows.push(row);
  line = lineBytes;
}
const { event, change } = await databaseGrowth();
upstream.close();
upstream.closeAllConnections();
rmSync(directory, { recursive: true, force: true });

await writeSection(
  'memory',
  `${machine()}; after ${REQUESTS} requests.\n\n${table(['routes', 'keys', 'memory, MiB', 'copy on its disk, MiB'], rows)}`,
  'sizing.md',
);
const disk = [
  ['a request in the log of a gateway, JSON', line],
  ['an event of traffic in the audit log, such as rate_limit_exceeded', event],
  ['a change of an API: its history and its audit entry', change],
] as const;
await writeSection(
  'disk',
  table(
    ['what', 'bytes'],
    disk.map(([what, bytes]) => [what, bytes.toFixed(0)]),
  ),
  'sizing.md',
);
