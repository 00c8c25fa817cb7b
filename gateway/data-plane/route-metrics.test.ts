import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { addApiMetrics, addOne, RouteCounts } from './route-metrics.js';

function start() {
  const registry = new Registry();
  const counts = new RouteCounts('acme', 'payments');
  addApiMetrics([registry], () => [counts]);
  const lines = async (name: string): Promise<string[]> =>
    (await registry.metrics()).split('\n').filter((line) => line.startsWith(`stoa_gateway_${name}`));
  return { counts, lines, registry };
}

it('counts answers by method and class of status, unknown methods together', async () => {
  const { counts, lines } = start();

  counts.answered(200, 1, 'GET');
  counts.answered(204, 1, 'GET');
  counts.answered(503, 1, 'POST');
  counts.answered(405, 1, 'BREW');
  counts.answered(405, 1, 'SIP');

  expect(await lines('requests_total')).toEqual([
    'stoa_gateway_requests_total{tenant="acme",api="payments",method="GET",status_class="2xx"} 2',
    'stoa_gateway_requests_total{tenant="acme",api="payments",method="POST",status_class="5xx"} 1',
    'stoa_gateway_requests_total{tenant="acme",api="payments",method="other",status_class="4xx"} 2',
  ]);
});

it('puts each latency into every bucket that it fits in, bounds included', async () => {
  const { counts, lines } = start();

  counts.answered(200, 1, 'GET');
  counts.answered(200, 7, 'GET');
  counts.answered(200, 60_000, 'GET');

  const buckets = await lines('request_duration_seconds');
  expect(buckets).toHaveLength(17);
  expect(buckets).toContain('stoa_gateway_request_duration_seconds_bucket{le="0.001",tenant="acme",api="payments"} 1');
  expect(buckets).toContain('stoa_gateway_request_duration_seconds_bucket{le="0.01",tenant="acme",api="payments"} 2');
  expect(buckets).toContain('stoa_gateway_request_duration_seconds_bucket{le="30",tenant="acme",api="payments"} 2');
  expect(buckets).toContain('stoa_gateway_request_duration_seconds_bucket{le="+Inf",tenant="acme",api="payments"} 3');
  expect(buckets.at(-2)).toBe('stoa_gateway_request_duration_seconds_sum{tenant="acme",api="payments"} 60.008');
  expect(buckets.at(-1)).toBe('stoa_gateway_request_duration_seconds_count{tenant="acme",api="payments"} 3');
});

it('shows refusals and the cache only where there were some, limits and failures of the upstream from zero on', async () => {
  const { counts, lines } = start();
  expect(await lines('auth_failures_total')).toEqual([]);

  addOne(counts.refused, 'expired_api_key');
  addOne(counts.refused, 'expired_api_key');
  addOne(counts.cached, 'hit');
  counts.limited += 3;

  expect(await lines('auth_failures_total')).toEqual([
    'stoa_gateway_auth_failures_total{tenant="acme",api="payments",reason="expired_api_key"} 2',
  ]);
  expect(await lines('cache_requests_total')).toEqual(['stoa_gateway_cache_requests_total{tenant="acme",api="payments",result="hit"} 1']);
  expect(await lines('rate_limit_rejections_total')).toEqual(['stoa_gateway_rate_limit_rejections_total{tenant="acme",api="payments"} 3']);
  expect(await lines('upstream_failures_total')).toEqual(['stoa_gateway_upstream_failures_total{tenant="acme",api="payments"} 0']);
});

it('tells the same to whoever asks for values in place of text', async () => {
  const { counts, registry } = start();
  counts.answered(200, 20, 'GET');

  const durations = (await registry.getMetricsAsJSON()).find(({ name }) => name === 'stoa_gateway_request_duration_seconds');

  expect(durations?.values).toHaveLength(17);
});
