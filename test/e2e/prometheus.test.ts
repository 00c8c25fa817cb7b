/** A real Prometheus over real servers: both are scraped, their metrics are clean, and the alerts name only what is emitted (KY22). */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, startStack, type TestStack } from '../helpers/stack.js';

const DEPLOY = path.join(ROOT, 'deploy/prometheus');
const isInstalled = spawnSync('promtool', ['--version']).status === 0;
if (!isInstalled) console.warn('Prometheus is not installed: its tests are skipped.');

describe.skipIf(!isInstalled)('Prometheus', () => {
  let stack: TestStack;
  let prometheus: ChildProcess;
  let url: string;
  const directory = mkdtempSync(path.join(tmpdir(), 'stoa-prometheus-'));

  beforeAll(async () => {
    stack = await startStack();
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const host = (address: string): string => new URL(address).host;
    const config = readFileSync(path.join(DEPLOY, 'prometheus.yml'), 'utf8')
      .replace('localhost:3001', host(stack.urls.gateway))
      .replace('localhost:8000', host(stack.urls.api))
      .replaceAll('15s', '1s')
      .replace('alerts.yml', path.join(DEPLOY, 'alerts.yml'));
    writeFileSync(path.join(directory, 'prometheus.yml'), config);
    const flags = [
      `--config.file=${directory}/prometheus.yml`,
      `--storage.tsdb.path=${directory}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    prometheus = spawn('prometheus', flags, { stdio: 'ignore' });
  }, 60_000);
  afterAll(async () => {
    prometheus.kill('SIGKILL');
    await stack.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const ask = async (route: string) => {
    const answer = await fetch(`${url}${route}`).catch(() => undefined);
    return answer === undefined ? undefined : ((await answer.json()) as { data: unknown }).data;
  };
  const valueOf = async (expression: string): Promise<string | undefined> => {
    const data = (await ask(`/api/v1/query?query=${encodeURIComponent(expression)}`)) as
      { result: { value: [number, string] }[] } | undefined;
    return data?.result[0]?.value[1];
  };
  async function eventually(look: () => Promise<unknown>, expected: unknown): Promise<void> {
    const end = Date.now() + 30_000;
    for (let seen = await look(); ; seen = await look()) {
      if (JSON.stringify(seen) === JSON.stringify(expected)) return;
      if (Date.now() > end) expect(seen).toEqual(expected);
      await delay(200);
    }
  }

  it('scrapes both servers as jobs that are up, and sees each rotation (KY22)', { timeout: 90_000 }, async () => {
    const health = async () => {
      const data = (await ask('/api/v1/targets')) as { activeTargets: { labels: { job: string }; health: string }[] } | undefined;
      return data?.activeTargets.map(({ labels, health: state }) => `${labels.job} ${state}`).sort();
    };
    await eventually(health, ['stoa-control-plane up', 'stoa-gateway up']);
    const { subscriptions } = (await stack.call('GET', '/v1/subscriptions')).body as { subscriptions: { id: string }[] };
    const before = Number(await valueOf('stoa_key_rotations_total'));
    for (let n = 0; n < 3; n += 1) await stack.call('POST', `/v1/subscriptions/${subscriptions[0]?.id ?? ''}/rotate-key`, { force: true });

    await eventually(() => valueOf('stoa_key_rotations_total'), String(before + 3));
    await eventually(() => valueOf('stoa_control_plane_gateways_connected'), '1');
    expect(await valueOf('stoa_control_plane_subscriptions{status="active"}')).toBe(String(subscriptions.length));
  });

  it('finds nothing to complain of in the metrics of either, and no tenant in those of the control plane', async () => {
    for (const server of [stack.urls.api, stack.urls.gateway]) {
      const text = await (await fetch(`${new URL(server).origin}/metrics`)).text();
      const check = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
      expect([check.status, check.stdout + check.stderr]).toEqual([0, '']);
    }
    expect(await (await fetch(`${new URL(stack.urls.api).origin}/metrics`)).text()).not.toContain('acme');
  });

  it('accepts the configuration and the alerts, which fire when they should and not before', () => {
    for (const args of [
      ['check', 'config', 'prometheus.yml'],
      ['check', 'rules', 'alerts.yml'],
      ['test', 'rules', 'alerts.test.yml'],
    ])
      expect(() => execFileSync('promtool', args, { cwd: DEPLOY, stdio: 'pipe' })).not.toThrow();
    const rules = readFileSync(path.join(DEPLOY, 'alerts.yml'), 'utf8');
    const tests = readFileSync(path.join(DEPLOY, 'alerts.test.yml'), 'utf8');
    const untested = [...rules.matchAll(/alert: (\w+)/g)].flatMap(([, name = '']) => (tests.includes(`alertname: ${name}`) ? [] : [name]));
    expect(untested).toEqual([]);
  });

  it('is alerted by metrics that the servers emit, and by no other', async () => {
    const texts = await Promise.all(
      [stack.urls.api, stack.urls.gateway].map(async (server) => (await fetch(`${new URL(server).origin}/metrics`)).text()),
    );
    const emitted = new Set([...texts.join('\n').matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    const named = [...readFileSync(path.join(DEPLOY, 'alerts.yml'), 'utf8').matchAll(/stoa_\w+/g)].map(([name]) => name);

    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !emitted.has(name))).toEqual([]);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
