/** Tokens of an external issuer (row CV7): good ones by role, bad ones one by one, keys that change, an issuer that is away. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openControlPlane, type TestControlPlane } from '../../../test/helpers/control-plane.js';
import { AUDIENCE, newKey, startIssuer, type TestIssuer, type TokenOrder } from '../../../test/helpers/oidc-issuer.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let control: TestControlPlane;
let issuer: TestIssuer;
let now = Date.now();
beforeEach(async () => {
  now = Date.now();
  issuer = await startIssuer(() => now);
  control = await openControlPlane({ now, oidc: { issuer: issuer.url, audience: AUDIENCE } });
  for (const name of ['acme', 'globex']) await control.send('POST /v1/tenants', { name, tier: 'enterprise' });
});
afterEach(async () => {
  await control.close();
  await issuer.close();
});

function advance(ms: number): void {
  now += ms;
  control.advance(ms);
}

const call = async (token: string, line = 'GET /v1/tenants', body?: unknown): Promise<number> =>
  (await control.send(line, body, { token })).status;
const as = (role: string, claims: object = { tenant_id: 'acme' }): string =>
  issuer.token({ claims: { realm_access: { roles: [role, 'uma_authorization'] }, ...claims } });

describe('a token of an external issuer (CV7)', () => {
  it.each(['RS256', 'ES256', 'EdDSA'] as const)('signed with %s opens the API', async (alg) => {
    issuer.keys = [newKey('k', alg)];
    expect(await call(issuer.token())).toBe(200);
  });

  it('has its roles and its tenant, by name or id, from the claims (CV31)', async () => {
    const { id } = (await control.send('GET /v1/tenants/acme')).body as { id: string };
    const own = ['GET /v1/tenants/acme', 'POST /v1/consumers/acme', 'GET /v1/tenants/globex', 'POST /v1/tenants'];
    const walk = async (token: string) => {
      const statuses = [];
      for (const [index, line] of own.entries()) {
        const body = line.startsWith('POST') ? { name: `n-${Math.random().toString(36).slice(2, 8)}${index}` } : undefined;
        statuses.push(await call(token, line, body));
      }
      return statuses;
    };

    expect(await walk(as('cpi-admin', {}))).toEqual([200, 201, 200, 201]);
    for (const tenant_id of ['acme', id]) {
      expect(await walk(as('tenant-admin', { tenant_id }))).toEqual([200, 201, 404, 403]);
      expect(await walk(as('devops', { tenant_id }))).toEqual([200, 201, 404, 403]);
      expect(await walk(as('viewer', { tenant_id }))).toEqual([200, 403, 404, 403]);
    }
    expect(await walk(as('cpi-admin'))).toEqual([200, 201, 404, 403]);
    expect(await walk(as('gateway'))).toEqual([403, 403, 404, 403]);
    expect(await walk(as('none'))).toEqual([403, 403, 404, 403]);
  });

  it('without a tenant opens none, unless it is the platform’s own', async () => {
    for (const role of ['tenant-admin', 'devops', 'viewer', 'gateway', 'none'])
      expect([role, await call(as(role, {}))]).toEqual([role, 403]);
    expect(await call(as('tenant-admin', { tenant_id: 'nobody' }))).toBe(401);
  });

  it('names its user in the audit log', async () => {
    await call(as('tenant-admin'), 'POST /v1/consumers/acme', { name: 'app' });
    await call(as('tenant-admin', { tenant_id: 'acme', preferred_username: undefined }), 'POST /v1/consumers/acme', { name: 'app-2' });

    const { logs } = (await control.send('GET /v1/audit/acme?action=consumer.created')).body as { logs: { user: string }[] };
    expect(logs.map(({ user }) => user).sort()).toEqual(['ann', 'ci']);
  });

  it('leaves the tokens of the embedded issuer alone', async () => {
    expect(await call(control.token)).toBe(200);
  });
});

const stranger = newKey('first');
const BAD: readonly (readonly [string, () => TokenOrder])[] = [
  ['alg none', () => ({ alg: 'none' })],
  ['alg none in capitals', () => ({ alg: 'none', header: { alg: 'NONE' } })],
  [
    'HS256 with the public key as the secret',
    () => ({ alg: 'HS256', secret: issuer.keys[0]?.publicKey.export({ type: 'spki', format: 'pem' }).toString() ?? '' }),
  ],
  ['RS512', () => ({ alg: 'RS512' })],
  ['PS256', () => ({ alg: 'PS256' })],
  ['a signature by another key of the same name', () => ({ key: stranger })],
  ['an expiry that has passed', () => ({ claims: { exp: Math.floor(now / 1000) - 1 } })],
  ['no expiry', () => ({ claims: { exp: undefined } })],
  ['an expiry that is a text', () => ({ claims: { exp: '9999999999' } })],
  ['a beginning that is still to come', () => ({ claims: { nbf: Math.floor(now / 1000) + 60 } })],
  ['another audience', () => ({ claims: { aud: 'account' } })],
  ['no audience', () => ({ claims: { aud: undefined } })],
  ['another issuer', () => ({ claims: { iss: 'https://evil.example.com/realms/shop' } })],
  ['an issuer that begins like ours', () => ({ claims: { iss: `${issuer.url}/` } })],
  ['no issuer', () => ({ claims: { iss: undefined } })],
  ['an unknown kid', () => ({ header: { kid: 'other' } })],
  [
    'a key of its own in the head',
    () => ({ key: { ...stranger, kid: 'mine' }, header: { jwk: stranger.publicKey.export({ format: 'jwk' }) } }),
  ],
  ['an address of its own keys in the head', () => ({ key: { ...stranger, kid: 'mine' }, header: { jku: 'http://127.0.0.1:1/certs' } })],
  ['a critical extension', () => ({ header: { crit: ['exp'] } })],
  ['the type of an id token', () => ({ claims: { typ: 'ID' } })],
  ['the type of a refresh token', () => ({ claims: { typ: 'Refresh' } })],
  ['the hash of an access token, as id tokens have it', () => ({ claims: { typ: undefined, at_hash: 'x' } })],
  ['the head of another kind of token', () => ({ header: { typ: 'logout+jwt' } })],
  ['a tenant that is no text', () => ({ claims: { tenant_id: ['acme'] } })],
  ['a name with a line break', () => ({ claims: { preferred_username: 'a\nb' } })],
  ['nobody’s name', () => ({ claims: { preferred_username: undefined, azp: undefined, sub: undefined } })],
];

describe('a bad token is refused with one answer (CV7)', () => {
  it.each(BAD)('%s', async (_what, order) => {
    expect(await call(issuer.token())).toBe(200);

    const answer = await control.send('GET /v1/tenants', undefined, { token: issuer.token(order()) });

    expect(answer).toMatchObject({ status: 401, body: { error: { code: 'unauthorized' } } });
    expect(answer.headers['www-authenticate']).toContain('Bearer');
  });

  it('one whose claims were changed', async () => {
    const [head = '', , signature = ''] = issuer.token().split('.');
    const claims = Buffer.from(
      JSON.stringify({ iss: issuer.url, aud: AUDIENCE, exp: 9_999_999_999, realm_access: { roles: ['cpi-admin'] } }),
    );

    expect(await call(`${head}.${claims.toString('base64url')}.${signature}`)).toBe(401);
  });

  it('one without a kid where several keys could have signed it, but not where one could', async () => {
    const order = { header: { kid: undefined } };
    expect(await call(issuer.token(order))).toBe(200);
    issuer.keys = [...issuer.keys, newKey('second')];
    advance(10 * MINUTE_MS);

    expect(await call(issuer.token(order))).toBe(401);
  });

  it('one that was good until it expired', async () => {
    const token = issuer.token();
    expect(await call(token)).toBe(200);
    advance(299_999 - (now % 1000));
    expect(await call(token)).toBe(200);
    advance(1000);

    expect(await call(token)).toBe(401);
  });
});

describe('the keys of an external issuer (CV7)', () => {
  it('are fetched once for two hundred first requests, and then for ten minutes not again', async () => {
    const token = issuer.token();
    const statuses = await Promise.all(Array.from({ length: 200 }, () => call(token)));
    advance(4 * MINUTE_MS);
    await call(issuer.token());

    expect([new Set(statuses), issuer.fetches]).toEqual([new Set([200]), 1]);
    advance(6 * MINUTE_MS);
    await call(issuer.token());
    expect(issuer.fetches).toBe(2);
  });

  it('that were rotated are found at once, and the old ones refused within ten minutes, also for tokens that were seen', async () => {
    const claims = { exp: Math.floor(now / 1000) + 3600 };
    const old = issuer.token({ claims });
    expect(await call(old)).toBe(200);
    advance(MINUTE_MS);
    issuer.keys = [newKey('second')];
    expect(await call(old)).toBe(200);
    advance(9 * MINUTE_MS);

    expect(await call(old)).toBe(401);
    issuer.keys = [newKey('third')];
    advance(MINUTE_MS);
    expect(await call(issuer.token())).toBe(200);
  });

  it('are asked for at most every 5 seconds, however many tokens name unknown ones', async () => {
    await call(issuer.token());
    for (let n = 0; n < 50; n += 1) expect(await call(issuer.token({ header: { kid: `unknown-${n}` } }))).toBe(401);
    expect(issuer.fetches).toBe(1);
    advance(5000);
    await Promise.all(Array.from({ length: 50 }, (_, n) => call(issuer.token({ header: { kid: `unknown-${n}` } }))));

    expect(issuer.fetches).toBe(2);
  });

  it('go on for twelve hours while the issuer is away, and no longer; what cannot be judged is 503, what is certainly bad 401', async () => {
    expect(await call(issuer.token())).toBe(200);
    issuer.answer = (_path, res) => Boolean(res.writeHead(500).end());
    advance(11 * HOUR_MS);
    expect(await call(issuer.token())).toBe(200);
    expect(await call(issuer.token({ claims: { aud: 'other' } }))).toBe(401);
    expect(await call(issuer.token({ key: newKey('new') }))).toBe(503);
    advance(HOUR_MS);

    expect(await call(issuer.token())).toBe(503);
    expect(control.logLines.join('')).toContain('issuer_unreachable');
    issuer.answer = undefined;
    advance(30_000);
    expect(await call(issuer.token())).toBe(200);
  });

  it.each([
    [
      'an error',
      (path: string, res: { writeHead(status: number): { end(): unknown } }) => Boolean(path !== '' && res.writeHead(500).end()),
    ],
  ])('that were never had are 503 after %s, and asked for again after 30 seconds', async (_what, answer) => {
    issuer.answer = answer;
    expect([await call(issuer.token()), await call(issuer.token())]).toEqual([503, 503]);
    issuer.answer = undefined;
    expect(await call(issuer.token())).toBe(503);
    advance(30_000);

    expect(await call(issuer.token())).toBe(200);
  });

  it.each<readonly [string, NonNullable<TestIssuer['answer']>]>([
    [
      'discovery that names another issuer',
      (path, res) =>
        path.endsWith('openid-configuration') && Boolean(res.end('{"issuer":"https://x.example","jwks_uri":"https://x.example"}')),
    ],
    [
      'keys at an address that is not https',
      (path, res) =>
        path.endsWith('openid-configuration') &&
        Boolean(res.end(JSON.stringify({ issuer: issuer.url, jwks_uri: 'http://10.0.0.1/certs' }))),
    ],
    [
      'a redirect',
      (path, res) => path.endsWith('/certs') && Boolean(res.writeHead(302, { location: `${issuer.url}/elsewhere/certs` }).end()),
    ],
    ['a megabyte', (path, res) => path.endsWith('/certs') && Boolean(res.end(`{"keys":[${' '.repeat(1_000_000)}]}`))],
    ['no JSON', (path, res) => path.endsWith('/certs') && Boolean(res.end('<html>'))],
    ['no keys', (path, res) => path.endsWith('/certs') && Boolean(res.end('{}'))],
  ])('are not taken from %s', async (_what, answer) => {
    issuer.answer = answer;

    expect(await call(issuer.token())).toBe(503);
  });

  it('are waited for five seconds at most', { timeout: 20_000 }, async () => {
    issuer.answer = (path) => path.endsWith('/certs');
    const started = performance.now();

    expect(await call(issuer.token())).toBe(503);
    expect(performance.now() - started).toBeLessThan(8000);
  });
});

describe('without the embedded issuer (CV7)', () => {
  it('its addresses are not there and its tokens open nothing', async () => {
    const embedded = control.token;
    const other = await openControlPlane({ now, oidc: { issuer: issuer.url, audience: AUDIENCE }, hasEmbeddedIssuer: false });
    const statusOf = async (line: string, token: string | null) => (await other.send(line, undefined, { token })).status;

    expect(await statusOf('GET /v1/tenants', issuer.token())).toBe(200);
    expect(await statusOf('GET /v1/tenants', embedded)).toBe(401);
    expect(await statusOf('POST /realms/stoa/protocol/openid-connect/token', null)).toBe(404);
    expect(await statusOf('GET /realms/stoa/.well-known/openid-configuration', null)).toBe(404);
    await other.close();
  });
});
