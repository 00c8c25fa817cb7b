import { expect, it, onTestFinished } from 'vitest';
import { eventually, makeRoute, makeUpstream, startUpstream } from '../../test/helpers/data-plane.js';
import { createAccessLog } from './access-log.js';
import { balance } from './balancer.js';
import { Health, startHealthChecks, type HealthSettings } from './health-checks.js';
import { createRuntimeState } from './policy-state.js';
import type { Route } from './snapshot.js';

const SETTINGS: HealthSettings = { path: '/up', intervalMs: 20, timeoutMs: 500, unhealthyThreshold: 2, healthyThreshold: 2 };

it('a server changes its state after so many outcomes in a row, no sooner', () => {
  const health = new Health('http://a', { ...SETTINGS, unhealthyThreshold: 3 });
  const record = (outcomes: string): string => Array.from(outcomes, (outcome) => (health.record(outcome === '+') ? '!' : '.')).join('');

  expect(record('--+--')).toBe('.....');
  expect([record('-'), health.isHealthy]).toEqual(['!', false]);
  expect(record('+-+')).toBe('...');
  expect([record('+'), health.isHealthy]).toEqual(['!', true]);
});

function startChecks(allowPrivate = true) {
  const texts: string[] = [];
  const log = createAccessLog({ format: 'json', level: 'info', now: Date.now, write: (text) => texts.push(text) });
  const checks = startHealthChecks({ allowPrivate, log });
  onTestFinished(() => checks.stop());
  const lines = (): Record<string, unknown>[] => {
    log.flush();
    return texts
      .join('')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  return { checks, lines };
}

function checkedRoute(url: string, settings: Partial<HealthSettings> = {}): { readonly route: Route; readonly health: Health } {
  const health = new Health(url, { ...SETTINGS, ...settings });
  const upstream = makeUpstream(url, { health });
  return { health, route: makeRoute({ upstreamUrl: url, upstream: { health }, upstreams: balance([{ upstream, weight: 1 }]) }) };
}

it('asks each server behind its base path, takes it out with a reason in the log, and brings it back', async () => {
  const asked = new Set<string>();
  let status = 500;
  const { url } = await startUpstream((req, res) => {
    asked.add(`${req.method} ${req.url} ${req.headers.host}`);
    res.writeHead(status).end('x');
  });
  const { checks, lines } = startChecks();
  const { route, health } = checkedRoute(`${url}/base`);

  checks.follow([route]);
  await eventually(() => health.isHealthy).toBe(false);
  status = 204;
  await eventually(() => health.isHealthy).toBe(true);

  expect([...asked]).toEqual([`GET /base/up ${new URL(url).host}`]);
  expect(lines().slice(0, 2)).toEqual([
    expect.objectContaining({ event: 'upstream_unhealthy', upstream: `${url}/base`, reason: 'status 500' }),
    expect.objectContaining({ event: 'upstream_healthy', upstream: `${url}/base` }),
  ]);
});

it.each([
  ['refuses', 'connection refused'],
  ['is silent', 'no answer in 50 ms'],
])('a server that %s is unhealthy: %s', async (what, reason) => {
  const { url, server } = await startUpstream(() => undefined);
  if (what === 'refuses') server.close();
  const { checks, lines } = startChecks();
  const { route, health } = checkedRoute(url, { timeoutMs: 50 });

  checks.follow([route]);

  await eventually(() => health.isHealthy).toBe(false);
  expect(lines()[0]).toMatchObject({ reason });
});

it('ssrf: a server on an address that is not allowed is never asked', async () => {
  let asked = 0;
  const { url } = await startUpstream((_req, res) => res.end(String((asked += 1))));
  const { checks } = startChecks(false);
  const { route, health } = checkedRoute(url);

  checks.follow([route]);

  await eventually(() => health.isHealthy).toBe(false);
  expect(asked).toBe(0);
});

it('ends with the route, and goes on where the configuration changes around it', async () => {
  let asked = 0;
  let open = 0;
  const { url, server } = await startUpstream((_req, res) => res.end(String((asked += 1))));
  server.on('connection', (socket) => {
    open += 1;
    socket.on('close', () => (open -= 1));
  });
  const { checks } = startChecks();
  const { route } = checkedRoute(url);
  checks.follow([route]);
  await eventually(() => asked).toBeGreaterThan(2);

  checks.follow([route, makeRoute({ upstreamUrl: url })]);
  const before = asked;
  await eventually(() => asked).toBeGreaterThan(before);
  checks.follow([{ ...route, state: 'inactive' }]);
  // Once its connection is closed, nothing is on its way any more.
  await eventually(() => open).toBe(0);
  const after = asked;
  await new Promise((resolve) => setTimeout(resolve, 10 * SETTINGS.intervalMs));

  expect(asked).toBe(after);
});

it('tells other processes that nothing is known any more of a failing server that no route names (DP20)', () => {
  const told: string[] = [];
  const state = createRuntimeState(
    Date.now,
    createAccessLog({ format: 'json', level: 'error', write: () => undefined, now: Date.now }),
    true,
    {
      onForgotten: ({ key, isHealthy }) => told.push(`${key} ${String(isHealthy)}`),
    },
  );
  const health = state.health('http://a', SETTINGS);
  health.isHealthy = false;

  state.sweep(() => true, []);

  expect(told).toEqual([`${health.key} true`]);
  expect(state.health('http://a', SETTINGS).isHealthy).toBe(true);
});
