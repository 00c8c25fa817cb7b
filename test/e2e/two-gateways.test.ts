/** Two gateways behind the balancers of deploy/balancer: one after the other is restarted under traffic, and no request is lost (OP10). */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../helpers/ports.js';
import { eventually } from '../helpers/prometheus.js';
import { ROOT, removeDirectory, startStack, type TestStack } from '../helpers/stack.js';

const BALANCERS = [
  { name: 'haproxy', file: 'haproxy.cfg', listens: 'bind :80', run: (file: string) => ['-db', '-f', file] },
  { name: 'nginx', file: 'nginx.conf', listens: 'listen 80', run: (file: string) => ['-g', 'daemon off; pid nginx.pid;', '-c', file] },
];
const isInstalled = ({ name }: { readonly name: string }): boolean => spawnSync(name, ['-v']).status === 0;
for (const { name } of BALANCERS.filter((balancer) => !isInstalled(balancer)))
  console.warn(`${name} is not installed: two gateways are not tried behind it.`);

let directory: string;
let first: TestStack;
let second: TestStack;
let ports: readonly number[];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stoa-two-'));
  first = await startStack({ dataDir: join(directory, '.stoa') });
  const controlPort = new URL(first.urls.api).port;
  const args = ['--only', 'gateway', '--control-port', controlPort];
  second = await startStack({ dataDir: first.dataDir, args, readyWhen: /gateway is ready at \S+/ });
  ports = await Promise.all([
    Promise.resolve(Number(new URL(first.urls.gateway).port)),
    Promise.resolve(Number(/gateway is ready at http:\/\/[^:]+:(\d+)/.exec(second.output())?.[1])),
  ]);
}, 120_000);
afterAll(async () => {
  await second.stop();
  await first.stop();
  await removeDirectory(directory);
});

/** Starts a balancer with its file, the ports replaced by those of the test. */
async function startBalancer({ name, file, listens, run }: (typeof BALANCERS)[number]): Promise<{ url: string; child: ChildProcess }> {
  const port = await freePort();
  const text = readFileSync(join(ROOT, 'deploy/balancer', file), 'utf8')
    .replace(listens, listens.replace(/:?80/, `127.0.0.1:${port}`))
    .replace('127.0.0.1:3001', `127.0.0.1:${ports[0]}`)
    .replace('127.0.0.1:3011', `127.0.0.1:${ports[1]}`);
  writeFileSync(join(directory, file), text);
  const child = spawn(name, run(join(directory, file)), { cwd: directory, stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  const health = async (): Promise<number> => (await fetch(`${url}/health`).catch(() => ({ status: 0 }))).status;
  await eventually(health, 200);
  return { url, child };
}

/** Asks without a pause over kept connections, some of them with a body, until it is told to stop: how many answers had which status. */
function traffic(url: string, apiKey: string): { stop(): Promise<Readonly<Record<string, number>>> } {
  const agent = new Agent({ keepAlive: true });
  const counts: Record<string, number> = {};
  let isOver = false;
  const ask = (method: 'GET' | 'POST'): Promise<string> =>
    new Promise((resolve) => {
      const options = { method, agent, headers: { 'x-api-key': apiKey } };
      const call = request(`${url}/apis/acme/payments/delay/20`, options, (res) => {
        res.resume().once('end', () => resolve(String(res.statusCode)));
      });
      call.once('error', ({ message }) => resolve(message));
      call.end(method === 'POST' ? '{"amount":1}' : undefined);
    });
  const client = async (): Promise<void> => {
    for (let n = 0; !isOver; n += 1) {
      const outcome = await ask(n % 4 === 0 ? 'POST' : 'GET');
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      await delay(5);
    }
  };
  const clients = Promise.all(Array.from({ length: 8 }, client));
  return {
    async stop() {
      isOver = true;
      await clients;
      agent.destroy();
      return counts;
    },
  };
}

describe.each(BALANCERS.filter(isInstalled))('two gateways behind $name', (balancer) => {
  it('are restarted one after the other, each within ten seconds, and no request is lost (OP10)', { timeout: 120_000 }, async () => {
    const { url, child } = await startBalancer(balancer);
    const limit = { config: { requests_per_minute: 1_000_000 } };
    const { body } = await first.call('GET', '/v1/tenants/acme/policies');
    for (const { id } of (body as { policies: { id: string; policy_type: string }[] }).policies.filter(
      (policy) => policy.policy_type === 'rate_limit',
    ))
      expect((await first.call('PATCH', `/v1/tenants/acme/policies/${id}`, limit)).status).toBe(200);
    await delay(1500);
    const clients = traffic(url, first.sample?.apiKey ?? '');
    await delay(1000);

    const restarted = await first.stoactl(['dev', 'restart', 'stoa-gateway', '--data-dir', first.dataDir, '-o', 'json']);
    await delay(1000);
    const answers = await clients.stop();
    child.kill('SIGKILL');

    const { milliseconds, services } = JSON.parse(restarted.stdout) as { milliseconds: number; services: { state: string }[] };
    expect(services.map(({ state }) => state)).toEqual(['running', 'running']);
    expect(milliseconds).toBeLessThan(20_000);
    expect(Object.keys(answers)).toEqual(['200']);
    expect(answers['200']).toBeGreaterThan(100);
  });

  it('keep their admin API and their metrics to themselves', async () => {
    const { url, child } = await startBalancer(balancer);

    const statuses = await Promise.all(['/admin/health', '/metrics'].map(async (path) => (await fetch(url + path)).status));
    child.kill('SIGKILL');

    expect(statuses).toEqual([404, 404]);
  });
});
