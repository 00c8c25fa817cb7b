import { SignJWT, UnsecuredJWT, decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIENT_SECRET, GATEWAY_TOKEN, openControlPlane, type TestControlPlane } from '../../../test/helpers/control-plane.js';

const TOKEN_URL = '/realms/stoa/protocol/openid-connect/token';

let control: TestControlPlane;
beforeAll(async () => {
  control = await openControlPlane();
  for (const name of ['acme', 'globex']) await control.send('POST /v1/tenants', { name, tier: 'starter' });
});
afterAll(() => control.close());

const form = (fields: Record<string, string> | string, headers: Record<string, string> = {}, url = TOKEN_URL) =>
  control.app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: typeof fields === 'string' ? fields : new URLSearchParams(fields).toString(),
  });
const grant = { grant_type: 'client_credentials', client_id: 'control-plane-api', client_secret: CLIENT_SECRET };

describe('token endpoint', () => {
  it.each([
    ['stoa', 'control-plane-api'],
    ['master', 'stoa-api'],
  ])('serves realm %s and client %s (documents A, B)', async (realm, client_id) => {
    const answer = await form({ ...grant, client_id }, {}, `/realms/${realm}/protocol/openid-connect/token`);

    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ expires_in: 300, token_type: 'Bearer', refresh_expires_in: 0 });
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(decodeJwt(answer.json<{ access_token: string }>().access_token)).toMatchObject({
      iss: `https://api.example.test/realms/${realm}`,
      typ: 'Bearer',
      azp: client_id,
      preferred_username: `service-account-${client_id}`,
      realm_access: { roles: ['cpi-admin'] },
    });
  });

  it('knows the realms that it is given and no other (K14)', async () => {
    for (const line of ['POST /realms/shop/protocol/openid-connect/token', 'GET /realms/shop/.well-known/openid-configuration']) {
      const [method = '', url = ''] = line.split(' ');
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const payload = method === 'POST' ? { payload: new URLSearchParams(grant).toString(), headers } : {};
      const answer = await control.app.inject({ method: method as 'GET', url, ...payload });

      expect([answer.statusCode, answer.json<{ error_description: string }>().error_description]).toEqual([
        404,
        'There is no realm shop; there are master, stoa. --realms or STOA_REALMS of the control plane adds one.',
      ]);
    }
    const odd = await control.app.inject({ url: `/realms/${encodeURIComponent('a "b"')}/.well-known/openid-configuration` });
    expect(odd.json()).toMatchObject({
      error_description: expect.stringMatching(/^There is no such realm; there are master, stoa\./) as string,
    });
  });

  it('takes the client by HTTP Basic', async () => {
    const basic = Buffer.from(`stoa-api:${CLIENT_SECRET}`).toString('base64');

    const answer = await form({ grant_type: 'client_credentials' }, { authorization: `Basic ${basic}` });

    expect(answer.statusCode).toBe(200);
  });

  it.each([
    ['a wrong secret', { ...grant, client_secret: 'wrong' }, 401, 'invalid_client'],
    ['an unknown client', { ...grant, client_id: 'nobody' }, 401, 'invalid_client'],
    ['no client', { grant_type: 'client_credentials' }, 401, 'invalid_client'],
    ['another grant', { ...grant, grant_type: 'password' }, 400, 'unsupported_grant_type'],
    ['no grant', { client_id: 'stoa-api', client_secret: CLIENT_SECRET }, 400, 'invalid_request'],
    ['an unknown tenant', { ...grant, scope: 'tenant:nobody' }, 400, 'invalid_scope'],
    ['two tenants', { ...grant, scope: 'tenant:acme tenant:globex' }, 400, 'invalid_scope'],
    ['an unknown role', { ...grant, scope: 'role:root' }, 400, 'invalid_scope'],
    ["the gateway's role", { ...grant, scope: 'role:gateway' }, 400, 'invalid_scope'],
    ['an administrator inside a tenant', { ...grant, scope: 'tenant:acme role:cpi-admin' }, 400, 'invalid_scope'],
    ['a parameter twice', `${new URLSearchParams(grant).toString()}&client_id=stoa-api`, 400, 'invalid_request'],
  ])('answers %s in the form of OAuth', async (_, fields, status, error) => {
    const answer = await form(fields);

    expect([answer.statusCode, answer.json<{ error: string }>().error]).toEqual([status, error]);
    expect(answer.json<{ error_description: string }>().error_description).toMatch(/\S/);
  });

  it('answers JSON bodies in the form of OAuth', async () => {
    const answer = await control.app.inject({ method: 'POST', url: TOKEN_URL, payload: grant });

    expect([answer.statusCode, answer.json<{ error: string }>().error]).toEqual([400, 'invalid_request']);
  });

  it('echoes the tenant and role that limit a token', async () => {
    const answer = await form({ ...grant, scope: 'openid tenant:acme role:viewer' });

    expect(answer.json<{ scope: string }>().scope).toBe('email profile tenant:acme role:viewer');
  });

  it('publishes its key and configuration', async () => {
    const certs = await control.send('GET /realms/stoa/protocol/openid-connect/certs', undefined, { token: null });
    const configuration = await control.send('GET /realms/stoa/.well-known/openid-configuration', undefined, { token: null });

    expect(certs.body.keys[0]).toMatchObject({ kty: 'EC', alg: 'ES256', use: 'sig' });
    expect(certs.body.keys[0].d).toBeUndefined();
    expect(configuration.body.token_endpoint).toBe('https://api.example.test/realms/stoa/protocol/openid-connect/token');
  });
});

describe('bearer check', () => {
  const status = async (token: string | null) => (await control.send('GET /v1/tenants', undefined, { token })).status;

  it('answers 401 with a challenge without a token (CV2 CV15)', async () => {
    const answer = await control.send('GET /v1/tenants', undefined, { token: null });

    expect([answer.status, answer.body.error.code, answer.headers['www-authenticate']]).toEqual([
      401,
      'unauthorized',
      'Bearer realm="stoa"',
    ]);
  });

  it('refuses what is not a token of ours: garbage, no signature, another key, HS256 with the public key', async () => {
    const claims = decodeJwt(control.token);
    const { keys } = (await control.send('GET /realms/stoa/protocol/openid-connect/certs', undefined, { token: null })).body;
    const unsigned = new UnsecuredJWT(claims).encode();
    const confused = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(Buffer.from(JSON.stringify(keys[0])));
    const stranger = await openControlPlane();

    for (const token of ['x', 'a.b.c', unsigned, confused, stranger.token, `${control.token.slice(0, -4)}AAAA`])
      expect(await status(token)).toBe(401);
    expect(await status(control.token)).toBe(200);
    await stranger.close();
  });

  it('refuses a token after five minutes, also one that was seen before', async () => {
    const other = await openControlPlane();
    expect((await other.send('GET /v1/tenants')).status).toBe(200);

    other.advance(301_000);

    const answer = await other.send('GET /v1/tenants');
    expect([answer.status, answer.body.error.message]).toEqual([401, 'The access token has expired.']);
    await other.close();
  });

  it('lets the gateway token follow the stream and nothing else', async () => {
    const post = { token: GATEWAY_TOKEN };

    expect((await control.send('POST /v1/gateways/events', { events: [] }, post)).status).toBe(202);
    for (const line of [
      'GET /v1/tenants',
      'GET /v1/tenants/acme',
      'GET /v1/resources',
      'GET /v1/tenants/acme/apis',
      'GET /v1/admin/policies',
    ]) {
      expect([line, (await control.send(line, undefined, post)).status]).toEqual([line, 403]);
    }
  });
});

describe('tenants and roles', () => {
  it('hides other tenants from a token of one tenant (CV16 CV17 CV31)', async () => {
    const token = await control.tokenFor('tenant:acme');
    await control.send('POST /v1/tenants/globex/apis', { name: 'secret', path: '/secret', upstream_url: 'https://x.example' });
    await control.send('POST /v1/admin/policies', {
      name: 'theirs',
      tenant_id: 'globex',
      policy_type: 'rate_limit',
      config: { requests_per_minute: 1 },
    });

    const lines = [
      '/tenants/globex',
      '/tenants/globex/apis',
      '/tenants/globex/apis/secret',
      '/consumers/globex',
      '/tenants/globex/policies',
      '/resources/API/globex/secret',
      '/resources?tenant=globex',
      '/admin/policies/theirs',
      '/audit/globex',
      '/tenants/globex/plans',
      '/tenants/globex/webhooks',
      '/subscriptions/tenant/globex',
    ];
    for (const path of lines) expect([path, (await control.send(`GET /v1${path}`, undefined, { token })).status]).toEqual([path, 404]);
    for (const path of ['/tenants', '/resources', '/admin/policies']) {
      const answer = await control.send(`GET /v1${path}`, undefined, { token });
      expect([path, answer.text.includes('globex'), answer.status]).toEqual([path, false, 200]);
    }
    expect((await control.send('DELETE /v1/tenants/globex', undefined, { token })).status).toBe(404);
  });

  it("lets nobody of a tenant change the tenant: its limits are the platform's", async () => {
    const token = await control.tokenFor('tenant:acme');

    const patch = await control.send('PATCH /v1/tenants/acme', { tier: 'enterprise' }, { token });
    const apply = await control.send(
      'POST /v1/apply',
      { project: 'p', resources: [{ kind: 'Tenant', tenant: 'acme', name: 'acme', spec: { tier: 'enterprise' } }] },
      { token },
    );

    expect([patch.status, apply.status]).toEqual([403, 403]);
    expect((await control.send('GET /v1/tenants/acme')).body.tier).toBe('starter');
  });

  it.each([
    ['viewer', 403],
    ['devops', 201],
    ['tenant-admin', 201],
  ])('gives a %s %i for a new consumer', async (role, expected) => {
    const token = await control.tokenFor(`tenant:acme role:${role}`);

    const answer = await control.send('POST /v1/consumers/acme', { name: `made-by-${role}` }, { token });

    expect(answer.status).toBe(expected);
  });

  it('hides the keys of a tenant that had the name before, in every operation on one', async () => {
    const make = async () => {
      await control.send('POST /v1/tenants', { name: 'reborn' });
      await control.send('POST /v1/tenants/reborn/apis', { name: 'pay', path: '/pay', upstream_url: 'https://x.example' });
      await control.send('POST /v1/subscriptions', { tenant_id: 'reborn', api_id: 'pay' });
    };
    await make();
    const [old] = (await control.send('GET /v1/tenants/reborn/apikeys')).body.apikeys as { id: string }[];
    await control.send('DELETE /v1/tenants/reborn');
    control.advance(1000);
    await make();
    const token = await control.tokenFor('tenant:reborn');

    const statuses = [];
    for (const line of [
      `GET /v1/tenants/reborn/apikeys/${old?.id ?? ''}`,
      `DELETE /v1/tenants/reborn/apikeys/${old?.id ?? ''}`,
      `POST /v1/tenants/reborn/apikeys/${old?.id ?? ''}/rotate`,
    ])
      statuses.push((await control.send(line, undefined, { token })).status);
    expect(statuses).toEqual([404, 404, 404]);
  });

  it('refuses the tokens of a tenant that is gone, also when another one takes its name', async () => {
    await control.send('POST /v1/tenants', { name: 'brief' });
    const token = await control.tokenFor('tenant:brief');
    await control.send('DELETE /v1/tenants/brief');
    await control.send('POST /v1/tenants', { name: 'brief' });

    const answer = await control.send('GET /v1/tenants/brief', undefined, { token });

    expect(answer.status).toBe(401);
  });
});
