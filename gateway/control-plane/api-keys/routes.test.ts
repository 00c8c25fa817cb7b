import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';

const HOUR = 3_600_000;
const KEY = /^stoa_sk_[0-9a-z]{32}$/;

let server: TestServer;
let apiId: string;
let consumerId: string;
let sub: string;
let firstKey: string;

beforeEach(async () => {
  server = await openServer();
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
  apiId = (
    await server.ok('POST', '/v1/tenants/acme/apis', { name: 'payments', path: '/payments', upstream_url: 'https://up.example.com' })
  ).id;
  consumerId = (await server.ok('POST', '/v1/consumers/acme', { external_id: 'user-1', name: 'app' })).id;
  ({ id: sub, api_key: firstKey } = await subscribe());
});
afterEach(() => server.close());

const subscribe = () => server.ok('POST', '/v1/subscriptions', { api_id: apiId, consumer_id: consumerId, tenant_id: 'acme' });
const rotate = (body?: object) => server.call('POST', `/v1/subscriptions/${sub}/rotate-key`, body);
const info = () => server.ok('GET', `/v1/subscriptions/${sub}/rotation-info`);
const validKeys = (keys?: readonly string[]) => server.validKeys(sub, keys);

describe('document C, step by step', () => {
  test('a rotation answers the six fields, and the new key as api_key too (KY1, KY2, KY3, KY4)', async () => {
    const { status, body } = await rotate({ grace_period_hours: 24 });

    expect(status).toBe(200);
    expect(body).toEqual({
      subscription_id: sub,
      new_api_key: expect.stringMatching(KEY),
      new_api_key_prefix: body.new_api_key.slice(0, 12),
      old_key_expires_at: '2026-02-14T12:00:00.000Z',
      grace_period_hours: 24,
      rotation_count: 1,
      expires_at: null,
      api_key: body.new_api_key,
    });
  });

  test('before, during and after the grace window: old, both, new (KY7, KY8, KY9)', async () => {
    expect(await validKeys()).toEqual([firstKey]);

    const { new_api_key: second } = (await rotate({ grace_period_hours: 1 })).body;
    expect(await validKeys([firstKey, second])).toEqual([firstKey, second]);

    server.advance(HOUR - 1);
    expect(await validKeys([firstKey, second])).toEqual([firstKey, second]);
    server.advance(1);
    expect(await validKeys([firstKey, second])).toEqual([second]);
  });

  test('rotation-info has its six fields, and no previous key once the window has closed (KY11)', async () => {
    expect(await info()).toEqual({
      subscription_id: sub,
      api_key_prefix: firstKey.slice(0, 12),
      has_previous_key: false,
      previous_key_expires_at: null,
      rotation_count: 0,
      last_rotated_at: null,
    });

    const { new_api_key_prefix: prefix } = (await rotate({ grace_period_hours: 2 })).body;

    const open = {
      subscription_id: sub,
      api_key_prefix: prefix,
      has_previous_key: true,
      previous_key_expires_at: '2026-02-13T14:00:00.000Z',
      rotation_count: 1,
      last_rotated_at: '2026-02-13T12:00:00.000Z',
    };
    expect(await info()).toEqual(open);
    server.advance(2 * HOUR);
    expect(await info()).toEqual({ ...open, has_previous_key: false, previous_key_expires_at: null });
  });

  test('the list of subscriptions follows rotations (KY19, SB11)', async () => {
    const { new_api_key_prefix: prefix } = (await rotate()).body;

    const { subscriptions } = await server.ok('GET', '/v1/subscriptions/tenant/acme');

    expect(subscriptions[0]).toMatchObject({ api_key_prefix: prefix, rotation_count: 1, last_rotated_at: '2026-02-13T12:00:00.000Z' });
  });

  test('every rotation is in the audit log with user and time, and no key is (KY20)', async () => {
    const { new_api_key: second } = (await rotate({ grace_period_hours: 3 })).body;

    const { logs } = await server.ok('GET', '/v1/audit/acme?action=subscription.key_rotated');

    expect(logs).toHaveLength(1);
    expect(logs[0]).toMatchObject({
      event_type: 'subscription.key_rotated',
      resource: sub,
      user: expect.any(String),
      consumer: 'app',
      created_at: '2026-02-13T12:00:00.000Z',
      details: { grace_period_hours: 3, old_key_expires_at: '2026-02-13T15:00:00.000Z' },
    });
    const everything = JSON.stringify(await server.ok('GET', '/v1/audit/acme'));
    for (const key of [firstKey, second]) expect(everything).not.toContain(key);
  });
});

describe('the body of a rotation', () => {
  test.each([
    ['no body and no content type', {}],
    ['an empty JSON body', { 'content-type': 'application/json' }],
    ['an empty form', { 'content-type': 'application/x-www-form-urlencoded' }],
  ])('may be absent: %s', async (_name, headers: Record<string, string>) => {
    const { status, body } = await server.raw('POST', `/v1/subscriptions/${sub}/rotate-key`, headers);

    expect(status).toBe(200);
    expect(body).toMatchObject({ grace_period_hours: 24 });
  });

  test.each([0, 169, -1, 1.5, 'x', '24', null, true, [24], 1e309])('refuses %j hours and rotates nothing (KY5)', async (hours) => {
    const { status, body } = await rotate({ grace_period_hours: hours });

    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code: 'validation_error', details: [{ field: 'grace_period_hours' }] });
    expect(await info()).toMatchObject({ rotation_count: 0, has_previous_key: false });
  });

  test.each([1, 168])('takes %d hours (KY5)', async (hours) => {
    const { status, body } = await rotate({ grace_period_hours: hours });

    expect(status).toBe(200);
    expect(body.old_key_expires_at).toBe(new Date(Date.parse('2026-02-13T12:00:00Z') + hours * HOUR).toISOString());
  });

  test.each([{ force: 'yes' }, { grace: 1 }, { new_api_key: 'mine' }])('refuses %j', async (body) => {
    expect((await rotate(body)).status).toBe(400);
  });
});

describe('an open grace window', () => {
  test('is a promise: a rotation is refused, named when it closes, and changes nothing (KY12)', async () => {
    const { new_api_key: second } = (await rotate({ grace_period_hours: 5 })).body;

    const { status, body } = await rotate();

    expect(status).toBe(409);
    expect(body.error).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('2026-02-13T17:00:00.000Z'),
      hint: expect.stringContaining('force'),
    });
    expect(await validKeys([firstKey, second])).toEqual([firstKey, second]);
    expect(await info()).toMatchObject({ rotation_count: 1 });
  });

  test('force ends the oldest key at once and gives the current one its grace (KY12)', async () => {
    const { new_api_key: second } = (await rotate()).body;

    const { status, body } = await rotate({ force: true, grace_period_hours: 2 });

    expect(status).toBe(200);
    expect(body).toMatchObject({ rotation_count: 2, old_key_expires_at: '2026-02-13T14:00:00.000Z' });
    expect(await validKeys([firstKey, second, body.new_api_key])).toEqual([second, body.new_api_key]);
  });

  test('of twelve rotations at once exactly one wins', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => rotate()));

    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 11 }, () => 409)]);
    expect(await info()).toMatchObject({ rotation_count: 1 });
    expect((await server.credentialsOf(sub)).map(({ status }) => status).sort()).toEqual(['active', 'grace']);
  });

  test('revocation beats a rotation that comes at the same time', async () => {
    const [revoked, ...rotations] = await Promise.all([server.call('POST', `/v1/subscriptions/${sub}/revoke`), rotate(), rotate()]);

    expect(revoked.status).toBe(200);
    expect(rotations.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    expect((await server.credentialsOf(sub)).every(({ status }) => status === 'revoked')).toBe(true);
    expect((await rotate()).status).toBe(409);
  });
});

describe('which key a rotation is about', () => {
  test('a subscription that never had a key gets its first, and no rotation is counted', async () => {
    const { id } = await server.put('Subscription', 'acme', 'from-manifest', { api: 'payments', consumer: 'app' });
    const path = '/v1/tenants/acme/subscriptions/from-manifest';
    expect(await server.ok('GET', path)).toMatchObject({ id, status: 'active', api_key_prefix: null });

    const first = await server.ok('POST', `${path}/rotate-key`);
    const second = await server.ok('POST', `${path}/rotate-key`);

    expect(first).toMatchObject({
      subscription_id: id,
      old_key_expires_at: null,
      rotation_count: 0,
      new_api_key: expect.stringMatching(KEY),
    });
    expect(second).toMatchObject({ old_key_expires_at: '2026-02-14T12:00:00.000Z', rotation_count: 1 });
  });

  test.each(['suspend', 'revoke'])('after %s there is nothing to rotate, and the answer says what to do', async (verb) => {
    await server.ok('POST', `/v1/subscriptions/${sub}/${verb}`);

    const { status, body } = await rotate();

    expect(status).toBe(409);
    expect(body.error.hint).toMatch(verb === 'suspend' ? /Resume/ : /new subscription/);
  });

  test('the key form rotates that key alone and answers the new id (KY26)', async () => {
    const other = await server.ok('POST', '/v1/tenants/acme/apikeys', { subscription_id: sub, name: 'Staging Key' });

    const rotated = await server.ok('POST', `/v1/tenants/acme/apikeys/${other.id}/rotate`);

    expect(rotated).toMatchObject({ id: expect.stringMatching(/^key-[0-9a-z]{12}$/), subscription_id: sub, rotation_count: 1 });
    const { apikeys } = await server.ok('GET', '/v1/tenants/acme/apikeys');
    const byId = new Map(apikeys.map((key: { id: string }) => [key.id, key]));
    expect(byId.get(other.id)).toMatchObject({ status: 'grace', grace_until: '2026-02-14T12:00:00.000Z' });
    expect(byId.get(rotated.id)).toMatchObject({ status: 'active', name: 'Staging Key', rotated_from: other.id });
    expect(await validKeys([firstKey, other.api_key, rotated.api_key])).toHaveLength(3);
    expect((await server.call('POST', `/v1/tenants/acme/apikeys/${other.id}/rotate`)).status).toBe(409);
  });

  test.each([
    ['/v1/tenants/acme/consumers/ID/rotate-key', 'id'],
    ['/v1/consumers/acme/ID/rotate-key', 'id'],
    ['/v1/tenants/acme/consumers/ID/rotate-key', 'name'],
  ])('the consumer form %s (by %s) rotates the only active subscription', async (path, by) => {
    const { status, body } = await server.call('POST', path.replace('ID', by === 'id' ? consumerId : 'app'));

    expect(status).toBe(200);
    expect(body).toMatchObject({ subscription_id: sub, api_key: expect.stringMatching(KEY) });
  });

  test('the consumer form asks which of several subscriptions is meant (CN7)', async () => {
    const { id: second } = await subscribe();
    const path = `/v1/tenants/acme/consumers/${consumerId}/rotate-key`;

    const unclear = await server.call('POST', path);
    const chosen = await server.call('POST', path, { subscription_id: second, grace_period_hours: 1 });

    expect(unclear).toMatchObject({ status: 409, body: { error: { hint: expect.stringContaining(second) } } });
    expect(chosen.body).toMatchObject({ subscription_id: second, grace_period_hours: 1 });
    await server.ok('POST', `/v1/subscriptions/${second}/revoke`);
    expect((await server.call('POST', path)).body).toMatchObject({ subscription_id: sub });
  });

  test('a consumer without an active subscription is a conflict, an unknown one is 404', async () => {
    await server.ok('POST', `/v1/subscriptions/${sub}/suspend`);

    expect((await server.call('POST', `/v1/tenants/acme/consumers/${consumerId}/rotate-key`)).status).toBe(409);
    expect((await server.call('POST', '/v1/tenants/acme/consumers/con-none/rotate-key')).status).toBe(404);
  });

  test('what does not exist is 404 in every form (KY15)', async () => {
    for (const path of [
      '/v1/subscriptions/sub-none/rotate-key',
      '/v1/tenants/acme/subscriptions/sub-none/rotate-key',
      '/v1/tenants/acme/apikeys/key-none/rotate',
    ]) {
      expect((await server.call('POST', path)).status).toBe(404);
    }
    expect((await server.call('GET', '/v1/subscriptions/sub-none/rotation-info')).status).toBe(404);
    expect((await server.call('DELETE', '/v1/tenants/acme/apikeys/key-none')).status).toBe(404);
  });
});

describe('keys', () => {
  test('a key is shown at its creation and never again (KY6, KY24, KY25)', async () => {
    const { status, body } = await server.call('POST', '/v1/tenants/acme/apikeys', {
      subscription_id: sub,
      name: 'Production Key',
      expires_at: '2026-03-01T00:00:00Z',
    });

    expect(status).toBe(201);
    expect(body).toMatchObject({
      id: expect.stringMatching(/^key-[0-9a-z]{12}$/),
      subscription_id: sub,
      name: 'Production Key',
      status: 'active',
      api_key: expect.stringMatching(KEY),
      prefix: body.api_key.slice(0, 12),
      expires_at: '2026-03-01T00:00:00.000Z',
    });
    const list = await server.ok('GET', '/v1/tenants/acme/apikeys');
    expect(list).toMatchObject({ total: 2, page: 1, limit: 20 });
    expect(JSON.stringify(list)).not.toContain(body.api_key);
    expect(list.apikeys[0]).not.toHaveProperty('digest');
  });

  test('an expiry is kept to the millisecond, also for the old key of a rotation (KY28)', async () => {
    const { id, api_key: key } = await server.ok('POST', '/v1/tenants/acme/apikeys', {
      subscription_id: sub,
      expires_at: '2026-02-13T15:00:00+01:00',
    });
    const rotated = await server.ok('POST', `/v1/tenants/acme/apikeys/${id}/rotate`);

    expect(rotated.old_key_expires_at).toBe('2026-02-13T14:00:00.000Z');
    server.advance(2 * HOUR - 1);
    expect(await validKeys([key])).toEqual([key]);
    server.advance(1);
    expect(await validKeys([key])).toEqual([]);
  });

  test('a rotation gives a key without an end, or with the one that is asked for; the old key keeps its own (KY9, KY28)', async () => {
    const { id, api_key: key } = await server.ok('POST', '/v1/tenants/acme/apikeys', {
      subscription_id: sub,
      expires_at: '2026-02-13T12:30:00Z',
    });
    const path = `/v1/tenants/acme/apikeys/${id}/rotate`;

    const past = await server.call('POST', path, { expires_at: '2026-02-13T11:00:00Z' });
    const second = await server.ok('POST', path);
    const third = await server.ok('POST', `/v1/tenants/acme/apikeys/${second.id}/rotate`, {
      expires_at: '2026-02-20T00:00:00Z',
      force: true,
    });
    server.advance(HOUR);

    expect(past).toMatchObject({ status: 400, body: { error: { details: [{ field: 'expires_at' }] } } });
    expect(second).toMatchObject({ expires_at: null, old_key_expires_at: '2026-02-13T12:30:00.000Z' });
    expect(third).toMatchObject({ expires_at: '2026-02-20T00:00:00.000Z', old_key_expires_at: '2026-02-14T12:00:00.000Z' });
    expect(await validKeys([key, second.api_key, third.api_key])).toEqual([second.api_key, third.api_key]);
  });

  test.each([
    ['an expiry that has passed', { expires_at: '2026-02-13T12:00:00Z' }, 'expires_at'],
    ['an expiry that is no instant', { expires_at: 'tomorrow' }, 'expires_at'],
    ['an expiry that does not exist', { expires_at: '2026-02-30T00:00:00Z' }, 'expires_at'],
    ['an unknown field', { prefix: 'stoa_sk_mine' }, 'prefix'],
    ['a name with a line break', { name: 'a\nb' }, 'name'],
    ['no subscription', { subscription_id: undefined }, 'subscription_id'],
  ])('refuses %s', async (_name, wrong, field) => {
    const { status, body } = await server.call('POST', '/v1/tenants/acme/apikeys', { subscription_id: sub, ...wrong });

    expect(status).toBe(400);
    expect(body.error.details.map((detail: { field: string }) => detail.field)).toEqual([field]);
    expect((await server.ok('GET', '/v1/tenants/acme/apikeys')).total).toBe(1);
  });

  test('a subscription that is not active gets no key (KY25)', async () => {
    await server.ok('POST', `/v1/subscriptions/${sub}/suspend`);

    expect((await server.call('POST', '/v1/tenants/acme/apikeys', { subscription_id: sub })).status).toBe(409);
    expect((await server.call('POST', '/v1/tenants/acme/apikeys', { subscription_id: 'sub-none' })).status).toBe(404);
  });

  test('a deleted key dies alone, and a second deletion changes nothing (KY27)', async () => {
    const other = await server.ok('POST', '/v1/tenants/acme/apikeys', { subscription_id: sub });

    for (let round = 0; round < 2; round += 1)
      expect((await server.call('DELETE', `/v1/tenants/acme/apikeys/${other.id}`)).status).toBe(204);

    expect(await validKeys([firstKey, other.api_key])).toEqual([firstKey]);
    expect((await server.ok('GET', '/v1/audit/acme?action=api_key.revoked')).total).toBe(1);
  });

  test('the emergency cut: delete the old key during its grace, and the new one lives on (KY13)', async () => {
    const { new_api_key: second } = (await rotate({ grace_period_hours: 1 })).body;
    const { apikeys } = await server.ok('GET', `/v1/tenants/acme/apikeys?subscription_id=${sub}`);
    const old = apikeys.find(({ status }: { status: string }) => status === 'grace');

    await server.call('DELETE', `/v1/tenants/acme/apikeys/${old.id}`);

    expect(await validKeys([firstKey, second])).toEqual([second]);
    expect(await info()).toMatchObject({ has_previous_key: false });
    expect((await rotate()).status).toBe(200);
  });

  test("another tenant's keys look absent", async () => {
    await server.ok('POST', '/v1/tenants', { name: 'globex' });
    const token = await server.token('tenant:globex');
    const { apikeys } = await server.ok('GET', '/v1/tenants/acme/apikeys');
    const [{ id }] = apikeys;

    for (const path of [
      `/v1/tenants/acme/apikeys/${id}/rotate`,
      `/v1/tenants/globex/apikeys/${id}/rotate`,
      `/v1/subscriptions/${sub}/rotate-key`,
    ]) {
      expect((await server.call('POST', path, undefined, { token })).status).toBe(404);
    }
    expect((await server.call('DELETE', `/v1/tenants/globex/apikeys/${id}`, undefined, { token })).status).toBe(404);
    expect((await server.call('POST', '/v1/tenants/globex/apikeys', { subscription_id: sub }, { token })).status).toBe(404);
    expect((await server.call('GET', '/v1/tenants/globex/apikeys', undefined, { token })).body.total).toBe(0);
    expect(await validKeys()).toEqual([firstKey]);
  });

  test('the list of consumers shows a masked key and the APIs that it opens', async () => {
    const { consumers } = await server.ok('GET', '/v1/tenants/acme/consumers');

    expect(consumers[0]).toMatchObject({ api_key: `${firstKey.slice(0, 12)}…`, api_key_prefix: firstKey.slice(0, 12), api_ids: [apiId] });
  });
});
