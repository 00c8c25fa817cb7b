import type { IncomingMessage, ServerResponse } from 'node:http';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { eventually, KEY, makeCredential, makeRoute, startGateway, startUpstream } from '../../test/helpers/data-plane.js';
import { findingsOf, hooksOf, servicesOf } from '../../test/helpers/policy-gateway.js';
import { cache } from './cache.js';
import type { Route } from '../data-plane/snapshot.js';
import type { Hooks } from './contract.js';
import { cors } from './cors.js';
import { rateLimit } from './rate-limit.js';
import { transform } from './transform.js';

const OTHER_KEY = `stoa_sk_${'z9y8'.repeat(8)}`;
const NOW = Date.parse('2026-11-30T12:00:00Z');

type Answer = (req: IncomingMessage, res: ServerResponse, count: number) => void;

/** A gateway that keeps answers, an upstream that counts what it is asked, and the clock of the gateway. */
async function cachingGateway(
  answer: Answer,
  config: object = {},
  more: { readonly hooks?: Hooks[]; readonly authRequired?: boolean; readonly without?: string } = {},
) {
  const asked: { method: string; url: string; headers: IncomingMessage['headers'] }[] = [];
  const time = { now: NOW };
  const upstream = await startUpstream((req, res) => {
    req.resume().on('end', () => {
      asked.push({ method: req.method ?? '', url: req.url ?? '', headers: req.headers });
      res.setHeader('Date', new Date(time.now).toUTCString());
      answer(req, res, asked.length);
    });
  });
  const hooks = [...(more.hooks ?? []), hooksOf(cache, config)];
  const authRequired = more.authRequired ?? true;
  const route: Route = {
    ...makeRoute({ upstreamUrl: upstream.url, hooks, authRequired }),
    hooksFor: (credential) => (credential !== undefined && credential.subscriptionId === more.without ? [] : hooks),
  };
  const twin = {
    ...makeRoute({ upstreamUrl: upstream.url, prefix: '/apis/acme/twin', hooks, authRequired }),
    id: 'api-2',
    api: 'payments',
  };
  const keys = new Map([
    [KEY, makeCredential()],
    [OTHER_KEY, makeCredential({ subscriptionId: 'sub-2', consumerId: 'con-2', keyId: 'key-2' })],
  ]);
  const gateway = await startGateway({ routes: [route, twin], keys, now: () => time.now });
  const call = async (path = '/a', headers: Readonly<Record<string, string>> = {}, method = 'GET', key: string | null = KEY) => {
    // fetch would add "no-cache" to conditional requests by itself.
    const response = await request(path.startsWith('http') ? path : gateway.url + path, {
      method,
      headers: { ...(key === null ? {} : { 'x-api-key': key }), ...headers },
    });
    const text = await response.body.text();
    const received = new Headers(Object.entries(response.headers).map(([name, value]) => [name, [value].flat().join(', ')]));
    return { status: response.statusCode, text, from: received.get('cache-status') ?? '', headers: received };
  };
  return { call, asked, gateway, upstream, advance: (seconds: number) => (time.now += seconds * 1000) };
}

/** Answers with the number of the request. */
const numbered =
  (headers: Readonly<Record<string, string>>): Answer =>
  (_req, res, count) =>
    void res.writeHead(200, headers).end(`answer ${count}`);

describe('cache: what is fresh is given again (PL11)', () => {
  it('for as long as the upstream says, with its age', async () => {
    const { call, asked, advance } = await cachingGateway(numbered({ 'Cache-Control': 'max-age=60', 'X-Own': 'kept' }));

    const first = await call();
    advance(59);
    const second = await call();
    advance(1);
    const third = await call();

    expect([first.text, second.text, third.text]).toEqual(['answer 1', 'answer 1', 'answer 2']);
    expect([first.from, second.from, third.from]).toEqual(['stoa; fwd=uri-miss; stored', 'stoa; hit; ttl=1', 'stoa; fwd=stale; stored']);
    expect([second.headers.get('age'), second.headers.get('x-own'), second.headers.get('content-length')]).toEqual(['59', 'kept', '8']);
    expect(asked).toHaveLength(2);
  });

  it('for ttl_secs when the upstream says nothing; without it, not at all', async () => {
    const kept = await cachingGateway(numbered({}), { ttl_secs: 5 });
    const none = await cachingGateway(numbered({}));

    for (const { call } of [kept, none]) for (let n = 0; n < 3; n += 1) await call();

    expect([kept.asked.length, none.asked.length]).toEqual([1, 3]);
  });

  it('whichever the length: in pieces, empty, and to HEAD', async () => {
    const { call, asked } = await cachingGateway((req, res) => {
      res.setHeader('Cache-Control', 'max-age=60');
      if (req.url === '/none') res.writeHead(204).end();
      else {
        res.write('one ');
        setTimeout(() => res.end('two'), 20);
      }
    });

    for (const path of ['/pieces', '/pieces', '/none', '/none']) await call(path);
    const head = await call('/pieces', {}, 'HEAD');

    expect((await call('/pieces')).text).toBe('one two');
    expect((await call('/none')).status).toBe(204);
    expect([head.from, head.headers.get('content-length'), head.text]).toEqual(['stoa; hit; ttl=60', '7', '']);
    expect(asked).toHaveLength(2);
  });

  it('while the upstream is away', async () => {
    const { call, upstream } = await cachingGateway(numbered({ 'Cache-Control': 'max-age=60' }));
    await call();
    upstream.server.closeAllConnections();
    upstream.server.close();

    expect([(await call()).text, (await call('/other')).status]).toEqual(['answer 1', 502]);
  });

  it('with the headers of policies made anew for each client', async () => {
    const origins = ['https://a.example', 'https://b.example'];
    const { call, asked } = await cachingGateway(numbered({ 'Cache-Control': 'max-age=60' }), {}, { hooks: [hooksOf(cors, { origins })] });

    const allowed = [];
    for (const origin of origins) allowed.push((await call('/a', { origin })).headers.get('access-control-allow-origin'));

    expect([allowed, asked.length]).toEqual([origins, 1]);
  });

  it('does not hold a stream up while it is kept', async () => {
    let finish = (): void => undefined;
    const { gateway } = await cachingGateway((_req, res) => {
      res.writeHead(200, { 'Cache-Control': 'max-age=60' }).write('first');
      finish = () => void res.end('last');
    });

    const response = await fetch(`${gateway.url}/a`, { headers: { 'x-api-key': KEY } });
    const reader = response.body?.getReader();

    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('first');
    finish();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('last');
  });
});

describe('cache: whose answer it is (PL11)', () => {
  const PUBLIC = { 'Cache-Control': 'public, max-age=60' };

  it.each([
    ['what says nothing of sharing', { 'Cache-Control': 'max-age=60' }, { share_public: true }],
    ['what is public, unless the policy shares', PUBLIC, {}],
  ])('gives %s to its own subscription alone', async (_what, headers, config) => {
    const { call, asked } = await cachingGateway(numbered(headers), config);

    const texts = [await call(), await call('/a', {}, 'GET', OTHER_KEY), await call(), await call('/a', {}, 'GET', OTHER_KEY)];

    expect(texts.map(({ text }) => text)).toEqual(['answer 1', 'answer 2', 'answer 1', 'answer 2']);
    expect(asked).toHaveLength(2);
  });

  it.each([PUBLIC, { 'Cache-Control': 's-maxage=60' }])('gives %j to everybody where the policy shares', async (headers) => {
    const { call, asked } = await cachingGateway(numbered(headers), { share_public: true });

    const all = [await call(), await call('/a', {}, 'GET', OTHER_KEY), await call('/a', { authorization: 'Bearer x', cookie: 'a=b' })];

    expect(all.map(({ text }) => text)).toEqual(['answer 1', 'answer 1', 'answer 1']);
    expect(asked).toHaveLength(1);
  });

  it.each<Record<string, string>>([{ authorization: 'Bearer ann' }, { cookie: 'session=ann' }])(
    'keeps nothing that was asked with %j',
    async (credentials) => {
      const { call, asked } = await cachingGateway(numbered({ 'Cache-Control': 'max-age=60' }), { ttl_secs: 60, share_public: true });

      await call('/a', credentials);
      await call('/a', credentials);
      await call('/a');
      const again = await call('/a', credentials);

      expect([again.text, asked.length]).toEqual(['answer 4', 4]);
    },
  );

  it('keeps what is asked without a key apart from what is asked with one', async () => {
    const { call, asked } = await cachingGateway(numbered({ 'Cache-Control': 'max-age=60' }), {}, { authRequired: false });

    const texts = [await call('/a', {}, 'GET', null), await call(), await call('/a', {}, 'GET', null)].map(({ text }) => text);

    expect([texts, asked.length]).toEqual([['answer 1', 'answer 2', 'answer 1'], 2]);
  });

  it('asks for the key first: without one nothing is given, kept or not', async () => {
    const { call, gateway } = await cachingGateway(numbered(PUBLIC), { share_public: true });
    await call();

    expect((await call('/a', {}, 'GET', null)).status).toBe(401);
    expect((await call('/a', {}, 'GET', `${KEY.slice(0, -1)}x`)).status).toBe(401);
    expect(gateway.events.map(({ reason }) => reason)).toEqual(['missing_api_key', 'invalid_api_key']);
  });

  it('counts limits first: what is used up is refused, kept or not', async () => {
    let left = 2;
    const state = { limit: 2, remaining: 0, resetAtMs: NOW, retryAfterMs: 1000, windowSeconds: 60 };
    const services = servicesOf({ limiter: () => ({ take: () => ({ ...state, allowed: left-- > 0 }), giveBack: () => undefined }) });
    const limit = rateLimit.compile({ requests_per_minute: 2 } as never, services);
    const { call } = await cachingGateway(numbered(PUBLIC), { share_public: true }, { hooks: [limit] });

    const statuses = [(await call()).status, (await call()).status, (await call()).status];

    expect(statuses).toEqual([200, 200, 429]);
  });

  it('never gives the answer of one API for another, nor of one host, nor of another query', async () => {
    const { call, asked, gateway } = await cachingGateway(numbered(PUBLIC), { share_public: true });
    await call('/a?x=1');

    await call(gateway.url.replace('/payments', '/twin') + '/a?x=1');
    await call('/a?x=2');
    await call('/a');

    expect(asked).toHaveLength(4);
    expect((await call('/a?x=1')).text).toBe('answer 1');
  });

  it('tells answers apart by what they vary on, as the upstream saw it, and by the headers that the policy names', async () => {
    const answer: Answer = (req, res, count) =>
      void res
        .writeHead(200, { ...PUBLIC, Vary: 'Accept-Language, X-Consumer-Id' })
        .end(`${req.headers['accept-language'] ?? ''} ${count}`);
    const { call, asked } = await cachingGateway(answer, { share_public: true, key_headers: ['X-Device'] });

    const ask = async (language: string, device = 'a', key = KEY) =>
      (await call('/a', { 'accept-language': language, 'x-device': device }, 'GET', key)).text;

    expect([await ask('de'), await ask('fr'), await ask('de'), await ask('fr')]).toEqual(['de 1', 'fr 2', 'de 1', 'fr 2']);
    expect([await ask('de', 'b'), await ask('de', 'a', OTHER_KEY), await ask('de', 'a')]).toEqual(['de 3', 'de 4', 'de 1']);
    expect(asked).toHaveLength(4);
  });
});

describe('cache: what is not kept (PL11)', () => {
  it.each([
    ['no-store', { 'Cache-Control': 'no-store, max-age=60' }],
    ['private', { 'Cache-Control': 'private, max-age=60' }],
    ['a cookie that is set', { 'Cache-Control': 'public, max-age=60', 'Set-Cookie': 'session=1' }],
    ['Vary: *', { 'Cache-Control': 'max-age=60', Vary: '*' }],
    ['what has expired on arrival', { 'Cache-Control': 'max-age=60', Age: '60' }],
    ['what is too large', { 'Cache-Control': 'max-age=60', 'X-Size': '20' }],
  ])('%s', async (_what, headers: Readonly<Record<string, string>>) => {
    const body = 'x'.repeat(Number(headers['X-Size'] ?? 1));
    const { call, asked } = await cachingGateway((_req, res) => void res.writeHead(200, headers).end(body), {
      ttl_secs: 60,
      max_body_bytes: 10,
      share_public: true,
    });

    await call();
    const { text } = await call();

    expect([text, asked.length]).toEqual([body, 2]);
  });

  it.each([
    ['an error of the server', 500, 'x', {}],
    ['a part', 206, 'x', { 'Content-Range': 'bytes 0-0/9' }],
  ])('%s', async (_what, status, body, headers) => {
    const { call, asked } = await cachingGateway(
      (_req, res) => void res.writeHead(status, { ...headers, 'Cache-Control': 'max-age=60' }).end(body),
    );

    await call();
    await call();

    expect(asked).toHaveLength(2);
  });

  it('an answer that breaks off, also one that is too large in pieces', async () => {
    const { call, asked } = await cachingGateway(
      (req, res) => {
        res.writeHead(200, { 'Cache-Control': 'max-age=60' }).write('x'.repeat(8));
        setTimeout(() => (req.url === '/broken' ? res.destroy() : res.end('x'.repeat(8))), 20);
      },
      { max_body_bytes: 10 },
    );

    for (const path of ['/broken', '/broken', '/large', '/large']) await call(path).catch(() => undefined);

    expect(asked).toHaveLength(4);
  });
});

describe('cache: what the client asks (PL11)', () => {
  const KEPT = { 'Cache-Control': 'max-age=60', ETag: '"v1"', 'Last-Modified': 'Mon, 30 Nov 2026 11:00:00 GMT' };

  it.each([
    [{ 'if-none-match': '"v1"' }, 304],
    [{ 'if-none-match': '"v0", W/"v1"' }, 304],
    [{ 'if-none-match': '"v0"' }, 200],
    [{ 'if-modified-since': 'Mon, 30 Nov 2026 11:00:00 GMT' }, 304],
    [{ 'if-modified-since': 'Mon, 30 Nov 2026 10:00:00 GMT' }, 200],
  ])('%j is answered %i from what is kept', async (headers, status) => {
    const { call, asked } = await cachingGateway(numbered(KEPT));
    await call();

    const answer = await call('/a', headers);

    expect([answer.status, answer.text]).toEqual([status, status === 304 ? '' : 'answer 1']);
    expect([answer.headers.get('etag'), answer.from]).toEqual(['"v1"', 'stoa; hit; ttl=60']);
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['no-cache', 'fwd=request'],
    ['max-age=5', 'fwd=request'],
    ['min-fresh=51', 'fwd=request'],
    ['no-store', 'fwd=bypass'],
    ['max-age=10', 'hit'],
    ['min-fresh=49', 'hit'],
    ['only-if-cached', 'hit'],
  ])('Cache-Control: %s comes to %s', async (directive, from) => {
    const { call, advance } = await cachingGateway(numbered({ 'Cache-Control': 'max-age=60' }));
    await call();
    advance(10);

    expect((await call('/a', { 'cache-control': directive })).from).toContain(from);
  });

  it('only-if-cached is 504 when nothing is kept, and max-stale makes nothing stale good', async () => {
    const { call, asked, advance } = await cachingGateway(numbered({ 'Cache-Control': 'max-age=60' }));
    await call();
    advance(61);

    expect((await call('/a', { 'cache-control': 'only-if-cached, max-stale' })).status).toBe(504);
    expect(asked).toHaveLength(1);
  });

  it('no-store keeps nothing, and a range passes through', async () => {
    const { call, asked } = await cachingGateway(numbered({ 'Cache-Control': 'max-age=60' }));

    await call('/a', { 'cache-control': 'no-store' });
    await call('/a', { range: 'bytes=0-1' });
    const { from } = await call('/a', { range: 'bytes=0-1' });

    expect([from, asked.length, asked[2]?.headers.range]).toEqual(['stoa; fwd=bypass', 3, 'bytes=0-1']);
  });
});

describe('cache: what is stale is asked about (PL11)', () => {
  const conditional =
    (headers: Readonly<Record<string, string>> = {}): Answer =>
    (req, res, count) => {
      res.setHeader('ETag', '"v1"').setHeader('Cache-Control', 'max-age=60, must-revalidate');
      for (const [name, value] of Object.entries(headers)) if (count > 1) res.setHeader(name, value);
      if (req.headers['if-none-match'] === '"v1"') res.writeHead(304).end();
      else res.end(`answer ${count}`);
    };

  it('and is good again when it has not changed, with the newer headers', async () => {
    const { call, asked, advance } = await cachingGateway(conditional({ 'X-News': 'yes' }));
    await call();
    advance(61);

    const renewed = await call('/a', { 'if-none-match': '"mine"' });
    const hit = await call();

    expect([renewed.status, renewed.text, renewed.from]).toEqual([200, 'answer 1', 'stoa; fwd=stale; fwd-status=304; ttl=60']);
    expect([renewed.headers.get('x-news'), hit.headers.get('x-news'), hit.from]).toEqual(['yes', 'yes', 'stoa; hit; ttl=60']);
    expect(asked.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"v1"']);
  });

  it('and the client that has it already is told so', async () => {
    const { call, advance } = await cachingGateway(conditional());
    await call();
    advance(61);

    expect((await call('/a', { 'if-none-match': '"v1"' })).status).toBe(304);
  });

  it('each time where the upstream says no-cache', async () => {
    const { call, asked } = await cachingGateway((req, res) => {
      res.setHeader('ETag', '"v1"').setHeader('Cache-Control', 'no-cache');
      if (req.headers['if-none-match'] === undefined) res.end('whole');
      else res.writeHead(304).end();
    });

    const texts = [await call(), await call(), await call()].map(({ text }) => text);

    expect([texts, asked.length]).toEqual([['whole', 'whole', 'whole'], 3]);
  });

  it('and gives way to another answer', async () => {
    const { call, asked, advance } = await cachingGateway(
      (_req, res, count) =>
        void res.writeHead(count === 2 ? 404 : 200, { ETag: `"v${count}"`, 'Cache-Control': 'max-age=60' }).end(`answer ${count}`),
    );
    await call();
    advance(61);

    expect([(await call()).status, (await call()).text]).toEqual([404, 'answer 2']);
    expect(asked).toHaveLength(2);
  });

  it('is not kept any longer when the upstream makes it private', async () => {
    const { call, asked, advance } = await cachingGateway(conditional({ 'Cache-Control': 'private, max-age=60' }));
    await call();
    advance(61);

    expect([(await call()).text, (await call()).text]).toEqual(['answer 1', 'answer 3']);
    expect(asked).toHaveLength(3);
  });
});

describe('cache: what changes removes what is kept (PL11)', () => {
  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('%s to the same address, for every caller', async (method) => {
    const { call, asked } = await cachingGateway(numbered({ 'Cache-Control': 'max-age=60' }));
    await call();
    await call('/b');

    await call('/a', {}, method, OTHER_KEY);

    expect([(await call()).text, (await call('/b')).text]).toEqual(['answer 4', 'answer 2']);
    expect(asked).toHaveLength(4);
  });

  it('also by a caller whom the policy does not govern', async () => {
    const { call } = await cachingGateway(numbered({ 'Cache-Control': 'max-age=60' }), {}, { without: 'sub-2' });
    await call();
    expect((await call()).from).toContain('hit');

    const change = await call('/a', {}, 'POST', OTHER_KEY);

    expect(change.headers.has('cache-status')).toBe(false);
    expect((await call()).from).toContain('uri-miss');
  });

  it('but not when it fails', async () => {
    const { call } = await cachingGateway(
      (req, res, count) => void res.writeHead(req.method === 'GET' ? 200 : 409, { 'Cache-Control': 'max-age=60' }).end(`answer ${count}`),
    );
    await call();
    await call('/a', {}, 'POST');

    expect((await call()).text).toBe('answer 1');
  });

  it('also when the older answer arrives after the change', async () => {
    let finish = (): void => undefined;
    const { call, asked } = await cachingGateway((req, res, count) => {
      res.writeHead(200, { 'Cache-Control': 'max-age=60' });
      if (count === 1) finish = () => void res.end('old');
      else res.end(req.method === 'GET' ? 'new' : 'changed');
    });
    const slow = call();
    await eventually(() => asked.length).toBe(1);
    await call('/a', {}, 'POST');
    finish();
    await slow;

    expect((await call()).text).toBe('new');
  });
});

it.each([
  [{ ttl_secs: 0 }, 'ttl_secs', ''],
  [{ max_body_bytes: 100_000_000 }, 'max_body_bytes', ''],
  [{ key_headers: ['Authorization'] }, 'key_headers.0', 'credentials'],
  [{ key_headers: ['a b'] }, 'key_headers.0', 'no underscore'],
])('cache: %j is no config (PL15)', (config, path, message) => {
  expect(findingsOf(cache, config)[0]).toEqual({ path, message: expect.stringContaining(message) });
});

it.each([
  ['renamed', { rename: { Authorization: 'X-User-Token' } }, { authorization: 'Bearer ALICE' }, { authorization: 'Bearer BOB' }],
  ['removed', { remove: ['Authorization'] }, { authorization: 'Bearer ALICE' }, { authorization: 'Bearer BOB' }],
  ['renamed cookies', { rename: { Cookie: 'X-Session' } }, { cookie: 'session=alice' }, { cookie: 'session=bob' }],
])('cross-consumer: credentials that a policy has %s keep an answer to whose they are', async (_name, headers, alice, bob) => {
  const edit = hooksOf(transform, { request: { headers } });
  const { call } = await cachingGateway(numbered({}), { ttl_secs: 60 }, { hooks: [edit], authRequired: false });

  const answers = [await call('/me', alice, 'GET', null), await call('/me', bob, 'GET', null), await call('/me', {}, 'GET', null)];

  expect(answers.map(({ text }) => text)).toEqual(['answer 1', 'answer 2', 'answer 3']);
});
