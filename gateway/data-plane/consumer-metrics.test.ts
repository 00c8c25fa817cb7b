import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { createConsumerMetrics } from './consumer-metrics.js';

const MINUTES = 60_000;

function start(maxSeries: number) {
  const clock = { ms: 0 };
  const registry = new Registry();
  const metrics = createConsumerMetrics([registry], { now: () => clock.ms, maxSeries });
  const send = (consumer: string, count: number): void => {
    for (let n = 0; n < count; n += 1) metrics.answered('acme', consumer, '2xx');
  };
  const counts = async () =>
    Object.fromEntries(
      ((await registry.getSingleMetric('stoa_gateway_consumer_requests_total')?.get())?.values ?? []).map(({ labels, value }) => [
        [labels.tenant, labels.consumer].filter(Boolean).join('/'),
        value,
      ]),
    );
  return { clock, metrics, registry, send, counts };
}

it('counts each consumer by its name, while there are few', async () => {
  const { send, counts } = start(3);

  send('ada', 2);
  send('bob', 1);

  expect(await counts()).toEqual({ 'acme/ada': 2, 'acme/bob': 1 });
});

it('counts all consumers beyond the bound together, however many there are', async () => {
  const { send, counts } = start(2);

  for (let n = 0; n < 20_000; n += 1) send(`consumer-${n}`, 1);

  expect(await counts()).toEqual({ 'acme/consumer-0': 1, 'acme/consumer-1': 1, other: 19_998 });
});

it('gives the series of the least busy to whoever was at least twice as busy, and no series ever shrinks', async () => {
  const { clock, send, counts } = start(2);
  send('busy', 50);
  send('idle', 1);
  send('newcomer', 30);
  clock.ms = 11 * MINUTES;

  send('newcomer', 1);
  send('newcomer', 5);
  send('idle', 7);

  expect(await counts()).toEqual({ 'acme/busy': 50, 'acme/newcomer': 5, other: 38 });
});

it('leaves a series with its consumer when nobody was twice as busy', async () => {
  const { clock, send, counts } = start(1);
  send('first', 10);
  send('second', 15);
  clock.ms = 11 * MINUTES;

  send('second', 1);
  send('first', 1);

  expect(await counts()).toEqual({ 'acme/first': 11, other: 16 });
});

it('counts what a limit refused under the same names', async () => {
  const { metrics, registry, send } = start(1);
  send('ada', 1);

  metrics.rateLimited('acme', 'ada');
  metrics.rateLimited('acme', 'bob');

  expect(await registry.metrics()).toContain('stoa_gateway_consumer_rate_limit_rejections_total{tenant="acme",consumer="ada"} 1');
  expect(await registry.metrics()).toContain('stoa_gateway_consumer_rate_limit_rejections_total{tenant="",consumer="other"} 1');
});
