import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { createSession, type SessionOptions } from './session.js';

interface Seen {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const servers: Server[] = [];
let clock = 0;

afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** Answers every request for a token like this. */
async function issuerAnswers(status: number, body: string): Promise<SessionOptions> {
  const { options } = await controlPlane();
  const server = createServer((_, res) => res.writeHead(status).end(body));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { ...options, realm: 'acme', authServer: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** An issuer and a control plane in one. Tokens are `token-1`, `token-2`, …; `refuse` are answered 401. */
async function controlPlane(refuse: readonly string[] = []): Promise<{ seen: Seen[]; options: SessionOptions }> {
  const seen: Seen[] = [];
  let tokens = 0;
  const server = createServer((req, res) => {
    void text(req).then((body) => {
      seen.push({ path: req.url ?? '', headers: req.headers, body });
      if (req.url?.startsWith('/realms/') === true) {
        const isKnown = body.includes('client_secret=right');
        tokens += 1;
        res
          .writeHead(isKnown ? 200 : 401)
          .end(JSON.stringify(isKnown ? { access_token: `token-${tokens}`, expires_in: 300 } : { error: 'invalid_client' }));
        return;
      }
      const isRefused = refuse.includes(req.headers.authorization ?? '');
      res.writeHead(isRefused ? 401 : 200).end(isRefused ? '{"error":{"code":"unauthorized","message":"No."}}' : '{"ok":true}');
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  clock = 1_000_000;
  const options = {
    server: url,
    authServer: url,
    realm: 'stoa',
    clientId: 'cli',
    clientSecret: 'right',
    token: undefined,
    timeoutMs: 5000,
    now: () => clock,
  };
  return { seen, options };
}

describe('a session', () => {
  it('in a pipeline of GitHub asks for a token of its own, for this server alone, and again before it ends', async () => {
    const { seen, options } = await controlPlane();
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const jwt = (): string => `${part({ alg: 'RS256' })}.${part({ exp: clock / 1000 + 300 })}.x`;
    const asked: string[] = [];
    const github = createServer((req, res) => {
      asked.push(`${req.headers.authorization ?? ''} ${req.url ?? ''}`);
      res.end(JSON.stringify({ value: jwt() }));
    });
    servers.push(github);
    await new Promise<void>((resolve) => github.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(github.address() as AddressInfo).port}/token?api-version=2.0`;
    const call = createSession({ ...options, clientSecret: undefined, pipeline: { url, token: 'of-the-job' } });

    await call('GET', '/tenants');
    await call('GET', '/tenants');
    clock += 295_000;
    await call('GET', '/tenants');

    expect(asked).toEqual(Array(2).fill(`Bearer of-the-job /token?api-version=2.0&audience=${encodeURIComponent(options.server)}`));
    expect(seen.map(({ headers }) => headers.authorization?.split('.').length)).toEqual([3, 3, 3]);
    expect(JSON.stringify(seen)).not.toContain('of-the-job');
  });

  it('gets a token by client credentials once and uses it until it expires (CL14)', async () => {
    const { seen, options } = await controlPlane();
    const call = createSession(options);

    await call('GET', '/a');
    await call('GET', '/b');
    clock += 295_000;
    await call('GET', '/c');

    expect(seen.map(({ path, headers }) => [path, headers.authorization])).toEqual([
      ['/realms/stoa/protocol/openid-connect/token', undefined],
      ['/v1/a', 'Bearer token-1'],
      ['/v1/b', 'Bearer token-1'],
      ['/realms/stoa/protocol/openid-connect/token', undefined],
      ['/v1/c', 'Bearer token-2'],
    ]);
  });

  it('gets another token when the first is refused, with the same idempotency key', async () => {
    const { seen, options } = await controlPlane(['Bearer token-1']);

    await createSession(options)('POST', '/apply', { project: 'x' });

    const posts = seen.filter(({ path }) => path === '/v1/apply');
    expect(posts.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
    expect(posts[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    expect(posts[1]?.headers['idempotency-key']).toBe(posts[0]?.headers['idempotency-key']);
  });

  it('uses STOA_TOKEN as it is and does not try another', async () => {
    const { seen, options } = await controlPlane(['Bearer given']);

    await expect(createSession({ ...options, token: 'given' })('GET', '/a')).rejects.toMatchObject({
      code: 'unauthorized',
      message: 'No.',
    });

    expect(seen.map(({ path }) => path)).toEqual(['/v1/a']);
  });

  it('says when a token has expired that was given', async () => {
    const token = `e.${Buffer.from('{"exp":999}').toString('base64url')}.s`;
    const { options } = await controlPlane([`Bearer ${token}`]);

    await expect(createSession({ ...options, token })('GET', '/a')).rejects.toMatchObject({
      code: 'unauthorized',
      message: 'The access token has expired at 1970-01-01T00:16:39.000Z.',
      hint: expect.stringContaining('STOA_TOKEN') as string,
    });
  });

  it('is no bug of ours when something answers that is no control plane', async () => {
    const { options } = await controlPlane();

    await expect(createSession(options)('GET', '/a', undefined, { member: 'resources' })).rejects.toMatchObject({
      code: 'network_error',
      message: expect.stringContaining('not like a control plane of STOA') as string,
    });
  });

  it('says how to get credentials when there are none', async () => {
    const { options } = await controlPlane();

    await expect(createSession({ ...options, clientSecret: undefined })('GET', '/a')).rejects.toMatchObject({
      code: 'unauthorized',
      message: expect.stringContaining('STOA_CLIENT_SECRET is not set') as string,
    });
  });

  it.each([
    ['{"error":"invalid_request","error_description":"There is no realm acme; there is stoa."}', 'There is no realm acme; there is stoa.'],
    ['{"error":"Realm does not exist"}', 'Realm does not exist.'],
  ])('shows the words of an issuer without this realm, and where the realm is set: %s (K14)', async (body, words) => {
    const options = await issuerAnswers(404, body);

    await expect(createSession(options)('GET', '/a')).rejects.toMatchObject({
      code: 'unauthorized',
      message: `${options.authServer} gives no token: ${words}`,
      hint: expect.stringContaining('STOA_REALM') as string,
    });
  });

  it.each(['<h1>Not Found</h1>', 'null', '{"error":{}}', '{"error":"x","error_description":1}'])(
    'takes what is no answer of an issuer for another server: %s',
    async (body) => {
      const options = await issuerAnswers(404, body);

      await expect(createSession(options)('GET', '/a')).rejects.toThrow('answered 404 without an error of the control plane');
    },
  );

  it('names the client that was refused and never its secret', async () => {
    const { options } = await controlPlane();

    await expect(createSession({ ...options, clientSecret: 'canary-secret' })('GET', '/a')).rejects.toSatisfy(
      (error: Error) =>
        error.message.includes('"cli"') && !JSON.stringify([error.message, (error as { hint?: string }).hint]).includes('canary'),
    );
  });
});
