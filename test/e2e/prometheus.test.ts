/** A real Prometheus over real servers: both are scraped, their metrics are clean, and the alerts name only what is emitted (KY22). */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { eventually, isPrometheusInstalled, PROMETHEUS_FILES, startPrometheus, type TestPrometheus } from '../helpers/prometheus.js';
import { startStack, type TestStack } from '../helpers/stack.js';

const isInstalled = isPrometheusInstalled();
if (!isInstalled) console.warn('Prometheus is not installed: its tests are skipped.');
const rules = readFileSync(path.join(PROMETHEUS_FILES, 'alerts.yml'), 'utf8');

interface AlertTest {
  readonly alertname: string;
  readonly exp_alerts: readonly unknown[];
}

it('every alert has a case in alerts.test.yml in which it fires (OP17)', () => {
  const { groups } = parse(rules) as { groups: { rules: { alert: string; annotations: Record<string, string> }[] }[] };
  const { tests } = parse(readFileSync(path.join(PROMETHEUS_FILES, 'alerts.test.yml'), 'utf8')) as {
    tests: { alert_rule_test: AlertTest[] }[];
  };
  const alerts = groups.flatMap((group) => group.rules);
  const firing = new Set(
    tests.flatMap((test) => test.alert_rule_test).flatMap(({ alertname, exp_alerts }) => (exp_alerts.length > 0 ? [alertname] : [])),
  );

  expect(alerts.map(({ alert }) => alert).filter((alert) => !firing.has(alert))).toEqual([]);
  expect([...firing].sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  for (const { alert, annotations } of alerts) expect([alert, Object.keys(annotations)]).toEqual([alert, ['summary', 'action']]);
});

describe.skipIf(!isInstalled)('Prometheus', () => {
  let stack: TestStack;
  let prometheus: TestPrometheus;

  beforeAll(async () => {
    stack = await startStack();
    prometheus = await startPrometheus({ gateway: stack.urls.gateway, controlPlane: stack.urls.api });
  }, 60_000);
  afterAll(async () => {
    prometheus.stop();
    await stack.stop();
  });

  const valueOf = async (expression: string): Promise<number | undefined> => (await prometheus.query(expression))[0]?.value;

  it('scrapes both servers as jobs that are up, and sees each rotation (KY22 OP5)', { timeout: 90_000 }, async () => {
    const health = async () => {
      const data = (await prometheus.ask('/api/v1/targets')) as
        { activeTargets: { labels: { job: string }; health: string }[] } | undefined;
      return data?.activeTargets.map(({ labels, health: state }) => `${labels.job} ${state}`).sort();
    };
    await eventually(health, ['stoa-control-plane up', 'stoa-gateway up']);
    const { subscriptions } = (await stack.call('GET', '/v1/subscriptions')).body as { subscriptions: { id: string }[] };
    const before = (await valueOf('stoa_key_rotations_total')) ?? 0;
    for (let n = 0; n < 3; n += 1) await stack.call('POST', `/v1/subscriptions/${subscriptions[0]?.id ?? ''}/rotate-key`, { force: true });

    await eventually(() => valueOf('stoa_key_rotations_total'), before + 3);
    await eventually(() => valueOf('stoa_control_plane_gateways_connected'), 1);
    expect(await valueOf('stoa_control_plane_subscriptions{status="active"}')).toBe(subscriptions.length);
  });

  it('sees how full the disk of either server is, as df does', async () => {
    const df = execFileSync('df', ['--output=pcent', stack.dataDir], { encoding: 'utf8' });
    const used = Number(/(\d+)%/.exec(df)?.[1]) / 100;

    for (const job of ['stoa-gateway', 'stoa-control-plane'])
      await eventually(async () => Math.abs(((await valueOf(`stoa_data_disk_used_ratio{job="${job}"}`)) ?? 9) - used) < 0.03, true);
  });

  it('finds nothing to complain of in the metrics of either, and no tenant in those of the control plane', async () => {
    for (const server of [stack.urls.api, stack.urls.gateway]) {
      const text = await (await fetch(`${new URL(server).origin}/metrics`)).text();
      const check = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
      expect([check.status, check.stdout + check.stderr]).toEqual([0, '']);
    }
    expect(await (await fetch(`${new URL(stack.urls.api).origin}/metrics`)).text()).not.toContain('acme');
  });

  it('accepts the configuration and the alerts, which fire when they should and not before', async () => {
    for (const args of [
      ['check', 'config', 'prometheus.yml'],
      ['check', 'rules', 'alerts.yml'],
      ['test', 'rules', 'alerts.test.yml'],
    ])
      await expect(promisify(execFile)('promtool', args, { cwd: PROMETHEUS_FILES })).resolves.toHaveProperty('stderr', expect.any(String));
  });

  it('is alerted by metrics that the servers emit, and by no other (OP9 OP17)', async () => {
    const texts = await Promise.all(
      [stack.urls.api, stack.urls.gateway].map(async (server) => (await fetch(`${new URL(server).origin}/metrics`)).text()),
    );
    const emitted = new Set([...texts.join('\n').matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    const named = [...rules.matchAll(/stoa_\w+/g)].map(([name]) => name);

    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !emitted.has(name))).toEqual([]);
  });
});
