import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';

let server: TestServer;
let apiId: string;
let consumerId: string;

beforeEach(async () => {
  server = await openServer();
  await server.ok('POST', '/v1/tenants', { name: 'acme' });
  await server.ok('POST', '/v1/tenants', { name: 'globex' });
  apiId = (
    await server.ok('POST', '/v1/tenants/acme/apis', { name: 'payments', path: '/payments', upstream_url: 'https://up.example.com' })
  ).id;
  consumerId = (await server.ok('POST', '/v1/consumers/acme', { external_id: 'user-1', name: 'app' })).id;
});
afterEach(() => server.close());

const KEY = /^stoa_sk_[0-9a-z]{32}$/;

const createNested = (body: object = {}) => server.ok('POST', '/v1/tenants/acme/subscriptions', { api_id: apiId, ...body });
const createFlat = (body: object = {}) =>
  server.ok('POST', '/v1/subscriptions', { api_id: apiId, consumer_id: consumerId, tenant_id: 'acme', ...body });

describe('creation', () => {
  test('the nested form with plan standard waits for approval and has no key (document B) (SB1, SB8)', async () => {
    const { status, body } = await server.call('POST', '/v1/tenants/acme/subscriptions', {
      api_id: apiId,
      plan: 'standard',
      application: 'mobile-app',
      callback_url: 'https://myapp.com/webhook',
    });

    expect(status).toBe(201);
    expect(body).toMatchObject({
      api_id: apiId,
      tenant_id: 'acme',
      plan: 'standard',
      application: 'mobile-app',
      callback_url: 'https://myapp.com/webhook',
      status: 'pending_approval',
      api_key: null,
      api_key_prefix: null,
      rotation_count: 0,
      last_rotated_at: null,
      approved_at: null,
      created_at: '2026-02-13T12:00:00.000Z',
    });
    expect(body.id).toMatch(/^sub-[0-9a-z]{12}$/);
    expect(body.name).toBe(body.id);
  });

  test('the flat form without a plan is active and shows its key once (document A) (SB9)', async () => {
    const created = await createFlat();

    expect(created).toMatchObject({ status: 'active', consumer_id: consumerId, approved_at: '2026-02-13T12:00:00.000Z' });
    expect(created.api_key).toMatch(KEY);
    expect(created.api_key_prefix).toBe(created.api_key.slice(0, 12));
    const again = await server.ok('GET', `/v1/subscriptions/${created.id}`);
    expect(again).toEqual({ ...created, api_key: null });
  });

  test('the nested form without a plan waits, the flat form with plan standard too', async () => {
    expect(await createNested()).toMatchObject({ status: 'pending_approval', api_key: null });
    expect(await createFlat({ plan: 'standard' })).toMatchObject({ status: 'pending_approval', api_key: null });
  });

  test("a tenant's own plan decides whether somebody approves", async () => {
    await server.put('Plan', 'acme', 'gold', { requires_approval: false });
    await server.put('Plan', 'acme', 'standard', { requires_approval: false });

    expect(await createNested({ plan: 'gold' })).toMatchObject({ status: 'active', api_key: expect.stringMatching(KEY) });
    expect(await createNested({ plan: 'standard' })).toMatchObject({ status: 'active' });
  });

  test('the tenant may be left out when the API is named by its id', async () => {
    const created = await server.ok('POST', '/v1/subscriptions', { api_id: apiId });

    expect(created).toMatchObject({ tenant_id: 'acme', status: 'active', consumer_id: null });
  });

  test.each([
    ['an unknown API', { api_id: 'api-none' }, 404, undefined],
    ['an unknown consumer', { consumer_id: 'con-none' }, 404, undefined],
    ['an unknown plan', { plan: 'platinum' }, 400, 'plan'],
    ['a bad callback address', { callback_url: 'ftp://x' }, 400, 'callback_url'],
    ['a status', { status: 'active' }, 400, 'status'],
    ['a number for an id', { api_id: 7 }, 400, 'api_id'],
    ['another tenant in the body', { tenant_id: 'globex' }, 400, 'tenant_id'],
  ])('refuses %s and makes nothing', async (_name, wrong, status, field) => {
    const answer = await server.call('POST', '/v1/tenants/acme/subscriptions', { api_id: apiId, ...wrong });

    expect(answer.status).toBe(status);
    if (field !== undefined) expect(answer.body.error.details.map((detail: { field: string }) => detail.field)).toContain(field);
    expect((await server.ok('GET', '/v1/tenants/acme/subscriptions')).total).toBe(0);
  });

  test("another tenant's API and consumer look absent", async () => {
    const answer = await server.call('POST', '/v1/tenants/globex/subscriptions', { api_id: apiId });

    expect(answer.status).toBe(404);
  });
});

describe('lists', () => {
  test('a list is walked by cursor, each item once, and a cursor that is none is refused (CV30)', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.unshift((await createFlat()).id);
    const seen: string[] = [];
    let cursor = '';
    for (let isLast = false; !isLast;) {
      const answer = await server.ok('GET', `/v1/tenants/acme/subscriptions?limit=2${cursor}`);
      seen.push(...answer.items.map(({ id }: { id: string }) => id));
      isLast = answer.next_cursor === null;
      cursor = `&cursor=${answer.next_cursor}`;
    }

    expect([...seen].sort()).toEqual([...ids].sort());
    for (const wrong of ['x', 'bm9uZQ', "'%20or%201=1"]) {
      const answer = await server.call('GET', `/v1/tenants/acme/subscriptions?cursor=${wrong}`);
      expect(answer).toMatchObject({ status: 400, body: { error: { details: [{ field: 'cursor' }] } } });
    }
  });

  test('a list is paged, newest first, with the total, and never shows a key', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      ids.unshift((await createFlat()).id);
      server.advance(1000);
    }

    const page = await server.ok('GET', '/v1/tenants/acme/subscriptions?limit=2&page=1');
    const all = await server.ok('GET', '/v1/subscriptions/tenant/acme');

    expect(page).toMatchObject({ total: 3, page: 1, limit: 2 });
    expect(page.subscriptions.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2));
    expect(page.items).toEqual(page.subscriptions);
    expect(all.subscriptions).toHaveLength(3);
    expect(all.subscriptions[0]).toMatchObject({
      api_key: null,
      api_key_prefix: expect.stringMatching(/^stoa_sk_.{4}$/),
      rotation_count: 0,
    });
    expect((await server.ok('GET', '/v1/subscriptions')).total).toBe(3);
  });

  test('status filters, and pending is another word for pending_approval (SB2)', async () => {
    await createFlat();
    const waiting = await createNested();

    for (const word of ['pending', 'pending_approval']) {
      const { subscriptions } = await server.ok('GET', `/v1/tenants/acme/subscriptions?status=${word}`);
      expect(subscriptions.map(({ id }: { id: string }) => id)).toEqual([waiting.id]);
    }
    expect((await server.call('GET', '/v1/tenants/acme/subscriptions?status=open')).status).toBe(400);
    expect((await server.call('GET', '/v1/tenants/acme/subscriptions?limit=101')).status).toBe(400);
    expect((await server.ok('GET', `/v1/tenants/acme/subscriptions?consumer_id=${consumerId}`)).total).toBe(1);
  });

  test("a tenant's token sees its own subscriptions only, and others look absent", async () => {
    const own = await createFlat();
    const token = await server.token('tenant:globex');

    expect((await server.call('GET', `/v1/subscriptions/${own.id}`, undefined, { token })).status).toBe(404);
    expect((await server.call('POST', `/v1/subscriptions/${own.id}/revoke`, undefined, { token })).status).toBe(404);
    expect((await server.call('GET', '/v1/tenants/acme/subscriptions', undefined, { token })).status).toBe(404);
    expect((await server.call('GET', `/v1/tenants/globex/subscriptions/${own.id}`, undefined, { token })).status).toBe(404);
    expect((await server.call('GET', '/v1/subscriptions', undefined, { token })).body.total).toBe(0);
    expect((await server.call('POST', '/v1/subscriptions', { api_id: apiId }, { token })).status).toBe(404);
    expect((await server.ok('GET', `/v1/subscriptions/${own.id}`)).status).toBe('active');
  });
});

describe('steps', () => {
  test('an approval sets the limits and shows the key once; a second one is a conflict (SB4, SB5)', async () => {
    const { id } = await createNested({ plan: 'standard' });

    const approved = await server.ok('POST', `/v1/tenants/acme/subscriptions/${id}/approve`, { rate_limit: 1000, quota: 50000 });

    expect(approved).toMatchObject({ id, status: 'active', rate_limit: 1000, quota: 50000, approved_at: '2026-02-13T12:00:00.000Z' });
    expect(approved.api_key).toMatch(KEY);
    const again = await server.call('POST', `/v1/subscriptions/${id}/approve`);
    expect(again).toMatchObject({ status: 409, body: { error: { code: 'conflict', hint: expect.any(String) } } });
    expect(await server.feedOf(id)).toMatchObject({ status: 'active', rate_limit: 1000, quota: 50000 });
  });

  test.each([{ rate_limit: 0 }, { rate_limit: 1.5 }, { quota: -1 }, { rate_limit: '1000' }, { limit: 5 }])(
    'refuses to approve with %j',
    async (body) => {
      const { id } = await createNested();

      expect((await server.call('POST', `/v1/subscriptions/${id}/approve`, body)).status).toBe(400);
      expect((await server.ok('GET', `/v1/subscriptions/${id}`)).status).toBe('pending_approval');
    },
  );

  test('the flat revocation takes no body and any content type, and a second one changes nothing (SB10)', async () => {
    const { id } = await createFlat();

    const first = await server.raw('POST', `/v1/subscriptions/${id}/revoke`, {});
    server.advance(1000);
    const others = await Promise.all([
      server.raw('POST', `/v1/subscriptions/${id}/revoke`, { 'content-type': 'application/json' }),
      server.raw('POST', `/v1/subscriptions/${id}/revoke`, { 'content-type': 'application/x-www-form-urlencoded' }),
      server.raw('POST', `/v1/subscriptions/${id}/revoke`, { 'content-type': 'text/plain', 'content-length': '0' }),
    ]);

    expect(first).toMatchObject({ status: 200, body: { id, status: 'revoked', api_key: null, api_key_prefix: null } });
    for (const other of others) expect(other).toEqual(first);
    const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    expect(
      (await server.plane.send(`POST /v1/subscriptions/${id}/revoke`, 'reason=x', { ...form, token: await server.token('') })).status,
    ).toBe(415);
  });

  test('the nested revocation answers 204, twice (SB6)', async () => {
    const { id } = await createFlat();

    for (let round = 0; round < 2; round += 1)
      expect((await server.call('DELETE', `/v1/tenants/acme/subscriptions/${id}`)).status).toBe(204);
    expect((await server.ok('GET', `/v1/tenants/acme/subscriptions/${id}`)).status).toBe('revoked');
  });

  test('a revoked subscription is known to gateways as revoked, and so are its keys', async () => {
    const { id } = await createFlat();

    await server.ok('POST', `/v1/subscriptions/${id}/revoke`, { reason: 'misuse' });

    expect(await server.feedOf(id)).toMatchObject({ status: 'revoked' });
    expect((await server.credentialsOf(id)).map(({ status }) => status)).toEqual(['revoked']);
  });

  const TABLE: readonly [from: string, verb: string, status: number][] = [
    ['pending_approval', 'reject', 200],
    ['pending_approval', 'suspend', 409],
    ['pending_approval', 'resume', 409],
    ['pending_approval', 'revoke', 200],
    ['active', 'approve', 409],
    ['active', 'reject', 409],
    ['active', 'suspend', 200],
    ['active', 'resume', 409],
    ['suspended', 'approve', 409],
    ['suspended', 'suspend', 409],
    ['suspended', 'resume', 200],
    ['suspended', 'revoke', 200],
    ['revoked', 'approve', 409],
    ['revoked', 'resume', 409],
    ['revoked', 'suspend', 409],
    ['rejected', 'approve', 409],
    ['rejected', 'revoke', 409],
  ];

  test.each(TABLE)('from %s, %s is answered %d', async (from, verb, status) => {
    const { id } = from === 'pending_approval' || from === 'rejected' ? await createNested() : await createFlat();
    const way: Record<string, string> = { suspended: 'suspend', revoked: 'revoke', rejected: 'reject' };
    if (way[from] !== undefined) await server.ok('POST', `/v1/subscriptions/${id}/${way[from]}`);

    const answer = await server.call('POST', `/v1/tenants/acme/subscriptions/${id}/${verb}`);

    expect(answer.status).toBe(status);
    if (status === 409)
      expect(answer.body.error).toMatchObject({ code: 'conflict', message: expect.stringContaining(from), hint: expect.any(String) });
  });

  test('revocation beats an approval that comes at the same time', async () => {
    const { id } = await createNested();

    const answers = await Promise.all([
      server.call('POST', `/v1/subscriptions/${id}/revoke`),
      server.call('POST', `/v1/subscriptions/${id}/approve`),
      server.call('POST', `/v1/subscriptions/${id}/approve`),
    ]);

    expect(answers[0].status).toBe(200);
    expect((await server.ok('GET', `/v1/subscriptions/${id}`)).status).toBe('revoked');
    expect((await server.credentialsOf(id)).filter(({ status }) => status !== 'revoked')).toEqual([]);
  });

  test('a role without the right is refused and changes nothing', async () => {
    const { id } = await createNested();
    const token = await server.token('tenant:acme role:viewer');

    expect((await server.call('GET', `/v1/subscriptions/${id}`, undefined, { token })).status).toBe(200);
    for (const verb of ['approve', 'reject', 'revoke']) {
      expect((await server.call('POST', `/v1/subscriptions/${id}/${verb}`, undefined, { token })).status).toBe(403);
    }
    expect((await server.ok('GET', `/v1/subscriptions/${id}`)).status).toBe('pending_approval');
  });

  test('an unknown subscription is 404 in both forms', async () => {
    for (const path of [
      '/v1/subscriptions/sub-none',
      '/v1/tenants/acme/subscriptions/sub-none',
      '/v1/tenants/nobody/subscriptions/sub-none',
    ]) {
      expect((await server.call('GET', path)).status).toBe(404);
      expect((await server.call('POST', `${path}/revoke`)).status).toBe(404);
    }
  });
});

describe('what goes takes keys along', () => {
  test.each([
    ['API', () => `/v1/tenants/acme/apis/${apiId}`],
    ['consumer', () => `/v1/tenants/acme/consumers/${consumerId}`],
    ['tenant', () => '/v1/tenants/acme'],
  ])('the keys of a deleted %s are revoked in the same breath', async (_name, path) => {
    const { id } = await createFlat();

    expect((await server.call('DELETE', path())).status).toBe(204);

    expect((await server.credentialsOf(id)).map(({ status }) => status)).toEqual(['revoked']);
  });
});

describe('a subscription from a manifest', () => {
  const manifest = (plan?: string) => ({
    kind: 'Subscription',
    tenant: 'acme',
    name: 'mobile-payments',
    labels: {},
    annotations: {},
    spec: { api: 'payments', consumer: 'app', ...(plan === undefined ? {} : { plan }) },
  });
  const apply = (resources: readonly object[], more: object = {}) =>
    server.ok('POST', '/v1/apply', { project: 'shop', resources, ...more });
  const path = '/v1/tenants/acme/subscriptions/mobile-payments';

  test('is told of in a plan when its keys do not work, whatever is declared', async () => {
    await apply([manifest()]);
    const plan = async () => (await server.ok('POST', '/v1/plan', { project: 'shop', resources: [manifest()] })).diagnostics;
    const before = await plan();
    await server.ok('POST', `${path}/revoke`);

    expect(before).toEqual([]);
    expect(await plan()).toMatchObject([
      { severity: 'note', resource: 'Subscription acme/mobile-payments', message: expect.stringContaining('is declared and revoked') },
    ]);
  });

  test('is told of in the English of manifests, whatever language errors are asked in (CV22)', async () => {
    await apply([manifest()]);
    await server.ok('POST', `${path}/suspend`);

    const french = { headers: { 'accept-language': 'fr' } };
    const { headers, body } = await server.plane.send('POST /v1/plan', { project: 'shop', resources: [manifest()] }, french);

    expect(headers['content-language']).toBeUndefined();
    expect(body.diagnostics).toMatchObject([
      {
        code: 'not_active',
        message: 'Subscription acme/mobile-payments is declared and suspended: it opens nothing.',
        hint: 'Resume it with "stoactl subscriptions resume", or take it out of the manifests.',
      },
    ]);
  });

  test('is active without a key, which its first rotation makes; applying again changes neither', async () => {
    await apply([manifest()]);
    expect(await server.ok('GET', path)).toMatchObject({ status: 'active', consumer_id: consumerId, api_key: null, api_key_prefix: null });
    const { new_api_key: key, subscription_id: id } = await server.ok('POST', `${path}/rotate-key`);

    await apply([manifest()]);

    expect(await server.ok('GET', path)).toMatchObject({ id, name: 'mobile-payments', status: 'active', rotation_count: 0 });
    expect(await server.validKeys(id)).toEqual([key]);
  });

  test('waits for approval when its plan says so, and gets its key there', async () => {
    await apply([manifest('standard')]);
    expect(await server.ok('GET', path)).toMatchObject({ status: 'pending_approval' });

    expect(await server.ok('POST', `${path}/approve`)).toMatchObject({ status: 'active', api_key: expect.stringMatching(KEY) });
  });

  test('keeps its keys when its declaration changes, and loses them when it goes', async () => {
    await apply([manifest()]);
    const { new_api_key: key, subscription_id: id } = await server.ok('POST', `${path}/rotate-key`);

    await apply([{ ...manifest(), spec: { ...manifest().spec, application: 'mobile' } }]);
    expect(await server.validKeys(id)).toEqual([key]);

    const { kind, tenant, name } = manifest();
    await apply([], { delete: [{ kind, tenant, name }] });
    expect(await server.validKeys(id)).toEqual([]);
    expect((await server.credentialsOf(id)).map(({ status }) => status)).toEqual(['revoked']);
    expect((await server.call('GET', path)).status).toBe(404);
  });

  test('that is deleted and declared again starts a new life, without the old keys', async () => {
    await apply([manifest()]);
    const { subscription_id: old } = await server.ok('POST', `${path}/rotate-key`);
    const { kind, tenant, name } = manifest();
    await apply([], { delete: [{ kind, tenant, name }] });

    await apply([manifest()]);

    const { id, status, api_key_prefix: prefix } = await server.ok('GET', path);
    expect({ status, prefix }).toEqual({ status: 'active', prefix: null });
    expect(id).not.toBe(old);
    expect(await server.validKeys(id)).toEqual([]);
  });
});

test('every step is in the audit log, with who and when and no key', async () => {
  const { id, api_key: key } = await createFlat();
  await server.ok('POST', `/v1/subscriptions/${id}/suspend`, { reason: 'unpaid' });
  await server.ok('POST', `/v1/subscriptions/${id}/resume`);
  await server.ok('POST', `/v1/subscriptions/${id}/revoke`);

  const { logs } = await server.ok('GET', `/v1/audit/acme?resource=${id}`);

  expect(logs.map(({ action }: { action: string }) => action)).toEqual([
    'subscription.revoked',
    'subscription.resumed',
    'subscription.suspended',
    'subscription.created',
  ]);
  expect(logs[2]).toMatchObject({
    user: expect.any(String),
    consumer: 'app',
    details: { before: { status: 'active' }, after: { status: 'suspended', reason: 'unpaid' }, reason: 'unpaid' },
  });
  expect(JSON.stringify(logs)).not.toContain(key);
});
