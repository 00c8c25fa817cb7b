import { describe, expect, it } from 'vitest';
import { knownSubjects, PolicyQuotas } from '../data-plane/policy-quotas.js';
import { findQuota, listQuotas, resetQuota, type QuotaSources } from '../data-plane/quota-view.js';
import { createQuotaTable } from '../data-plane/quotas.js';
import { keyOf } from '../../schema/resource.js';
import { findingsOf, hooksOf } from '../../test/helpers/policy-gateway.js';
import { KEY, makeCredential, makeRoute, startGateway, startUpstream } from '../../test/helpers/data-plane.js';
import type { QuotaLimits } from './contract.js';
import { quota } from './quota.js';

const NOON = Date.parse('2026-11-29T12:00:00Z');
const OTHER_KEY = `stoa_sk_${'z9y8'.repeat(8)}`;
const POLICY = 'api:api-1 policy:fair-use';

/** A gateway whose route has a quota, for two consumers and for callers without a key. */
async function quotaGateway(limits: QuotaLimits, table = createQuotaTable(() => time.now)) {
  const policies = new PolicyQuotas(table);
  const hooksFor = (config: QuotaLimits) => hooksOf(quota, config, { quota: (given) => policies.hooks(POLICY, given) });
  const upstream = await startUpstream((req, res) => void req.resume().on('end', () => res.end('ok')));
  const routeFor = (config: QuotaLimits) => makeRoute({ upstreamUrl: upstream.url, hooks: [hooksFor(config)], authRequired: false });
  const keys = new Map([
    [KEY, makeCredential()],
    [OTHER_KEY, makeCredential({ subscriptionId: 'sub-2', consumerId: 'con-2', keyId: 'key-2' })],
  ]);
  const gateway = await startGateway({ routes: [routeFor(limits)], keys, now: () => time.now });
  const ask = async (key?: string) => {
    const response = await fetch(`${gateway.url}/a`, { headers: key === undefined ? {} : { 'x-api-key': key } });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  const consumer = { id: 'con-1', kind: 'Consumer', tenant: 'acme', name: 'app', spec: { external_id: 'u-1' } };
  const sources = {
    quotas: table,
    policyQuotas: () => policies.list(() => true),
    subscriptions: new Map(),
    resources: new Map([[keyOf(consumer), consumer]]),
    quotaOf: () => undefined,
  } as unknown as QuotaSources;
  return { ask, table, policies, sources, change: (config: QuotaLimits) => gateway.swap([routeFor(config)]), gateway };
}

const time = { now: NOON };

describe('quota: how much a consumer may use (QT1 QT3)', () => {
  it('is counted for each consumer by itself, and begins anew at midnight UTC', async () => {
    time.now = NOON;
    const { ask } = await quotaGateway({ daily: 2 });

    const statuses = [await ask(KEY), await ask(KEY), await ask(KEY), await ask(OTHER_KEY)].map(({ status }) => status);
    time.now = NOON + 12 * 3_600_000;

    expect([...statuses, (await ask(KEY)).status]).toEqual([200, 200, 429, 200, 200]);
  });

  it('of a month begins anew on the first', async () => {
    time.now = NOON;
    const { ask } = await quotaGateway({ monthly: 1 });
    await ask(KEY);
    time.now = Date.parse('2026-11-30T23:59:59Z');
    expect((await ask(KEY)).status).toBe(429);
    time.now = Date.parse('2026-12-01T00:00:00Z');

    expect((await ask(KEY)).status).toBe(200);
  });

  it('is shown again with the next request when its policy was out of force for a while', async () => {
    time.now = NOON;
    const { ask, policies } = await quotaGateway({ daily: 3 });
    await ask(KEY);

    policies.sweep(() => false);
    await ask(KEY);

    expect(policies.list(() => true)).toMatchObject([{ key: POLICY, caller: 'con-1', limits: { daily: 3 } }]);
    expect([(await ask(KEY)).status, (await ask(KEY)).status]).toEqual([200, 429]);
  });

  it('is one for all who come without a key', async () => {
    time.now = NOON;
    const { ask } = await quotaGateway({ daily: 2 });

    const statuses = [await ask(), await ask(), await ask(), await ask(KEY)].map(({ status }) => status);

    expect(statuses).toEqual([200, 200, 429, 200]);
  });

  it('is named when it is used up, with what was used and when it begins anew', async () => {
    time.now = NOON;
    const { ask, gateway } = await quotaGateway({ daily: 1, monthly: 5 });
    const first = await ask(KEY);

    const refused = await ask(KEY);

    expect([first.headers.get('x-ratelimit-limit'), first.headers.get('x-ratelimit-remaining')]).toEqual(['1', '0']);
    expect(refused.text).toContain('The daily quota of 1 requests is used up: 1 were made. It begins anew at 2026-11-30T00:00:00.000Z.');
    expect(refused.headers.get('retry-after')).toBe(String(12 * 3600));
    expect(gateway.events).toMatchObject([{ type: 'rate_limit_exceeded', status: 429 }]);
  });

  it('keeps what was used when its limits change, and over a restart', async () => {
    time.now = NOON;
    const { ask, change, table, policies } = await quotaGateway({ daily: 1 });
    await ask(KEY);
    change({ daily: 2 });
    expect([(await ask(KEY)).status, (await ask(KEY)).status]).toEqual([200, 429]);

    const isLive = (key: string): boolean => key === POLICY;
    const restarted = createQuotaTable(() => time.now);
    restarted.restore(table.rows(knownSubjects(isLive, new Map())));

    const again = await quotaGateway({ daily: 2 }, restarted);
    expect((await again.ask(KEY)).status).toBe(429);
    expect([...table.rows(knownSubjects(() => false, new Map()))]).toEqual([]);
    expect(policies.list(isLive)).toMatchObject([{ caller: 'con-1', limits: { daily: 2 } }]);
  });

  it('is forgotten with its policy, when its month is over', async () => {
    time.now = NOON;
    const { ask, table, policies } = await quotaGateway({ daily: 1 });
    await ask(KEY);
    policies.sweep(() => false);
    expect([...table.subjects()]).toHaveLength(1);
    time.now = Date.parse('2026-12-01T00:00:00Z');
    policies.sweep(() => false);

    expect([...table.subjects()]).toEqual([]);
  });
});

const untold = (): never => expect.unreachable('No subscription has a quota of its own.');

describe('quota: what the admin API shows (QT1 AD20 AD21 AD22)', () => {
  it('is what a consumer has used, by any of its names, and is reset', async () => {
    time.now = NOON;
    const { ask, sources } = await quotaGateway({ daily: 3 });
    expect(findQuota(sources, 'con-1')).toBeUndefined();
    await ask(KEY);
    await ask();

    const shown = { daily_count: 1, daily_limit: 3, monthly_count: 1, monthly_limit: null, daily_remaining: 2, monthly_remaining: null };
    for (const name of ['con-1', 'app', 'u-1']) expect(findQuota(sources, name)).toEqual({ consumer_id: 'con-1', ...shown });
    expect(listQuotas(sources).map(({ consumer_id }) => consumer_id)).toEqual(['con-1', `anonymous ${POLICY}`]);
    expect(resetQuota(sources, 'u-1', untold)).toBe(true);
    expect(findQuota(sources, 'app')).toMatchObject({ daily_count: 0, daily_remaining: 3 });
  });

  it('is asked for by the id of a consumer when several tenants have one of that name', async () => {
    time.now = NOON;
    const { ask, sources } = await quotaGateway({ daily: 3 });
    await Promise.all([ask(KEY), ask(OTHER_KEY)]);
    const twin = { id: 'con-2', kind: 'Consumer', tenant: 'globex', name: 'app', spec: {} };
    const both = { ...sources, resources: new Map([...sources.resources, [keyOf(twin), twin]]) } as unknown as QuotaSources;

    expect(() => resetQuota(both, 'app', untold)).toThrow(
      expect.objectContaining({ code: 'conflict', hint: 'Name one by its id: con-1, con-2.' }),
    );
    expect(resetQuota(both, 'con-2', untold)).toBe(true);
    expect(['con-1', 'con-2'].map((id) => findQuota(both, id)?.daily_count)).toEqual([1, 0]);
  });

  it('is, of the quotas of a subscription and of policies, the one that leaves least, for the day and for the month', async () => {
    time.now = NOON;
    const { ask, sources, table } = await quotaGateway({ daily: 3 });
    await ask(KEY);
    const held = { status: 'active', tenant: 'acme', consumer: 'app', name: 'app-payments' };
    const both: QuotaSources = {
      ...sources,
      subscriptions: new Map([['sub-1', { ...held, id: 'sub-1' }]]) as unknown as QuotaSources['subscriptions'],
      quotaOf: () => ({ daily: 100, monthly: 50 }),
    };
    void table.hooks('sub-1', { daily: 100 }).request?.({} as never);

    expect(findQuota(both, 'app')).toMatchObject({ daily_limit: 3, daily_remaining: 2, monthly_limit: 50, monthly_remaining: 49 });
  });
});

it.each([
  [{}, '', 'Give daily, monthly, or both.'],
  [{ daily: 0 }, 'daily', ''],
  [{ monthly: 1.5 }, 'monthly', ''],
])('quota: %j is no config (PL15)', (config, path, message) => {
  expect(findingsOf(quota, config)[0]).toEqual({ path, message: expect.stringContaining(message) });
});
