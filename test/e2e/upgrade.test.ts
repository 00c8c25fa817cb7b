/**
 * Updates with traffic on: what earlier versions have left is served by this one, and the version before this one is replaced while clients ask, without
 * a lost request. The version before is the latest tag, or the last commit with one migration less, built in a directory of its own.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseFixtures, restoreDatabase } from '../helpers/database-fixture.js';
import { caller } from '../helpers/old-version.js';
import { freePort } from '../helpers/ports.js';
import { startServer, type Server } from '../helpers/processes.js';
import { eventually } from '../helpers/prometheus.js';
import { ROOT } from '../helpers/stack.js';

const SECRET = 'upgrade-client-secret';
const MINUTES = { timeout: 300_000 };

let directory: string;
let upstream: HttpServer;
let upstreamUrl: string;
const running: Server[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stoa-upgrade-'));
  upstream = createServer((_req, res) => res.end('{}')).listen(0, '127.0.0.1');
  await new Promise((resolve) => upstream.once('listening', resolve));
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await Promise.all(running.map((server) => server.end('SIGKILL')));
  upstream.close();
  upstream.closeAllConnections();
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
});

interface Start {
  readonly dataDir: string;
  readonly port?: number;
  readonly root?: string;
}
async function startControlPlane({ dataDir, port = 0, root }: Start): Promise<Server> {
  const args = ['--data-dir', dataDir, '--port', String(port), '--gateway-url', 'http://127.0.0.1:1'];
  const server = await startServer('control-plane', args, { STOA_CLIENT_SECRET: SECRET }, { root });
  running.push(server);
  return server;
}
async function startGateway(controlPlane: Server, { dataDir, port = 0, root }: Start): Promise<Server> {
  const args = ['--data-dir', dataDir, '--port', String(port), '--control-plane-url', controlPlane.url];
  const server = await startServer('gateway', args, {}, { root });
  running.push(server);
  return server;
}

const statusAt = async (gateway: Server, key: string): Promise<number> => {
  const answer = await fetch(`${gateway.url}/apis/acme/payments/v1/x`, { headers: { 'x-api-key': key } });
  await answer.arrayBuffer();
  return answer.status;
};

describe('what an earlier version has left', MINUTES, () => {
  it.each(databaseFixtures())('is served by this one, with its keys: version $version of the database', async (fixture) => {
    const dataDir = join(directory, `version-${fixture.version}`);
    restoreDatabase(dataDir, fixture);

    const controlPlane = await startControlPlane({ dataDir });
    const gateway = await startGateway(controlPlane, { dataDir });
    const call = caller(controlPlane.url, SECRET);
    await call('PATCH /v1/tenants/acme/apis/payments', { upstream_url: upstreamUrl });

    await eventually(() => statusAt(gateway, fixture.made.key), 200);
    expect(await statusAt(gateway, fixture.made.revoked_key)).toBe(401);
    const { subscriptions } = (await call('GET /v1/subscriptions?tenant_id=acme')) as {
      subscriptions: { status: string; rotation_count: number }[];
    };
    expect(subscriptions.map(({ status }) => status).sort()).toEqual(['active', 'pending_approval', 'revoked']);
    expect(subscriptions.find(({ status }) => status === 'active')?.rotation_count).toBe(1);
    const { logs } = (await call('GET /v1/audit/acme?limit=100&action=subscription.key_rotated')) as { logs: unknown[] };
    expect(logs).toHaveLength(1);
    await Promise.all([gateway.end(), controlPlane.end()]);
  });
});

const git = (...args: string[]): string => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();

/** The commit of the version before; undefined in a checkout without its history. */
function versionBefore(): string | undefined {
  if (spawnSync('git', ['rev-parse', 'HEAD'], { cwd: ROOT }).status !== 0) return undefined;
  const tag = spawnSync('git', ['describe', '--tags', '--abbrev=0', 'HEAD^'], { cwd: ROOT, encoding: 'utf8' });
  if (tag.status === 0) return tag.stdout.trim();
  const list = 'gateway/control-plane/database/migrations/index.ts';
  const [newest = ''] = git('log', '--format=%H', '--', list).split('\n');
  const parent = spawnSync('git', ['rev-parse', '--verify', `${newest}^`], { cwd: ROOT, encoding: 'utf8' });
  return parent.status === 0 ? parent.stdout.trim() : undefined;
}

const before = versionBefore();
if (before === undefined)
  console.warn('This checkout has no history: the version before is not built, and its update under traffic not tried.');

/** Clients that ask one gateway, and the other when the first cannot be reached, as behind a balancer: what they were answered. */
function clients(gateways: readonly (() => string)[], key: string): { stop(): Promise<Readonly<Record<string, number>>> } {
  const counts: Record<string, number> = {};
  let isOver = false;
  const ask = async (): Promise<string> => {
    for (const url of gateways) {
      const answer = await fetch(`${url()}/apis/acme/payments/v1/x`, { headers: { 'x-api-key': key, connection: 'close' } }).catch(
        () => undefined,
      );
      if (answer === undefined) continue;
      await answer.arrayBuffer();
      return String(answer.status);
    }
    return 'unreachable';
  };
  const client = async (): Promise<void> => {
    while (!isOver) {
      const outcome = await ask();
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      await delay(10);
    }
  };
  const done = Promise.all(Array.from({ length: 4 }, client));
  return {
    async stop() {
      isOver = true;
      await done;
      return counts;
    },
  };
}

describe.skipIf(before === undefined)('the version before this one', MINUTES, () => {
  const root = (): string => join(directory, 'before');

  beforeAll(() => {
    git('worktree', 'add', '--detach', root(), before ?? '');
    symlinkSync(join(ROOT, 'node_modules'), join(root(), 'node_modules'));
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: root(), stdio: 'ignore' });
  }, 240_000);
  afterAll(() => void git('worktree', 'remove', '--force', root()));

  it('is updated under traffic, the control plane first: no request is lost, and a key that is revoked in between is dead', async () => {
    const dataDir = join(directory, 'drill');
    const old = await startControlPlane({ dataDir, root: root() });
    const call = caller(old.url, SECRET);
    await call('POST /v1/tenants', { name: 'acme', tier: 'business', admin_email: 'admin@acme.example' });
    const api = await call('POST /v1/tenants/acme/apis', { name: 'payments', upstream_url: upstreamUrl, path: '/payments', version: 'v1' });
    const subscribe = async (name: string) => {
      const consumer = await call('POST /v1/consumers/acme', { name, external_id: name, email: `${name}@acme.example` });
      return call('POST /v1/subscriptions', { tenant_id: 'acme', api_id: api['id'], consumer_id: consumer['id'] });
    };
    const [kept, revoked] = [await subscribe('kept'), await subscribe('revoked')];
    const gateways: Server[] = [];
    // A gateway finds what it has kept by its port.
    for (let n = 0; n < 2; n += 1) gateways.push(await startGateway(old, { dataDir, port: await freePort(), root: root() }));
    for (const gateway of gateways) await eventually(() => statusAt(gateway, String(kept['api_key'])), 200);
    const traffic = clients([() => gateways[0]?.url ?? '', () => gateways[1]?.url ?? ''], String(kept['api_key']));
    await delay(500);

    // The control plane: its gateways serve on, and follow the new one.
    expect(await old.end()).toBe(0);
    const controlPlane = await startControlPlane({ dataDir, port: old.port });
    await caller(controlPlane.url, SECRET)(`POST /v1/subscriptions/${String(revoked['id'])}/revoke`);
    for (const gateway of gateways) await eventually(() => statusAt(gateway, String(revoked['api_key'])), 401);
    // The gateways, one after the other, each with its port and what it has on its disk.
    for (const [index, gateway] of gateways.entries()) {
      expect(await gateway.end()).toBe(0);
      gateways[index] = await startGateway(controlPlane, { dataDir, port: gateway.port });
      expect(await statusAt(gateways[index], String(revoked['api_key']))).toBe(401);
    }
    await delay(500);
    const answers = await traffic.stop();

    expect(Object.keys(answers)).toEqual(['200']);
    expect(answers['200']).toBeGreaterThan(100);
  });
});
