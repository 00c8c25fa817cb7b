/** Subscriptions that end by themselves: exact where it matters, told once, renewed by a later instant. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';
import { sweep } from '../api-keys/sweeper.js';

const HOUR_MS = 3_600_000;
const SETTLED_MS = 5 * 60_000;

let server: TestServer;
beforeEach(async () => {
  server = await openServer();
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
  await server.ok('POST', '/v1/tenants/acme/apis', { name: 'payments', path: '/payments', upstream_url: 'https://up.example.com' });
  await server.ok('POST', '/v1/consumers/acme', { name: 'shop' });
});
afterEach(() => server.close());

const inHours = (hours: number): string => new Date(server.cp.now() + hours * HOUR_MS).toISOString();
const subscribe = (more: object = {}) =>
  server.ok('POST', '/v1/subscriptions', { api_id: 'payments', consumer_id: 'shop', tenant_id: 'acme', expires_at: inHours(1), ...more });
const statusOf = async (id: string): Promise<string> => (await server.ok('GET', `/v1/subscriptions/${id}`)).status;
const eventsOf = async (action: string): Promise<number> => (await server.ok('GET', `/v1/audit/acme?action=${action}`)).total_events;

describe('a subscription with an expiry', () => {
  it('ends to the millisecond, its keys with it, and its rotations are refused with what to do', async () => {
    const { id, expires_at } = await subscribe();
    const end = expires_at as string;
    server.advance(HOUR_MS - 1);
    expect([await statusOf(id), (await server.validKeys(id)).length]).toEqual(['active', 1]);

    server.advance(1);

    expect([await statusOf(id), (await server.validKeys(id)).length]).toEqual(['expired', 0]);
    for (const [line, body] of [
      [`/v1/subscriptions/${id}/rotate-key`, {}],
      ['/v1/tenants/acme/apikeys', { subscription_id: id }],
      ['/v1/tenants/acme/consumers/shop/rotate-key', {}],
      [`/v1/subscriptions/${id}/suspend`, {}],
    ] as const) {
      expect(await server.call('POST', line, body)).toMatchObject({ status: 409, body: { error: { hint: expect.any(String) } } });
    }
    expect((await server.ok('GET', '/v1/tenants/acme/consumers')).consumers[0]).toMatchObject({ api_key: null, api_ids: [] });
    expect((await server.feedOf(id))?.expires_at).toBe(Date.parse(end));
  });

  it('is found among the expired from that instant on, and no longer among the active', async () => {
    const { id } = await subscribe();
    const other = (await subscribe({ consumer_id: undefined, expires_at: undefined })).id;
    const found = async (status: string): Promise<string[]> => {
      const { subscriptions, total } = await server.ok('GET', `/v1/tenants/acme/subscriptions?status=${status}`);
      expect(total).toBe(subscriptions.length);
      return subscriptions.map((each: { id: string }) => each.id);
    };
    expect([(await found('active')).sort(), await found('expired')]).toEqual([[id, other].sort(), []]);

    server.advance(HOUR_MS);

    expect([await found('active'), await found('expired')]).toEqual([[other], [id]]);
  });

  it('is told of once, audited, and found by its state', async () => {
    await server.ok('POST', '/v1/tenants/acme/webhooks', {
      url: 'https://hooks.example.com',
      events: ['subscription.expired'],
      secret: 'whsec_abc123',
    });
    const { id } = await subscribe();
    server.advance(HOUR_MS + SETTLED_MS - 1);
    await sweep(server.cp);
    expect(await eventsOf('subscription.expired')).toBe(0);

    server.advance(1);
    await sweep(server.cp);
    await sweep(server.cp);

    expect(await eventsOf('subscription.expired')).toBe(1);
    const told = await server.cp.db.selectFrom('webhook_deliveries').select('event').execute();
    expect(told).toEqual([{ event: 'subscription.expired' }]);
    expect((await server.ok('GET', '/v1/subscriptions?status=expired')).subscriptions.map((found: { id: string }) => found.id)).toEqual([
      id,
    ]);
  });

  it.each([
    ['before', 0],
    ['after', SETTLED_MS],
  ])('is renewed by a later instant %s it was noted, with the same keys', async (_when, wait) => {
    const { id } = await subscribe();
    server.advance(HOUR_MS + wait);
    await sweep(server.cp);

    await server.ok('PATCH', `/v1/subscriptions/${id}`, { expires_at: inHours(1) });

    expect([await statusOf(id), (await server.validKeys(id)).length]).toEqual(['active', 1]);
    await server.ok('PATCH', `/v1/subscriptions/${id}`, { expires_at: null });
    server.advance(10 * HOUR_MS);
    expect(await statusOf(id)).toBe('active');
  });

  it('stays suspended or revoked, whatever its expiry says', async () => {
    const { id } = await subscribe();
    await server.ok('POST', `/v1/subscriptions/${id}/suspend`);
    server.advance(HOUR_MS);
    expect(await server.call('POST', `/v1/subscriptions/${id}/resume`)).toMatchObject({ status: 409 });
    await server.ok('PATCH', `/v1/subscriptions/${id}`, { expires_at: inHours(1) });
    expect(await statusOf(id)).toBe('suspended');
    await server.ok('POST', `/v1/subscriptions/${id}/revoke`);
    await server.ok('PATCH', `/v1/subscriptions/${id}`, { expires_at: inHours(5) });

    expect([await statusOf(id), (await server.validKeys(id)).length]).toEqual(['revoked', 0]);
  });

  it('cannot be made or changed to end in the past over REST', async () => {
    const { id } = await subscribe();
    for (const [method, line] of [
      ['POST', '/v1/tenants/acme/subscriptions'],
      ['PATCH', `/v1/subscriptions/${id}`],
    ] as const) {
      const body = { ...(method === 'POST' ? { api_id: 'payments' } : {}), expires_at: inHours(-1) };
      const answer = await server.call(method, line, body);
      expect(answer).toMatchObject({ status: 400, body: { error: { details: [{ field: 'expires_at' }] } } });
    }
  });
});
