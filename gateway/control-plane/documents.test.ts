/** The requests of documents A, B and E about declared resources, as printed there. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ErrorBody } from '../../schema/error.js';
import { openControlPlane, type Answer, type TestControlPlane } from '../../test/helpers/control-plane.js';

let control: TestControlPlane;
let send: TestControlPlane['send'];
beforeAll(async () => {
  control = await openControlPlane();
  send = control.send;
});
afterAll(() => control.close());

const TENANT = { name: 'acme', tier: 'starter', admin_email: 'admin@acme.com', region: 'us-east-1' };
const API = {
  name: 'payment-api',
  description: 'Payment processing API',
  upstream_url: 'https://api.payments.example.com',
  path: '/payments',
  version: 'v1',
  auth_required: true,
  rate_limit: { requests_per_hour: 1000 },
};

const fieldsOf = ({ body }: Answer): string[] => (body as ErrorBody).error.details?.map(({ field }) => field).sort() ?? [];

describe('tenants (document B)', () => {
  it('are created provisioning and become active by themselves', async () => {
    const created = await send('POST /v1/tenants', TENANT);

    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({ ...TENANT, status: 'provisioning', gateway_url: 'https://gateway.example.test/acme' });
    expect(created.body.id).toMatch(/^ten-[0-9a-z]{12}$/);
    expect(created.body.created_at).toMatch(/^\d{4}-.*Z$/);
    expect((await send(`GET /v1/tenants/${created.body.id}`)).body).toMatchObject({ id: created.body.id, status: 'active' });
    expect((await send('GET /v1/tenants/acme')).body.id).toBe(created.body.id);
  });

  it('answer an invalid tier word for word', async () => {
    const answer = await send('POST /v1/tenants', { ...TENANT, name: 'other', tier: 'gold' });

    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({
      error: {
        code: 'validation_error',
        message: 'Invalid request parameters',
        details: [{ field: 'tier', message: 'Invalid tier value' }],
      },
    });
    expect(answer.body.error.details).toHaveLength(1);
  });

  it('report every wrong field at once, unknown ones included', async () => {
    const answer = await send('POST /v1/tenants', { name: 'other', tier: 'gold', admin_email: 'nobody', id: 'ten-1', status: 'active' });

    expect(fieldsOf(answer)).toEqual(['admin_email', 'id', 'status', 'tier']);
  });

  it('refuse a name twice with 409, and a name that is no label with 400 (CV18 TN1)', async () => {
    expect((await send('POST /v1/tenants', TENANT)).body.error.code).toBe('conflict');
    expect((await send('POST /v1/tenants', { name: 'Acme Inc.' })).body.error.details[0].field).toBe('name');
  });

  it('merge settings and take the tier in any case', async () => {
    await send('PATCH /v1/tenants/acme', { settings: { control_plane_rate_limit: 5000 } });

    const answer = await send('PATCH /v1/tenants/acme', { tier: 'Business', settings: { rate_limit_multiplier: 2.0 } });

    expect(answer.body).toMatchObject({
      ...TENANT,
      tier: 'business',
      settings: { rate_limit_multiplier: 2, control_plane_rate_limit: 5000 },
    });
  });

  it('are listed in pages of a stable order (CV30 TN3)', async () => {
    for (const name of ['t1', 't2', 't3']) await send('POST /v1/tenants', { name });

    const pages = await Promise.all([1, 2, 3].map((page) => send(`GET /v1/tenants?page=${page}&limit=2`)));

    expect(pages.map(({ body }) => (body.tenants as { name: string }[]).map(({ name }) => name))).toEqual([
      ['acme', 't1'],
      ['t2', 't3'],
      [],
    ]);
    expect(pages[0]?.body).toMatchObject({ total: 4, page: 1, limit: 2 });
    expect(pages[0]?.body.items).toEqual(pages[0]?.body.tenants);
  });
});

describe('APIs (document B)', () => {
  it('are active at once, with the address where they answer (AP2 CV33)', async () => {
    const created = await send('POST /v1/tenants/acme/apis', API);

    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({ ...API, status: 'active', public_url: 'https://gateway.example.test/acme/payments' });
    expect(created.body.id).toMatch(/^api-[0-9a-z]{12}$/);
    expect((await send(`GET /v1/tenants/acme/apis/${created.body.id}`)).body).toEqual(created.body);
  });

  it('change their limit', async () => {
    const answer = await send('PATCH /v1/tenants/acme/apis/payment-api', { rate_limit: { requests_per_hour: 2000 } });

    expect(answer.body).toMatchObject({ ...API, rate_limit: { requests_per_hour: 2000 } });
  });

  it('take another list of servers, and answer with the first of them as upstream_url', async () => {
    await send('POST /v1/tenants/acme/apis', {
      name: 'many',
      path: '/many',
      upstreams: [{ url: 'http://127.0.0.1:1' }, { url: 'http://127.0.0.1:2' }],
    });

    const changed = await send('PATCH /v1/tenants/acme/apis/many', { upstreams: [{ url: 'http://127.0.0.1:3', weight: 2 }] });
    const wrong = await send('PATCH /v1/tenants/acme/apis/many', { upstream_url: 'http://127.0.0.1:4' });

    expect(changed).toMatchObject({
      status: 200,
      body: { upstream_url: 'http://127.0.0.1:3', upstreams: [{ url: 'http://127.0.0.1:3', weight: 2 }] },
    });
    expect(wrong).toMatchObject({ status: 400, body: { error: { details: [{ field: 'upstream_url' }] } } });
  });

  it('take backend_url as another word', async () => {
    const created = await send('POST /v1/tenants/acme/apis', { name: 'older', path: '/older', backend_url: 'http://127.0.0.1:1' });
    const changed = await send('PATCH /v1/tenants/acme/apis/older', { backend_url: 'http://127.0.0.1:2' });

    expect([created.body.upstream_url, changed.body.upstream_url]).toEqual(['http://127.0.0.1:1', 'http://127.0.0.1:2']);
  });

  it('of two versions give the later one its own address, and refuse a route twice (AP9 CV18)', async () => {
    control.advance(1);
    const second = await send('POST /v1/tenants/acme/apis', { ...API, name: 'payment-api-2', version: 'v2' });
    const same = await send('POST /v1/tenants/acme/apis', { ...API, name: 'payment-api-3' });

    expect(second.body.public_url).toBe('https://gateway.example.test/acme/payments/v2');
    expect([same.status, same.body.error.message]).toEqual([409, 'API "payment-api" of tenant "acme" holds path /payments/v1 already.']);
  });

  it.each(['file:///etc/passwd', 'https://user:pass@x.example', 'not a url'])('refuse the upstream %s (AP11)', async (upstream_url) => {
    const answer = await send('POST /v1/tenants/acme/apis', { name: 'bad', path: '/bad', upstream_url });

    expect([answer.status, answer.body.error.details[0].field]).toEqual([400, 'upstream_url']);
  });
});

it.each([
  ['in a container that others reach', true, ['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080']],
  ['on a machine', false, []],
])('an API whose upstream is localhost is warned of %s (DP29)', async (_where, isInContainer, warned) => {
  const server = await openControlPlane({ isInContainer });
  onTestFinished(() => server.close());
  await server.send('POST /v1/tenants', { name: 'trap', tier: 'free' });
  const upstreams = ['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080', 'http://host.docker.internal:8080'];

  const answers = await Promise.all(
    upstreams.map((upstream_url, n) => server.send('POST /v1/tenants/trap/apis', { name: `api-${n}`, path: `/${n}`, upstream_url })),
  );

  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  const told = answers.filter(({ body }) => body.warnings?.[0]?.includes('host.docker.internal'));
  expect(told.map(({ body }) => body.upstream_url)).toEqual(warned);
  const changed = await server.send('PATCH /v1/tenants/trap/apis/api-3', { upstream_url: 'http://localhost:1' });
  expect(changed.body.warnings?.length).toBe(isInContainer ? 1 : undefined);
});

describe('policies (document A, days 4 to 6)', () => {
  it('are created, bound and listed as printed (PL1 PL3 PL4 PL10 PL12)', async () => {
    const cors = await send('POST /v1/admin/policies', {
      name: 'browser-cors',
      policy_type: 'cors',
      tenant_id: 'acme',
      scope: 'api',
      config: {
        origins: ['https://yourapp.com', 'http://localhost:3000'],
        methods: ['GET', 'POST', 'PUT', 'DELETE'],
        headers: ['Content-Type', 'X-API-Key'],
        max_age: 3600,
      },
    });
    const api = (await send('GET /v1/tenants/acme/apis/payment-api')).body;
    const binding = { policy_id: cors.body.id, api_catalog_id: api.id, tenant_id: 'acme' };

    const bound = await send('POST /v1/admin/policies/bindings', binding);

    expect([cors.status, bound.status]).toEqual([201, 201]);
    expect(cors.body.id).toMatch(/^pol-/);
    expect(bound.body).toMatchObject(binding);
    const { policies } = (await send('GET /v1/tenants/acme/policies')).body;
    expect(policies[0]).toMatchObject({ id: cors.body.id, targets: [{ kind: 'API', name: 'payment-api' }], bindings: [bound.body] });
    expect((await send('POST /v1/admin/policies/bindings', binding)).status).toBe(409);
    expect((await send('POST /v1/admin/policies/bindings', { ...binding, api_catalog_id: 'api-none' })).status).toBe(404);
    expect((await send('POST /v1/admin/policies/bindings', { ...binding, policy_id: 'pol-none' })).status).toBe(404);
  });

  it('replace their config and keep the rest (PL2 PL5)', async () => {
    const created = await send('POST /v1/admin/policies', {
      name: 'limit',
      policy_type: 'rate_limit',
      tenant_id: 'acme',
      config: { requests_per_hour: 10 },
      priority: 50,
    });

    const admin = await send(`PATCH /v1/admin/policies/${created.body.id}`, { config: { requests_per_minute: 200, burst: 20 } });
    const tenant = await send(`PATCH /v1/tenants/acme/policies/${created.body.id}`, { config: { limit: 5, window_secs: 10 } });

    expect(admin.body).toMatchObject({ name: 'limit', priority: 50, config: { requests_per_minute: 200, burst: 20 } });
    expect(admin.body.config).toEqual({ requests_per_minute: 200, burst: 20 });
    expect(tenant.body.config).toEqual({ limit: 5, window_secs: 10 });
  });

  it('warn when a policy meant for one consumer governs all, and take consumer_id instead (PL14)', async () => {
    const { id } = (await send('POST /v1/consumers/acme', { name: 'premium', external_id: 'premium' })).body;
    const policy = {
      policy_type: 'rate_limit',
      tenant_id: 'acme',
      scope: 'tenant',
      config: { requests_per_minute: 1000, burst: 50 },
      priority: 50,
    };

    const wide = await send('POST /v1/admin/policies', { ...policy, name: `premium-rate-limit-${id}` });
    const narrow = await send('POST /v1/admin/policies', { ...policy, name: 'narrow', consumer_id: id });

    expect([wide.status, wide.body.warnings?.length]).toEqual([201, 1]);
    expect(narrow.body.targets).toEqual([{ kind: 'Consumer', name: 'premium' }]);
    expect(narrow.body.warnings).toBeUndefined();
  });

  it('are checked by their type (PL15)', async () => {
    const answer = await send('POST /v1/admin/policies', {
      name: 'bad',
      policy_type: 'rate_limit',
      tenant_id: 'acme',
      config: { requests_per_minut: 1 },
    });

    expect(answer.status).toBe(400);
    expect(answer.body.error.details[0].field).toContain('config');
  });

  it('report a wrong field alone: what a wrong policy refers to is still found', async () => {
    const targets = [{ kind: 'API', name: 'payment-api' }];

    const answer = await send('PATCH /v1/admin/policies/limit', { priority: 'high', targets });

    expect(fieldsOf(answer)).toEqual(['priority']);
  });

  it('govern nothing, rather than the whole tenant, when their only API is deleted', async () => {
    await send('POST /v1/tenants/acme/apis', { name: 'brief', path: '/brief', upstream_url: 'http://127.0.0.1:1' });
    const { id } = (
      await send('POST /v1/tenants/acme/policies', {
        name: 'of-brief',
        policy_type: 'rate_limit',
        config: { requests_per_minute: 1 },
        api_id: 'brief',
      })
    ).body;

    await send('DELETE /v1/tenants/acme/apis/brief');

    expect((await send(`GET /v1/admin/policies/${id}`)).body).toMatchObject({ targets: [], scope: 'api' });
  });
});

describe('consumers (document A, days 5 to 7)', () => {
  const body = { name: 'user-12345', email: 'user@example.com', consumer_metadata: { user_id: '12345', plan: 'starter' } };

  it('are created as printed, several of one name told apart by external_id (CN1 CN2)', async () => {
    const first = await send('POST /v1/consumers/acme', { ...body, external_id: 'user-1700000001' });
    const second = await send('POST /v1/consumers/acme', { ...body, external_id: 'user-1700000002' });

    expect([first.status, second.status]).toEqual([201, 201]);
    expect(first.body).toMatchObject({ ...body, external_id: 'user-1700000001' });
    expect(first.body.id).toMatch(/^con-/);
    expect([first.body.name, second.body.name]).toEqual(['user-12345', 'user-12345']);
    expect(second.body.resource_name).toBe('user-12345-user-1700000002');
  });

  it('refuse an external_id twice (CN3)', async () => {
    const answer = await send('POST /v1/tenants/acme/consumers', { ...body, external_id: 'user-1700000001' });

    expect([answer.status, answer.body.error.code]).toEqual([409, 'conflict']);
  });

  it('keep a name that is no label for people', async () => {
    const { body: created } = await send('POST /v1/consumers/acme', { name: 'Élan & Söhne GmbH', external_id: 'elan' });

    expect([created.name, created.resource_name]).toEqual(['Élan & Söhne GmbH', 'elan-sohne-gmbh']);
  });

  it('are found by address, with masked key and the ids of their APIs', async () => {
    const { id } = (await send('POST /v1/consumers/acme', { name: 'client', email: 'client@example.com' })).body;
    const api = (await send('GET /v1/tenants/acme/apis/payment-api')).body;
    const order = { consumer_id: id, api_id: api.id, tenant_id: 'acme' };
    const { api_key } = (await send('POST /v1/subscriptions', order)).body as { api_key: string };

    const found = (await send('GET /v1/tenants/acme/consumers?email=client@example.com')).body;

    expect(found.total).toBe(1);
    expect(found.consumers[0]).toMatchObject({ api_key: `${api_key.slice(0, 12)}…`, api_ids: [api.id] });
    expect(JSON.stringify(found)).not.toContain(api_key);
    expect((await send('GET /v1/consumers/acme?email=CLIENT@example.com')).body.total).toBe(0);
    expect((await send('GET /v1/consumers/acme?email=%25')).body.total).toBe(0);
  });
});

describe('webhooks (document B)', () => {
  const body = { url: 'https://myapp.com/webhooks/stoa', events: ['subscription.created', 'subscription.approved'] };

  it('take a secret in and never show it', async () => {
    const created = await send('POST /v1/tenants/acme/webhooks', { ...body, secret: 'whsec_abc123' });
    const listed = await send('GET /v1/tenants/acme/webhooks');

    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({ url: body.url, has_secret: true });
    expect(created.body.id).toMatch(/^web-/);
    const everything = JSON.stringify([created.body, listed.body, control.logLines, await dump()]);
    expect(everything).not.toContain('whsec_abc123');
    const { ciphertext } = await control.cp.db.selectFrom('resource_secrets').select('ciphertext').executeTakeFirstOrThrow();
    expect(control.cp.vault.open(ciphertext)).toBe('whsec_abc123');
  });

  it('refuse an event that does not exist (WH8)', async () => {
    const answer = await send('POST /v1/tenants/acme/webhooks', { ...body, events: ['subscription.exploded'] });

    expect([answer.status, answer.body.error.details[0].field]).toEqual([400, expect.stringContaining('events')]);
  });

  async function dump(): Promise<unknown> {
    const { db } = control.cp;
    return [
      await db.selectFrom('resources').selectAll().execute(),
      await db.selectFrom('revision_changes').selectAll().execute(),
      await db.selectFrom('audit_log').selectAll().execute(),
      await db.selectFrom('resource_secrets').selectAll().execute(),
    ];
  }
});

describe('plans', () => {
  it('are created, changed and deleted, but not while a subscription has them', async () => {
    expect((await send('POST /v1/tenants/acme/plans', { name: 'gold', quota: { monthly: 10 } })).status).toBe(201);
    await send('POST /v1/tenants/acme/subscriptions', { api_id: 'payment-api', plan: 'gold' });

    const refused = await send('DELETE /v1/tenants/acme/plans/gold');

    expect([refused.status, refused.body.error.message]).toEqual([409, expect.stringMatching(/^Plan acme\/gold is used by Subscription/)]);
    expect((await send('PATCH /v1/tenants/acme/plans/gold', { quota: { monthly: 20 } })).body.quota).toEqual({ monthly: 20 });
  });
});

describe('versions', () => {
  it('guard a change: If-Match of an older version is 412 and changes nothing', async () => {
    const before = await send('GET /v1/tenants/acme/apis/payment-api');
    const headers = { 'if-match': String(before.headers['etag']) };

    const first = await send('PATCH /v1/tenants/acme/apis/payment-api', { description: 'first' }, { headers });
    const second = await send('PATCH /v1/tenants/acme/apis/payment-api', { description: 'second' }, { headers });

    expect([first.status, second.status, second.body.error.code]).toEqual([200, 412, 'precondition_failed']);
    expect(second.body.error.message).toContain('service-account-control-plane-api');
    const now = await send('GET /v1/tenants/acme/apis/payment-api');
    expect([now.body.description, now.headers['etag']]).toEqual(['first', first.headers['etag']]);
  });

  it('stay when a change changes nothing', async () => {
    const before = await send('GET /v1/tenants/acme/apis/payment-api');

    const same = await send('PATCH /v1/tenants/acme/apis/payment-api', { description: 'first' });

    expect(same.headers['etag']).toBe(before.headers['etag']);
  });

  it('let one of many changes from the same version through', async () => {
    const etag = String((await send('GET /v1/tenants/acme/apis/payment-api')).headers['etag']);
    const change = (index: number) =>
      send('PATCH /v1/tenants/acme/apis/payment-api', { description: `race ${index}` }, { headers: { 'if-match': etag } });

    const statuses = (await Promise.all(Array.from({ length: 20 }, (_, index) => change(index)))).map(({ status }) => status);

    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 412)).toHaveLength(19);
  });
});

describe('deleting a tenant', () => {
  it('takes everything in it along, and leaves its audit', async () => {
    const { id } = (await send('GET /v1/tenants/acme')).body;

    const answer = await send(`DELETE /v1/tenants/${id}`);

    expect(answer.status).toBe(204);
    const { resources } = (await send('GET /v1/resources?limit=1000')).body as { resources: { tenant: string }[] };
    expect(resources.filter(({ tenant }) => tenant === 'acme')).toEqual([]);
    const open = await control.cp.db.selectFrom('api_keys').select('status').where('status', 'in', ['active', 'grace']).execute();
    expect(open).toEqual([]);
    const actions = await control.cp.db.selectFrom('audit_log').select('action').where('tenant', '=', 'acme').execute();
    expect(actions.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['tenant.created', 'api.created', 'policy.updated', 'tenant.deleted']),
    );
  });
});

it('lists subscriptions of an API or a consumer by its id alone, whatever its tenant', async () => {
  await send('POST /v1/tenants', { name: 'by-id' });
  const api = (await send('POST /v1/tenants/by-id/apis', { name: 'a', path: '/a', upstream_url: 'http://127.0.0.1:9' })).body.id;
  const consumer = (await send('POST /v1/consumers/by-id', { name: 'c' })).body.id;
  const { id } = (await send('POST /v1/subscriptions', { tenant_id: 'by-id', api_id: api, consumer_id: consumer })).body;

  for (const query of [`api_id=${api}`, `consumer_id=${consumer}`]) {
    const { body } = await send(`GET /v1/subscriptions?${query}`);
    expect(body.subscriptions.map((found: { id: string }) => found.id)).toEqual([id]);
  }
});
