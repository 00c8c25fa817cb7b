import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { latencyBucket } from '../../../schema/latency.js';
import type { UsageEntry } from '../../../schema/sync.js';
import { openControlPlane, type TestControlPlane } from '../../../test/helpers/control-plane.js';
import { changesAfter } from '../gateways/store.js';
import { forgetOldUsage } from './retention.js';

const NOW = Date.parse('2026-03-15T12:30:00Z');
const HOUR_MS = 3_600_000;
let control: TestControlPlane;
let api: string;
let subscription: string;
let key: string;

beforeEach(async () => {
  control = await openControlPlane({ now: NOW });
  await control.send('POST /v1/tenants', { name: 'acme' });
  api = (await control.send('POST /v1/tenants/acme/apis', { name: 'pay', path: '/pay', upstream_url: 'https://pay.example.com' })).body.id;
  const made = await control.send('POST /v1/subscriptions', { api_id: api, tenant_id: 'acme' });
  subscription = made.body.id;
  key = (await control.send('GET /v1/tenants/acme/apikeys')).body.apikeys[0].id;
});
afterEach(() => control.close());

const hourOf = (instant: string): number => Date.parse(instant) / HOUR_MS;
const entry = (more: Partial<UsageEntry> = {}): UsageEntry => ({
  tenant: 'acme',
  api,
  subscription,
  hour: hourOf('2026-03-15T10:00:00Z'),
  requests: 4,
  errors: 1,
  latency: [
    [latencyBucket(10), 3],
    [latencyBucket(200), 1],
  ],
  ...more,
});

const report = (number: number, entries: readonly UsageEntry[], keys: readonly (readonly [string, number])[] = [], gateway = 'gw-1') =>
  control.send('POST /v1/gateways/reports', { gateway, number, entries, keys }, { token: control.cp.gatewayToken });
const metrics = async (place: string, query = '') => (await control.send(`GET /v1/tenants/acme${place}/metrics${query}`)).body.metrics;
const only = (items: readonly { requests: number }[]) => items.filter(({ requests }) => requests > 0);

describe('metrics', () => {
  it('have the six fields of document B for the tenant and the API, with zeros for days without requests (MT1 MT4)', async () => {
    expect((await report(1, [entry()])).body).toEqual({ taken: true });

    for (const place of ['', `/apis/${api}`, '/apis/pay']) {
      const found = await metrics(place, '?start_date=2026-03-14&end_date=2026-03-16&granularity=day');
      expect(found).toEqual([
        { date: '2026-03-14', requests: 0, errors: 0, p50_latency_ms: 0, p95_latency_ms: 0, p99_latency_ms: 0 },
        {
          date: '2026-03-15',
          requests: 4,
          errors: 1,
          p50_latency_ms: expect.closeTo(10, 0),
          p95_latency_ms: expect.closeTo(200, -1),
          p99_latency_ms: expect.closeTo(200, -1),
        },
        { date: '2026-03-16', requests: 0, errors: 0, p50_latency_ms: 0, p95_latency_ms: 0, p99_latency_ms: 0 },
      ]);
    }
    expect(await metrics('')).toHaveLength(30);
  });

  it('come by hour, day, week and month, with the same sums (MT3)', async () => {
    await report(1, [entry(), entry({ hour: hourOf('2026-03-15T11:00:00Z') }), entry({ hour: hourOf('2026-03-08T23:00:00Z') })]);
    const range = '?start_date=2026-02-20&end_date=2026-03-31&granularity=';

    const dates = async (granularity: string) =>
      only(await metrics('', range + granularity)).map((item) => [(item as unknown as { date: string }).date, item.requests]);

    expect(await dates('hour')).toEqual([
      ['2026-03-08T23:00:00Z', 4],
      ['2026-03-15T10:00:00Z', 4],
      ['2026-03-15T11:00:00Z', 4],
    ]);
    expect(await dates('day')).toEqual([
      ['2026-03-08', 4],
      ['2026-03-15', 8],
    ]);
    expect(await dates('week')).toEqual([
      ['2026-03-02', 4],
      ['2026-03-09', 8],
    ]);
    expect(await dates('month')).toEqual([['2026-03-01', 12]]);
  });

  it.each([
    '?granularity=minute',
    '?start_date=2026-03-02&end_date=2026-03-01',
    '?start_date=yesterday',
    '?start_date=2020-01-01&granularity=hour',
    '?x=1',
  ])('refuse %s with 400 (MT3)', async (query) => {
    expect((await control.send(`GET /v1/tenants/acme/metrics${query}`)).status).toBe(400);
  });

  it('count a report once, however often and in whatever order it is sent', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uuid(), fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 12 }), async (gateway, numbers) => {
        const before = only(await metrics(''))[0]?.requests ?? 0;
        let last = 0;
        let expected = 0;
        for (const number of numbers) {
          const { body } = await report(number, [entry({ requests: number })], [], gateway);
          expect(body.taken).toBe(number > last);
          if (number > last) expected += number;
          last = Math.max(last, number);
        }
        expect((only(await metrics(''))[0]?.requests ?? 0) - before).toBe(expected);
      }),
      { numRuns: 30 },
    );
  });

  it('leave out what belongs to nobody, or to another tenant', async () => {
    await control.send('POST /v1/tenants', { name: 'globex' });
    const { body } = await report(1, [entry({ api: 'api-none' }), entry({ tenant: 'globex' }), entry({ subscription: 'sub-none' })]);

    expect(body).toEqual({ taken: true });
    expect(only(await metrics(''))).toMatchObject([{ requests: 4 }]);
    expect(only((await control.send('GET /v1/tenants/globex/metrics')).body.metrics)).toEqual([]);
    expect((await control.send(`GET /v1/subscriptions/${subscription}/usage`)).body.requests).toBe(0);
  });

  it('do not pass to a tenant that is made again under the same name', async () => {
    await report(1, [entry()]);
    await control.send('DELETE /v1/tenants/acme');
    await control.send('POST /v1/tenants', { name: 'acme' });

    expect(only(await metrics(''))).toEqual([]);
  });

  it('are forgotten when they are old: hours after 90 days, days after 800', async () => {
    await report(1, [entry()]);
    control.advance(91 * 24 * HOUR_MS);
    await forgetOldUsage(control.cp);
    const token = await control.tokenFor('');
    const range = '?start_date=2026-03-15&end_date=2026-03-15&granularity=';
    const of = async (granularity: string) =>
      only((await control.send(`GET /v1/tenants/acme/metrics${range}${granularity}`, undefined, { token })).body.metrics);

    expect([await of('hour'), (await of('day')).length]).toEqual([[], 1]);
  });

  it('are reported by gateways alone, in the form that they have', async () => {
    const body = { gateway: 'x', number: 1, entries: [], keys: [] };
    expect((await control.send('POST /v1/gateways/reports', body, { token: await control.tokenFor('tenant:acme') })).status).toBe(403);
    expect((await report(0, [])).status).toBe(400);
    expect((await report(1, [entry({ requests: -1 })])).status).toBe(400);
  });
});

describe('the usage of a subscription (SB14 QT2)', () => {
  it('tells the month, the quota of the approval with its end, and every day', async () => {
    const asked = await control.send('POST /v1/tenants/acme/subscriptions', { api_id: api, plan: 'standard' });
    const id = asked.body.id as string;
    await control.send(`POST /v1/tenants/acme/subscriptions/${id}/approve`, { rate_limit: 1000, quota: 50_000 });
    await report(1, [entry({ subscription: id }), entry({ subscription: id, hour: hourOf('2026-02-28T23:00:00Z'), requests: 7 })]);

    for (const path of [`/v1/tenants/acme/subscriptions/${id}/usage`, `/v1/subscriptions/${id}/usage`]) {
      const { body } = await control.send(`GET ${path}`);
      expect(body).toMatchObject({
        subscription_id: id,
        period: '2026-03',
        requests: 4,
        errors: 1,
        quota: { limit: 50_000, used: 4, remaining: 49_996, resets_at: '2026-04-01T00:00:00.000Z' },
        daily_quota: null,
        rate_limit: 1000,
      });
      expect(body.daily).toHaveLength(15);
      expect(body.daily.at(-1)).toEqual({ date: '2026-03-15', requests: 4, errors: 1 });
    }
  });

  it('tells every limit as the gateway holds it: of approval and plan, with the factor of the tenant', async () => {
    await control.send('PATCH /v1/tenants/acme', { settings: { rate_limit_multiplier: 2 } });
    await control.send('POST /v1/tenants/acme/plans', { name: 'timed', requires_approval: true, rate_limit: { requests_per_minute: 30 } });
    const { body } = await control.send('POST /v1/tenants/acme/subscriptions', { api_id: api, plan: 'timed' });
    const path = `/v1/subscriptions/${body.id as string}`;
    await control.send(`POST ${path}/approve`, { rate_limit: 1000, quota: 500 });

    const usage = await control.send(`GET ${path}/usage`);
    const filtered = await control.send(`GET ${path}/usage?period=2026-11`);

    expect(usage.body).toMatchObject({
      rate_limit: 2000,
      plan_rate_limit: { limit: 60, window_secs: 60, burst: 0 },
      quota: { limit: 1000 },
    });
    expect(filtered).toMatchObject({ status: 400, body: { error: { details: [{ field: 'period' }] } } });
  });

  it('tells the quotas of a plan', async () => {
    await control.send('POST /v1/tenants/acme/plans', { name: 'small', quota: { daily: 10, monthly: 100 } });
    const { body } = await control.send('POST /v1/subscriptions', { api_id: api, plan: 'small', tenant_id: 'acme' });
    await report(1, [entry({ subscription: body.id, requests: 15, counted: 10 }), entry({ subscription: body.id, requests: 2 })]);

    const usage = (await control.send(`GET /v1/subscriptions/${body.id as string}/usage`)).body;

    expect(usage.quota).toMatchObject({ limit: 100, used: 12, remaining: 88 });
    expect(usage.daily_quota).toEqual({ limit: 10, used: 12, remaining: 0, resets_at: '2026-03-16T00:00:00.000Z' });
  });

  it('tells what a quota has counted since a gateway has set it to zero, and all requests (AD22)', async () => {
    await control.send('POST /v1/tenants/acme/plans', { name: 'small', quota: { daily: 10, monthly: 100 } });
    const { body } = await control.send('POST /v1/subscriptions', { api_id: api, plan: 'small', tenant_id: 'acme' });
    const of = { subscription: body.id, errors: 0, latency: [] };
    await report(1, [entry({ ...of, requests: 8 }), entry({ ...of, hour: hourOf('2026-03-14T08:00:00Z'), requests: 30 })]);
    const usage = async () => (await control.send(`GET /v1/subscriptions/${body.id as string}/usage`)).body;

    await report(2, [
      entry({ ...of, requests: 2, counted: -6 }),
      entry({ ...of, hour: hourOf('2026-03-14T12:00:00Z'), requests: 0, counted: -30 }),
    ]);

    expect(await usage()).toMatchObject({ requests: 40, quota: { used: 2, remaining: 98 }, daily_quota: { used: 2, remaining: 8 } });
    await report(3, [entry({ ...of, requests: 0, counted: -3 })]);
    expect(await usage()).toMatchObject({ quota: { used: 0, remaining: 100 }, daily_quota: { used: 0 } });
  });
});

it('a key shows when it was used last, and never an earlier use (KY24)', async () => {
  await report(1, [], [[key, NOW - 1000]]);
  await report(
    2,
    [],
    [
      [key, NOW - 5000],
      ['key-none', NOW],
    ],
  );

  const { body } = await control.send('GET /v1/tenants/acme/apikeys');

  expect(body.apikeys[0].last_used_at).toBe(new Date(NOW - 1000).toISOString());
});

it('a key that was revoked meanwhile shows its last use too, and gateways are told nothing (KY24)', async () => {
  await control.send(`DELETE /v1/tenants/acme/apikeys/${key}`);
  const newest = (await changesAfter(control.cp.db, 0, 1000)).at(-1)?.number ?? 0;

  await report(
    1,
    [],
    [
      [key, NOW - 5000],
      [key, NOW - 1000],
      [key, NOW - 3000],
    ],
  );

  const { body } = await control.send('GET /v1/tenants/acme/apikeys');
  expect(body.apikeys[0]).toMatchObject({ status: 'revoked', last_used_at: new Date(NOW - 1000).toISOString() });
  expect(await changesAfter(control.cp.db, newest, 10)).toEqual([]);
});

it('the last uses of more keys than one statement holds are noted, and never ahead of the clock (KY24)', async () => {
  const uses = Array.from({ length: 1200 }, (_, index): [string, number] => [`key-none-${index}`, NOW]);

  expect((await report(1, [], [...uses, [key, NOW + HOUR_MS]])).body).toEqual({ taken: true });

  const { body } = await control.send('GET /v1/tenants/acme/apikeys');
  expect(body.apikeys[0].last_used_at).toBe(new Date(NOW).toISOString());
});

it('a subscription has metrics of its own, at both of its addresses, in whole milliseconds (MT2)', async () => {
  await report(1, [entry(), entry({ subscription: undefined, requests: 9 })]);

  for (const address of [`tenants/acme/subscriptions/${subscription}`, `subscriptions/${subscription}`]) {
    const { status, body } = await control.send(`GET /v1/${address}/metrics?start_date=2026-03-15`);
    expect(status).toBe(200);
    expect(body.metrics).toMatchObject([{ date: '2026-03-15', requests: 4, errors: 1 }]);
    expect(Number.isInteger(body.metrics[0].p95_latency_ms)).toBe(true);
  }
});

it('a subscription of another tenant has neither metrics nor usage (MT4 SB14)', async () => {
  await control.send('POST /v1/tenants', { name: 'other' });
  const token = await control.tokenFor('tenant:other');

  for (const path of [
    `subscriptions/${subscription}/metrics`,
    `subscriptions/${subscription}/usage`,
    `tenants/other/subscriptions/${subscription}/usage`,
    `tenants/other/apis/${api}/metrics`,
    'tenants/acme/metrics',
  ])
    expect((await control.send(`GET /v1/${path}`, undefined, { token })).status, path).toBe(404);
});
