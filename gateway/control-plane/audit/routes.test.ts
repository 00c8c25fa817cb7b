import { afterEach, beforeEach, expect, test } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';
import { GATEWAY_TOKEN } from '../../../test/helpers/control-plane.js';

const HOUR = 3_600_000;

let server: TestServer;

beforeEach(async () => {
  server = await openServer();
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
});
afterEach(() => server.close());

const limited = (id: string, consumer: string, hoursAgo = 0) => ({
  id,
  at: new Date(server.cp.now() - hoursAgo * HOUR).toISOString(),
  event_type: 'rate_limit_exceeded',
  tenant: 'acme',
  api: 'payments',
  consumer,
  path: '/apis/acme/payments',
  status: 429,
  reason: 'policy default',
});

const deliver = (events: readonly object[]) => server.call('POST', '/v1/gateways/events', { events }, { token: GATEWAY_TOKEN });

test('both addresses give one answer, with the fields that the scripts of document A read (AU1 AU3)', async () => {
  const audit = await server.ok('GET', '/v1/audit/acme?limit=50');
  const logs = await server.ok('GET', '/v1/tenants/acme/logs?limit=50');

  expect(logs).toEqual(audit);
  expect(audit).toMatchObject({ total: 1, total_events: 1, page: 1, limit: 50, has_more: false, entries: audit.logs });
  expect(audit.logs[0]).toMatchObject({
    action: 'tenant.created',
    resource: expect.stringMatching(/^ten-/),
    user: 'service-account-control-plane-api',
    created_at: '2026-02-13T12:00:00.000Z',
    timestamp: '2026-02-13T12:00:00.000Z',
    consumer: null,
    details: expect.any(Object),
  });
});

test('what was done to a tenant can be looked up after its deletion, by its name and its id, by those of the platform alone (AU5)', async () => {
  const { id } = await server.ok('GET', '/v1/tenants/acme');
  await server.call('DELETE', '/v1/tenants/acme');
  await server.ok('POST', '/v1/tenants', { name: 'globex' });
  const foreign = await server.token('tenant:globex role:tenant-admin');

  for (const name of ['acme', String(id)]) {
    const { logs } = await server.ok('GET', `/v1/audit/${name}?action=tenant.deleted`);
    expect(logs).toMatchObject([{ resource: id, user: 'service-account-control-plane-api' }]);
    expect((await server.call('GET', `/v1/audit/${name}/export`)).text).toContain('tenant.deleted');
    expect((await server.call('GET', `/v1/audit/${name}`, undefined, { token: foreign })).status).toBe(404);
  }
  expect((await server.call('GET', '/v1/audit/nobody')).status).toBe(404);
  expect((await server.call('GET', '/v1/tenants/acme')).status).toBe(404);
});

test('an id stands for one of the tenants that had a name one after the other, the name for all of them (AU5)', async () => {
  const ids = [String((await server.ok('GET', '/v1/tenants/acme')).id)];
  for (const _life of [2, 3]) {
    server.advance(1000);
    await server.call('DELETE', '/v1/tenants/acme');
    server.advance(1000);
    ids.push(String((await server.ok('POST', '/v1/tenants', { name: 'acme' })).id));
  }

  const actionsOf = async (name: string) => {
    const { logs } = await server.ok('GET', `/v1/audit/${name}`);
    const exported = (await server.call('GET', `/v1/audit/${name}/export`)).text.trimEnd().split('\n');
    expect(exported).toHaveLength(logs.length);
    return logs.map(({ action, resource }: Record<string, string>) => [action, resource]);
  };

  const [first, second, third] = ids;
  const lives = [first, second].map((id) => [
    ['tenant.deleted', id],
    ['tenant.created', id],
  ]);
  expect(await Promise.all(ids.map(actionsOf))).toEqual([...lives, [['tenant.created', third]]]);
  expect(await actionsOf('acme')).toHaveLength(5);
  expect((await server.ok('GET', `/v1/audit/${first}?to=2026-02-13T12:00:01Z`)).total).toBe(1);
});

test('events of live traffic are counted exactly, within the hours that are asked for (AU2)', async () => {
  const events = Array.from({ length: 120 }, (_value, index) => limited(`gw-${index}`, index % 3 === 0 ? 'app' : 'batch', index % 30));
  const { status, body } = await deliver(events);
  await deliver(events.slice(0, 50));

  expect({ status, body }).toEqual({ status: 202, body: { received: 120, stored: 120 } });
  expect((await server.ok('GET', '/v1/audit/acme?event_type=rate_limit_exceeded&hours=168')).total_events).toBe(120);
  expect((await server.ok('GET', '/v1/audit/acme?event_type=rate_limit_exceeded&hours=24')).total_events).toBe(100);
  const { logs } = await server.ok('GET', '/v1/tenants/acme/logs?event_type=rate_limit_exceeded&hours=168');
  expect(logs.filter(({ consumer }: { consumer: string }) => consumer === 'app')).toHaveLength(40);
  expect(logs[0]).toMatchObject({ path: '/apis/acme/payments', status: 429, resource: 'payments', details: { reason: 'policy default' } });
});

test('an event of a subscription without a consumer names the subscription and its application (AU3)', async () => {
  await server.ok('POST', '/v1/tenants/acme/apis', { name: 'payments', path: '/payments', upstream_url: 'https://up.example.com' });
  const { id, name } = await server.ok('POST', '/v1/subscriptions', {
    tenant_id: 'acme',
    api_id: 'payments',
    plan: 'standard',
    application: 'mobile-app',
  });
  const { consumer: _consumer, ...event } = limited('gw-1', '');

  await deliver([
    { ...event, subscription: id },
    { ...event, id: 'gw-2', subscription: 'sub-gone' },
  ]);

  const { logs } = await server.ok('GET', '/v1/audit/acme?event_type=rate_limit_exceeded');
  expect(logs.map(({ user, consumer, details }: Record<string, unknown>) => ({ user, consumer, details }))).toEqual(
    expect.arrayContaining([
      {
        user: name,
        consumer: null,
        details: { api: 'payments', subscription: name, subscription_id: id, application: 'mobile-app', reason: 'policy default' },
      },
      { user: 'anonymous', consumer: null, details: { api: 'payments', subscription_id: 'sub-gone', reason: 'policy default' } },
    ]),
  );
});

test('an event of live traffic is found by the id of its request, in which no key is kept (AU2 AU4)', async () => {
  const key = `stoa_sk_${'a1b2'.repeat(8)}`;
  await deliver([
    { ...limited('gw-1', 'app'), request_id: 'client-42' },
    { ...limited('gw-2', 'app'), request_id: key },
    limited('gw-3', 'app'),
  ]);

  const { logs } = await server.ok('GET', '/v1/audit/acme?request_id=client-42');

  expect(logs).toMatchObject([{ event_type: 'rate_limit_exceeded', request_id: 'client-42' }]);
  expect(JSON.stringify(await server.ok('GET', '/v1/audit/acme'))).not.toContain(key);
});

test('an event from a clock that runs ahead counts as of now, and one of an unknown tenant is dropped', async () => {
  const { body } = await deliver([limited('gw-1', 'app', -5), { ...limited('gw-2', 'app'), tenant: 'nobody' }]);

  expect(body).toEqual({ received: 2, stored: 1 });
  const { logs } = await server.ok('GET', '/v1/audit/acme?event_type=rate_limit_exceeded');
  expect(logs[0].created_at).toBe('2026-02-13T12:00:00.000Z');
});

test.each([
  ['an unknown type', { event_type: 'tenant.deleted' }],
  ['a status that is none', { status: 99 }],
  ['no instant', { at: 'yesterday' }],
  ['an unknown field', { user: 'root' }],
  ['an id of a request that is none', { request_id: 'two\nlines' }],
  ['an id of a request that is too long', { request_id: 'x'.repeat(201) }],
])('refuses an event with %s, and stores none of its batch', async (_name, wrong) => {
  const { status } = await deliver([limited('gw-1', 'app'), { ...limited('gw-2', 'app'), ...wrong }]);

  expect(status).toBe(400);
  expect((await server.ok('GET', '/v1/audit/acme?event_type=rate_limit_exceeded')).total).toBe(0);
});

test('only gateways and platform administrators deliver events', async () => {
  const token = await server.token('tenant:acme');

  expect((await server.call('POST', '/v1/gateways/events', { events: [] }, { token })).status).toBe(403);
  expect((await server.call('POST', '/v1/gateways/events', { events: [] })).status).toBe(202);
});

test('pages do not overlap and say whether more follow', async () => {
  await deliver(Array.from({ length: 7 }, (_value, index) => limited(`gw-${index}`, 'app', index)));
  const page = (number: number) => server.ok('GET', `/v1/audit/acme?event_type=rate_limit_exceeded&limit=3&page=${number}`);

  const pages = [await page(1), await page(2), await page(3), await page(4)];

  expect(pages.map(({ has_more }) => has_more)).toEqual([true, true, false, false]);
  const ids = pages.flatMap(({ logs }) => logs.map(({ id }: { id: number }) => id));
  expect(new Set(ids).size).toBe(7);
  expect(pages[0]).toMatchObject({ total: 7, total_events: 7 });
});

test('filters by action, user, resource and time (AU4)', async () => {
  server.advance(HOUR);
  await server.ok('POST', '/v1/tenants/acme/apis', { name: 'payments', path: '/payments', upstream_url: 'https://up.example.com' });
  const total = async (query: string) => (await server.ok('GET', `/v1/audit/acme?${query}`)).total as number;

  expect(await total('')).toBe(2);
  expect(await total('action=api.created')).toBe(1);
  expect(await total('user=service-account-control-plane-api')).toBe(2);
  expect(await total('user=nobody')).toBe(0);
  expect(await total('from=2026-02-13T12:30:00Z')).toBe(1);
  expect(await total('to=2026-02-13T13:30:00%2B01:00')).toBe(1);
  expect(await total('from=2026-02-13&to=2026-02-14')).toBe(2);
});

test.each(['limit=0', 'limit=501', 'hours=x', 'hours=0', 'page=0', 'from=yesterday', 'color=blue', 'limit=5&limit=6'])(
  'refuses ?%s',
  async (query) => {
    const { status, body } = await server.call('GET', `/v1/audit/acme?${query}`);

    expect(status).toBe(400);
    expect(body.error.code).toBe('validation_error');
  },
);

test("another tenant's log looks absent", async () => {
  await server.ok('POST', '/v1/tenants', { name: 'globex' });
  const token = await server.token('tenant:globex');

  expect((await server.call('GET', '/v1/audit/acme', undefined, { token })).status).toBe(404);
  expect((await server.call('GET', '/v1/audit/globex', undefined, { token })).status).toBe(200);
  expect((await server.call('GET', '/v1/audit/nobody')).status).toBe(404);
});

test('a tenant that takes a used name does not see what happened under it before', async () => {
  await deliver([limited('gw-1', 'app')]);
  await server.ok('DELETE', '/v1/tenants/acme');
  server.advance(1000);
  await server.ok('POST', '/v1/tenants', { name: 'acme' });

  const { body } = await server.call('GET', '/v1/audit/acme', undefined, { token: await server.token('tenant:acme') });

  expect(body.logs.map(({ action }: { action: string }) => action)).toEqual(['tenant.created']);
  expect((await server.ok('GET', '/v1/audit/acme')).total).toBeGreaterThan(2);
});

test('a tenant that takes a used name does not see the keys of the one before', async () => {
  await server.ok('POST', '/v1/tenants/acme/apis', { name: 'a', path: '/a', upstream_url: 'http://127.0.0.1:9' });
  await server.ok('POST', '/v1/subscriptions', { tenant_id: 'acme', api_id: 'a' });
  await server.ok('DELETE', '/v1/tenants/acme');
  server.advance(1000);
  await server.ok('POST', '/v1/tenants', { name: 'acme' });

  const { body } = await server.call('GET', '/v1/tenants/acme/apikeys', undefined, { token: await server.token('tenant:acme') });

  expect([body.total, body.apikeys]).toEqual([0, []]);
  expect((await server.ok('GET', '/v1/tenants/acme/apikeys')).total).toBe(1);
});

test('an entry of a written resource names it (AU5)', async () => {
  const { logs } = await server.ok('GET', '/v1/audit/acme?action=tenant.created');

  expect(logs[0].details.resource).toBe('Tenant acme');
});
