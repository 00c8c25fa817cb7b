/** The life of a subscription over HTTP: every step from every state, by id and by name, changed with care, and under a real socket. */
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServer, type TestServer } from '../../../test/helpers/lived-server.js';

let server: TestServer;

beforeEach(async () => {
  server = await openServer();
  for (const tenant of ['acme', 'globex']) {
    await server.ok('POST', '/v1/tenants', { name: tenant });
    await server.ok('POST', `/v1/tenants/${tenant}/apis`, { name: 'payments', path: '/payments', upstream_url: 'https://up.example.com' });
  }
});
afterEach(() => server.close());

const subscribe = (body: object = {}) => server.ok('POST', '/v1/subscriptions', { api_id: 'payments', tenant_id: 'acme', ...body });

const PATHS = {
  pending_approval: [],
  active: ['approve'],
  suspended: ['approve', 'suspend'],
  rejected: ['reject'],
  revoked: ['approve', 'revoke'],
} as const;
const LEGAL: Readonly<Record<string, readonly (keyof typeof PATHS)[]>> = {
  approve: ['pending_approval'],
  reject: ['pending_approval'],
  suspend: ['active'],
  resume: ['suspended'],
  revoke: ['pending_approval', 'active', 'suspended', 'revoked'],
};
const states = Object.keys(PATHS) as (keyof typeof PATHS)[];
const table = states.flatMap((state) => Object.keys(LEGAL).map((verb) => [state, verb] as const));

describe('every step from every state (SB4, SB5, SB6, SB10, SB13)', () => {
  it.each(table)('%s: %s is taken, or refused with 409 and a hint and changes nothing (SB5)', async (state, verb) => {
    const { id } = await subscribe({ plan: 'standard' });
    for (const step of PATHS[state]) await server.ok('POST', `/v1/subscriptions/${id}/${step}`);
    const before = await server.ok('GET', `/v1/subscriptions/${id}`);

    const { status, body } = await server.call('POST', `/v1/tenants/acme/subscriptions/${id}/${verb}`);

    expect(before.status).toBe(state);
    if (LEGAL[verb]?.includes(state) === true) {
      expect(status).toBe(200);
      return;
    }
    expect({ status, body }).toMatchObject({ status: 409, body: { error: { code: 'conflict', hint: expect.any(String) } } });
    expect(await server.ok('GET', `/v1/subscriptions/${id}`)).toEqual(before);
  });
});

describe('a subscription by its name', () => {
  beforeEach(async () => {
    await server.put('Subscription', 'acme', 'mobile', { api: 'payments' });
  });

  it('is found by a flat route as by a nested one (SB3)', async () => {
    const flat = await server.ok('GET', '/v1/subscriptions/mobile');

    expect(flat).toEqual(await server.ok('GET', '/v1/tenants/acme/subscriptions/mobile'));
    expect(flat).toEqual(await server.ok('GET', `/v1/subscriptions/${flat.id}`));
  });

  it('that several tenants have is 409 and says how, but clear to a tenant of its own and by id (SB3)', async () => {
    const { id } = await server.put('Subscription', 'globex', 'mobile', { api: 'payments' });
    const token = await server.token('tenant:globex');

    expect(await server.call('GET', '/v1/subscriptions/mobile')).toMatchObject({
      status: 409,
      body: { error: { hint: expect.stringContaining('id') } },
    });
    expect((await server.call('POST', '/v1/subscriptions/mobile/rotate-key', {})).status).toBe(409);
    expect((await server.call('GET', '/v1/subscriptions/mobile', undefined, { token })).body).toMatchObject({ id, tenant_id: 'globex' });
    expect(await server.ok('GET', `/v1/subscriptions/${id}`)).toMatchObject({ tenant_id: 'globex' });
  });

  it("of another tenant alone looks absent to a tenant's token", async () => {
    const token = await server.token('tenant:globex');

    expect((await server.call('GET', '/v1/subscriptions/mobile', undefined, { token })).status).toBe(404);
  });
});

describe('a change of a subscription', () => {
  const change = async (path: string, body: object, match?: string) =>
    server.plane.send(`PATCH ${path}`, body, { headers: match === undefined ? {} : { 'if-match': match } });

  it.each(['/v1/subscriptions/', '/v1/tenants/acme/subscriptions/'])(
    'below %s keeps its state and key, and moves its ETag',
    async (base) => {
      const { id, api_key } = await subscribe({ application: 'web' });
      const path = `${base}${id}`;
      const read = await server.call('GET', path);

      const changed = await change(path, { application: 'mobile', callback_url: 'https://a.example.com/x' }, String(read.headers.etag));

      expect(changed).toMatchObject({
        status: 200,
        body: { application: 'mobile', callback_url: 'https://a.example.com/x', status: 'active' },
      });
      expect(changed.headers.etag).not.toBe(read.headers.etag);
      expect((await change(path, { application: 'late' }, String(read.headers.etag))).status).toBe(412);
      expect((await change(path, { callback_url: null })).body).toMatchObject({ application: 'mobile', callback_url: null });
      expect(await server.validKeys(id)).toEqual([api_key]);
    },
  );

  it.each([{ api_id: 'payments' }, { status: 'active' }, { tenant_id: 'globex' }, { callback_url: 'ftp://x' }, { plan: 'platinum' }])(
    'is refused with %j',
    async (body) => {
      const { id } = await subscribe();

      expect((await change(`/v1/subscriptions/${id}`, body)).status).toBe(400);
    },
  );
});

describe('a single key', () => {
  it('is answered without the key, and absent below another tenant (KY24)', async () => {
    const { id, api_key } = await subscribe();
    const [listed] = (await server.ok('GET', `/v1/tenants/acme/apikeys?subscription_id=${id}`)).apikeys;

    const one = await server.call('GET', `/v1/tenants/acme/apikeys/${listed.id}`);

    expect(one).toMatchObject({ status: 200, body: listed });
    expect(one.text).not.toContain(api_key);
    expect((await server.call('GET', `/v1/tenants/globex/apikeys/${listed.id}`)).status).toBe(404);
  });
});

describe('requests at the same time, over real sockets', () => {
  let post: (path: string, body?: object) => Promise<number>;

  beforeEach(async () => {
    await server.plane.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = server.plane.app.server.address() as AddressInfo;
    const headers = { authorization: `Bearer ${server.plane.token}`, 'content-type': 'application/json' };
    post = async (path, body = {}) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
      await answer.text();
      return answer.status;
    };
  });

  it('of twelve rotations exactly one wins, and there is one successor (KY12)', async () => {
    const { id } = await subscribe();

    const answers = await Promise.all(Array.from({ length: 12 }, () => post(`/v1/subscriptions/${id}/rotate-key`)));

    expect(answers.filter((status) => status === 200)).toHaveLength(1);
    expect(answers.filter((status) => status === 409)).toHaveLength(11);
    expect(await server.ok('GET', `/v1/subscriptions/${id}`)).toMatchObject({ rotation_count: 1 });
    expect(await server.credentialsOf(id)).toHaveLength(2);
  });

  it('of two approvals exactly one wins, and there is one key (SB5)', async () => {
    const { id } = await subscribe({ plan: 'standard' });

    const answers = await Promise.all([post(`/v1/subscriptions/${id}/approve`), post(`/v1/subscriptions/${id}/approve`)]);

    expect(answers.sort()).toEqual([200, 409]);
    expect(await server.credentialsOf(id)).toHaveLength(1);
  });

  it('no key outlives a revocation, whatever comes with it (SB6)', async () => {
    const [active, pending] = [(await subscribe()).id, (await subscribe({ plan: 'standard' })).id];

    await Promise.all([
      ...[1, 2, 3].map(() => post(`/v1/subscriptions/${active}/rotate-key`, { force: true })),
      post(`/v1/subscriptions/${active}/revoke`),
      post(`/v1/subscriptions/${pending}/approve`),
      post(`/v1/subscriptions/${pending}/revoke`),
    ]);

    for (const id of [active, pending]) {
      expect((await server.ok('GET', `/v1/subscriptions/${id}`)).status).toBe('revoked');
      expect(await server.validKeys(id)).toEqual([]);
    }
  });
});

it('a clock that steps back and forth refuses no promised key (KY8)', async () => {
  const { id, api_key } = await subscribe();
  const { new_api_key } = await server.ok('POST', `/v1/subscriptions/${id}/rotate-key`, { grace_period_hours: 2 });

  for (const minutes of [-30, 60, -45, 15, 60]) {
    server.advance(minutes * 60_000);
    expect(await server.validKeys(id)).toEqual([api_key, new_api_key]);
  }
});
