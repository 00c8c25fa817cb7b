import { expect, it } from 'vitest';
import { createMetrics } from './metrics.js';

function start() {
  const metrics = createMetrics({
    routes: () => [],
    configNumber: () => 0,
    isControlPlaneConnected: () => false,
    controlPlaneBreaker: () => 'closed',
    answers: () => ({ entry_count: 0, bytes: 0 }),
    keyCache: () => ({ hits: 0, misses: 0, entry_count: 0 }),
    knownKeys: () => 0,
    connections: () => 0,
    certificates: () => [],
    events: () => ({ queued: 0, dropped: 0 }),
    load: () => ({ share: 0, refused: 0 }),
    fullestQuotas: () => [],
    dataDirectory: '.',
    now: () => 0,
  });
  metrics.stop();
  const series = async (tenant: string): Promise<string[]> =>
    (await metrics.text()).text.split('\n').filter((line) => line.includes(`tenant="${tenant}"`));
  return { metrics, series };
}

it('counts what happens to an API, and nothing of one that is gone or never was', async () => {
  const { metrics, series } = start();
  metrics.route('acme', 'payments').observe(200, 1, 'GET');
  metrics.route('globex', 'gone').observe(200, 1, 'GET');
  metrics.forget('globex', 'gone');

  for (const [tenant, api] of [
    ['acme', 'payments'],
    ['globex', 'gone'],
    ['initech', 'never'],
  ] as const) {
    metrics.rateLimited(tenant, api, undefined);
    metrics.upstreamFailed(tenant, api);
    metrics.authFailed(tenant, api, 'expired_api_key');
  }

  expect(await series('acme')).toEqual(
    expect.arrayContaining([
      'stoa_gateway_rate_limit_rejections_total{tenant="acme",api="payments"} 1',
      'stoa_gateway_upstream_failures_total{tenant="acme",api="payments"} 1',
      'stoa_gateway_auth_failures_total{tenant="acme",api="payments",reason="expired_api_key"} 1',
    ]),
  );
  expect([await series('globex'), await series('initech')]).toEqual([[], []]);
});
