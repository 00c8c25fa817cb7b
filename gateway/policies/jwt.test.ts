import { onTestFinished, describe, expect, it } from 'vitest';
import { createTokenVerifiers } from '../data-plane/token-verifier.js';
import { AUDIENCE, newKey, startIssuer, type TestIssuer, type TokenOrder } from '../../test/helpers/oidc-issuer.js';
import { findingsOf, policyGateway } from '../../test/helpers/policy-gateway.js';
import { jwt } from './jwt.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const stranger = newKey('first');

/** A gateway that asks for tokens of a real issuer, an upstream behind it, and a clock of both. */
async function tokenGateway(config: object = {}, { allowPrivate = true, authRequired = false, jwksUrl = false } = {}) {
  const time = { now: Date.now() };
  const issuer = await startIssuer(() => time.now);
  onTestFinished(() => issuer.close().catch(() => undefined));
  const failures: Record<string, unknown>[] = [];
  const log = { event: (_level: string, event: string, fields: Record<string, unknown> = {}) => void failures.push({ event, ...fields }) };
  const verifiers = createTokenVerifiers({ now: () => time.now, allowPrivate, log });
  const settings = {
    issuer: issuer.url,
    audience: AUDIENCE,
    ...(jwksUrl ? { jwks_url: `${issuer.url}/protocol/openid-connect/certs` } : {}),
    ...config,
  };
  const services = { tokens: (rules: Parameters<typeof verifiers.verifier>[1]) => verifiers.verifier('acme', rules) };
  const { call, received, gateway } = await policyGateway(jwt, settings, { authRequired, services });
  const ask = (token: string | undefined, headers: Readonly<Record<string, string>> = {}) =>
    call('/a', { headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers } });
  return { issuer, ask, received, gateway, failures, advance: (ms: number) => (time.now += ms) };
}

const challengeOf = (answer: Response): string => answer.headers.get('www-authenticate') ?? '';

describe('jwt: a good token (PL11)', () => {
  it.each(['RS256', 'ES256'] as const)('signed with %s is let through, and goes on to the upstream', async (alg) => {
    const { issuer, ask, received } = await tokenGateway();
    issuer.keys = [newKey('k', alg)];
    const token = issuer.token();

    expect((await ask(token)).status).toBe(200);
    expect(received[0]?.headers.authorization).toBe(`Bearer ${token}`);
  });

  it('signed with another algorithm is let through where the policy names it', async () => {
    const { issuer, ask } = await tokenGateway({ algorithms: ['EdDSA'] });
    issuer.keys = [newKey('k', 'EdDSA'), newKey('r')];

    expect((await ask(issuer.token())).status).toBe(200);
    expect((await ask(issuer.token({ key: issuer.keys[1] ?? stranger }))).status).toBe(401);
  });

  it('is good until it expires, however often it was seen before', async () => {
    const { issuer, ask, advance, gateway } = await tokenGateway();
    const token = issuer.token({ claims: { exp: Math.floor(Date.now() / 1000) + 60 } });
    expect([(await ask(token)).status, (await ask(token)).status]).toEqual([200, 200]);
    advance(61_000);

    expect((await ask(token)).status).toBe(401);
    expect(gateway.events).toMatchObject([{ reason: 'expired_token' }]);
  });

  it('of one tenant or audience says nothing to another that was verified before', async () => {
    const issuer = await startIssuer(() => Date.now());
    onTestFinished(() => issuer.close());
    const verifiers = createTokenVerifiers({ now: () => Date.now(), allowPrivate: true, log: { event: () => undefined } });
    const rules = { issuer: issuer.url, audience: AUDIENCE, jwksUrl: undefined, algorithms: ['RS256'] } as const;
    const token = issuer.token();

    expect(await verifiers.verifier('acme', rules)(token)).toHaveProperty('claims');
    expect(await verifiers.verifier('acme', { ...rules, audience: 'other' })(token)).toEqual({ failure: 'invalid_token' });
    expect(await verifiers.verifier('acme', { ...rules, algorithms: ['ES256'] })(token)).toEqual({ failure: 'invalid_token' });
  });

  it('is verified with the keys at jwks_url, without discovery', async () => {
    const { issuer, ask } = await tokenGateway({}, { jwksUrl: true });
    issuer.answer = (path, res) => path.endsWith('openid-configuration') && Boolean(res.writeHead(500).end());

    expect((await ask(issuer.token())).status).toBe(200);
  });

  it('is told from one whose key at the issuer is malformed, which is refused and breaks nothing', async () => {
    const { issuer, ask, gateway } = await tokenGateway({}, { jwksUrl: true });
    const keys = [{ kty: 'EC', kid: 'x', alg: 'ES256', crv: 'P-256', x: 'AA', y: 'AA' }];
    issuer.answer = (_path, res) => Boolean(res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys })));
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

    const answer = await ask(`${part({ alg: 'ES256', kid: 'x' })}.${part({ sub: 'a' })}.${'A'.repeat(86)}`);

    expect(answer.status).toBe(401);
    expect(gateway.lines().filter(({ event }) => String(event).startsWith('PANIC'))).toEqual([]);
  });

  it('does not replace the API key where the API asks for one', async () => {
    const { issuer, ask, gateway } = await tokenGateway({}, { authRequired: true });

    expect((await ask(issuer.token())).status).toBe(200);
    expect((await ask(issuer.token(), { 'x-api-key': 'stoa_sk_wrong' })).status).toBe(401);
    expect((await ask(undefined)).status).toBe(401);
    expect(gateway.events.map(({ reason }) => reason)).toEqual(['invalid_api_key', 'missing_token']);
  });
});

describe('jwt: a bad token is refused, and the log says why (DP6 LG6)', () => {
  const seconds = (ms: number): number => Math.floor((Date.now() + ms) / 1000);
  const BAD: readonly (readonly [string, string, (issuer: TestIssuer) => TokenOrder])[] = [
    ['alg none', 'invalid_token', () => ({ alg: 'none' })],
    ['alg None', 'invalid_token', () => ({ alg: 'none', header: { alg: 'None' } })],
    [
      'a public key passed off as a shared secret (algorithm confusion)',
      'invalid_token',
      ({ keys }) => ({ alg: 'HS256', secret: keys[0]?.publicKey.export({ type: 'spki', format: 'pem' }).toString() ?? '' }),
    ],
    ['an algorithm that the policy does not name', 'invalid_token', () => ({ alg: 'PS256' })],
    ['the key of a stranger under a known kid', 'invalid_token', () => ({ key: stranger })],
    ['an unknown kid', 'invalid_token', () => ({ header: { kid: 'other' } })],
    [
      'a key of its own in the head',
      'invalid_token',
      () => ({ key: { ...stranger, kid: 'mine' }, header: { jwk: stranger.publicKey.export({ format: 'jwk' }) } }),
    ],
    [
      'an address of its own keys in the head',
      'invalid_token',
      () => ({ key: { ...stranger, kid: 'mine' }, header: { jku: 'http://127.0.0.1:1' } }),
    ],
    ['another audience', 'invalid_token', () => ({ claims: { aud: 'account' } })],
    ['no audience', 'invalid_token', () => ({ claims: { aud: undefined } })],
    ['another issuer', 'invalid_token', () => ({ claims: { iss: 'https://evil.example.com/realms/shop' } })],
    ['no issuer', 'invalid_token', () => ({ claims: { iss: undefined } })],
    ['no end', 'invalid_token', () => ({ claims: { exp: undefined } })],
    ['an end in the past', 'expired_token', () => ({ claims: { exp: seconds(-60_000) } })],
    ['a beginning that is still to come', 'invalid_token', () => ({ claims: { nbf: seconds(60_000) } })],
    ['a critical extension', 'invalid_token', () => ({ header: { crit: ['exp'] } })],
    ['the type of an id token', 'invalid_token', () => ({ claims: { typ: 'ID' } })],
    ['the head of another kind of token', 'invalid_token', () => ({ header: { typ: 'logout+jwt' } })],
  ];
  it.each(BAD)('%s: %s', async (_what, reason, order) => {
    const { issuer, ask, gateway, received } = await tokenGateway();

    const answer = await ask(issuer.token(order(issuer)));

    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ error: { code: 'unauthorized' } });
    expect(challengeOf(answer)).toContain('Bearer realm="stoa", error="invalid_token"');
    expect(gateway.events).toMatchObject([{ type: 'auth_failed', status: 401, reason }]);
    expect(gateway.lines().find(({ event }) => event === 'auth_failed')).toMatchObject({ reason, tenant: 'acme' });
    expect(received).toEqual([]);
  });

  it.each([
    ['no header', {}, 'missing_token'],
    ['another scheme', { authorization: 'Basic YTpi' }, 'missing_token'],
    ['nothing behind the scheme', { authorization: 'Bearer' }, 'missing_token'],
    ['no token', { authorization: 'Bearer abc' }, 'invalid_token'],
    ['an API key', { authorization: `Bearer stoa_sk_${'a1b2'.repeat(8)}` }, 'invalid_token'],
    ['a token that is far too long', { authorization: `Bearer ${'a'.repeat(20_000)}` }, 'invalid_token'],
  ])('%s: %j', async (_what, headers, reason) => {
    const { ask, gateway } = await tokenGateway();

    const answer = await ask(undefined, headers);

    expect(answer.status).toBe(401);
    expect(challengeOf(answer)).toBe(`Bearer realm="stoa"${reason === 'missing_token' ? '' : ', error="invalid_token"'}`);
    expect(gateway.events).toMatchObject([{ reason }]);
  });

  it('shows no token in any log line', async () => {
    const { issuer, ask, gateway, failures } = await tokenGateway();
    const token = issuer.token({ claims: { aud: 'other' } });
    await ask(token);

    expect(JSON.stringify([gateway.lines(), gateway.events, failures])).not.toContain(token.split('.')[1]);
  });
});

describe('jwt: scopes (PL11)', () => {
  it.each([
    [{ scope: 'orders:read orders:write openid' }, 200],
    [{ scp: ['orders:write', 'orders:read'] }, 200],
    [{ scp: 'orders:write orders:read' }, 200],
    [{ scope: 'orders:read' }, 403],
    [{ scope: 'orders:read orders:writer' }, 403],
    [{ scope: 7 }, 403],
    [{}, 403],
  ])('%j gives %i', async (claims, status) => {
    const { issuer, ask, gateway } = await tokenGateway({ required_scopes: ['orders:read', 'orders:write'] });

    const answer = await ask(issuer.token({ claims }));

    expect(answer.status).toBe(status);
    if (status === 200) return;
    expect(await answer.json()).toMatchObject({ error: { code: 'forbidden' } });
    expect(challengeOf(answer)).toBe('Bearer realm="stoa", error="insufficient_scope", scope="orders:read orders:write"');
    expect(gateway.events).toMatchObject([{ status: 403, reason: 'insufficient_scope' }]);
  });
});

describe('jwt: claims as headers (PL11)', () => {
  const config = {
    claims_to_headers: { 'X-User': 'sub', 'X-Roles': 'realm_access.roles', 'X-Level': 'level', 'X-Shop': 'https://shop.example/id' },
  };

  it('sets what the token says', async () => {
    const { issuer, ask, received } = await tokenGateway(config);

    await ask(issuer.token({ claims: { level: 3, 'https://shop.example/id': 'north' } }));

    expect(received[0]?.headers).toMatchObject({
      'x-user': '8b0c6a4e',
      'x-roles': 'offline_access,cpi-admin',
      'x-level': '3',
      'x-shop': 'north',
    });
  });

  it('removes other spellings of its names, which a careless upstream could read as them', async () => {
    const { issuer, ask, received } = await tokenGateway(config);

    await ask(issuer.token(), { 'X.User': 'admin', 'X~Roles': 'root', 'x-user': 'admin' });

    expect(Object.keys(received[0]?.headers ?? {}).filter((name) => /^x.(user|roles)$/.test(name))).toEqual(['x-user', 'x-roles']);
    expect(received[0]?.headers).toMatchObject({ 'x-user': '8b0c6a4e' });
  });

  it.each([undefined, null, '', []])('removes what a client sends, also when the claim is %j', async (value) => {
    const { issuer, ask, received } = await tokenGateway(config);

    const answer = await ask(issuer.token({ claims: { sub: value } }), { 'X-USER': 'admin', 'x-level': '9', 'x-other': 'kept' });

    expect(answer.status).toBe(200);
    expect(received[0]?.headers).toMatchObject({ 'x-other': 'kept' });
    expect(received[0]?.headers).not.toHaveProperty('x-user');
    expect(received[0]?.headers).not.toHaveProperty('x-level');
  });

  it.each([['a\r\nX-Admin: 1'], ['Zoë'], [' a'], [{ name: 'a' }], [['a', 'b,c']], [['b,c']], [[['a']]], ['x'.repeat(5000)]])(
    'refuses a token whose claim cannot stand in a header: %j',
    async (sub) => {
      const { issuer, ask, received, gateway } = await tokenGateway(config);

      expect((await ask(issuer.token({ claims: { sub } }))).status).toBe(401);
      expect(received).toEqual([]);
      expect(gateway.events).toMatchObject([{ reason: 'invalid_token' }]);
    },
  );

  it('reads no claim out of the prototype of an object', async () => {
    const { issuer, ask, received } = await tokenGateway({ claims_to_headers: { 'X-A': 'constructor.name', 'X-B': '__proto__' } });

    expect((await ask(issuer.token())).status).toBe(200);
    expect(received[0]?.headers).not.toHaveProperty('x-a');
    expect(received[0]?.headers).not.toHaveProperty('x-b');
  });
});

describe('jwt: the keys of the issuer (PL11)', () => {
  it('are kept over an outage of twelve hours and no longer; what cannot be judged is 503, never 401', async () => {
    const { issuer, ask, failures, advance, gateway } = await tokenGateway();
    expect((await ask(issuer.token())).status).toBe(200);
    issuer.answer = (_path, res) => Boolean(res.writeHead(500).end());
    advance(11 * HOUR_MS);

    expect((await ask(issuer.token())).status).toBe(200);
    expect((await ask(issuer.token({ claims: { aud: 'other' } }))).status).toBe(401);
    const unknown = await ask(issuer.token({ key: newKey('new') }));
    expect([unknown.status, unknown.headers.get('retry-after')]).toEqual([503, '30']);
    advance(HOUR_MS);
    expect((await ask(issuer.token())).status).toBe(503);
    expect(failures).toContainEqual(expect.objectContaining({ event: 'issuer_unreachable', tenant: 'acme', issuer: issuer.url }));
    expect(gateway.events).toMatchObject([{ reason: 'invalid_token' }]);
    issuer.answer = undefined;
    advance(30_000);
    expect((await ask(issuer.token())).status).toBe(200);
  });

  it('are waited for a second at most when others are known, and then no more until the issuer has answered', async () => {
    const { issuer, ask, advance } = await tokenGateway();
    expect((await ask(issuer.token())).status).toBe(200);
    // Hangs: what asks it gives up after five seconds.
    issuer.answer = () => true;
    advance(10 * MINUTE_MS);
    const started = performance.now();

    expect((await ask(issuer.token())).status).toBe(200);
    expect(performance.now() - started).toBeLessThan(4000);
    for (let n = 0; n < 20; n += 1) expect((await ask(issuer.token())).status).toBe(200);
    expect(performance.now() - started).toBeLessThan(4500);
  });

  it('decide about a token that was verified before: it goes with its key', async () => {
    const { issuer, ask, advance } = await tokenGateway();
    const token = issuer.token({ claims: { exp: Math.floor(Date.now() / 1000) + 7200 } });
    expect([(await ask(token)).status, (await ask(token)).status]).toEqual([200, 200]);
    issuer.keys = [newKey('second')];
    advance(10 * MINUTE_MS);

    expect((await ask(token)).status).toBe(401);
  });

  it('are found at once after a rotation, seconds after the last fetch, and asked for at most every 5 seconds', async () => {
    const { issuer, ask, advance } = await tokenGateway();
    await ask(issuer.token());
    advance(5000);
    issuer.keys = [newKey('second')];
    expect((await ask(issuer.token())).status).toBe(200);
    for (let n = 0; n < 20; n += 1) expect((await ask(issuer.token({ header: { kid: `unknown-${n}` } }))).status).toBe(401);

    expect(issuer.fetches).toBe(2);
  });

  it.each<readonly [string, NonNullable<TestIssuer['answer']>]>([
    ['a redirect', (path, res) => path.endsWith('/certs') && Boolean(res.writeHead(302, { location: '/elsewhere/certs' }).end())],
    ['a megabyte', (path, res) => path.endsWith('/certs') && Boolean(res.end(`{"keys":[${' '.repeat(1_000_000)}]}`))],
    ['no JSON', (path, res) => path.endsWith('/certs') && Boolean(res.end('<html>'))],
  ])('are not taken from %s', async (_what, answer) => {
    const { issuer, ask } = await tokenGateway();
    issuer.answer = answer;

    expect((await ask(issuer.token())).status).toBe(503);
  });

  it('are not fetched from a private address unless the operator allows that (request forgery by a manifest)', async () => {
    const { issuer, ask, failures } = await tokenGateway({}, { allowPrivate: false });

    expect((await ask(issuer.token())).status).toBe(503);
    expect(issuer.fetches).toBe(0);
    expect(failures).toMatchObject([{ event: 'issuer_unreachable', reason: expect.stringContaining('not an address that is allowed') }]);
  });

  it('are not fetched from where a discovery document leads', async () => {
    const { issuer, ask, failures } = await tokenGateway();
    issuer.answer = (path, res) =>
      path.endsWith('openid-configuration') &&
      Boolean(res.end(JSON.stringify({ issuer: issuer.url, jwks_uri: 'https://169.254.169.254/latest' })));

    expect((await ask(issuer.token())).status).toBe(503);
    expect(failures[0]?.['reason']).toContain('not an address that is allowed');
  });
});

describe('jwt: its config (PL15)', () => {
  const good = { issuer: 'https://id.example.com', audience: 'a' };
  it.each([
    [{ audience: 'a' }, 'issuer', ''],
    [{ issuer: 'https://id.example.com' }, 'audience', ''],
    [{ ...good, issuer: 'http://id.example.com' }, 'issuer', 'over https'],
    [{ ...good, issuer: 'https://169.254.169.254/' }, 'issuer', 'link-local'],
    [{ ...good, jwks_url: 'http://10.0.0.1/certs' }, 'jwks_url', 'over https'],
    [{ ...good, jwks_url: 'https://user:pw@id.example.com/certs' }, 'jwks_url', 'no user name'],
    [{ ...good, jwks_url: 'https://[fe80::1]/certs' }, 'jwks_url', 'link-local'],
    [{ ...good, algorithms: ['HS256'] }, 'algorithms.0', ''],
    [{ ...good, algorithms: ['none'] }, 'algorithms.0', ''],
    [{ ...good, algorithms: [] }, 'algorithms', ''],
    [{ ...good, required_scopes: ['a b'] }, 'required_scopes.0', 'without spaces'],
    [{ ...good, claims_to_headers: { Authorization: 'sub' } }, 'claims_to_headers', 'credentials'],
    [{ ...good, claims_to_headers: { 'X-Consumer-Id': 'sub' } }, 'claims_to_headers', 'gateway’s own'],
    [{ ...good, claims_to_headers: { 'X-A': 'sub', 'x-a': 'aud' } }, 'claims_to_headers', 'twice'],
  ])('%j is none', (config, path, message) => {
    expect(findingsOf(jwt, config)[0]).toEqual({ path, message: expect.stringContaining(message) });
  });
});
