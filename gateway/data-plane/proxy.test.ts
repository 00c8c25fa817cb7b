import { expect, it } from 'vitest';
import { KEY, makeCredential, makeRoute, request, startGateway, startUpstream } from '../../test/helpers/data-plane.js';
import { sendRaw, startCapture, startTcp } from '../../test/helpers/raw-tcp.js';
import type { Hooks } from '../policies/contract.js';
import { createBreaker } from './breaker.js';

const auth = { 'X-API-Key': KEY };
const GET = 'GET /apis/acme/payments/x';
const POST = 'POST /apis/acme/payments/x';
const isOk = (text: string): boolean => text.endsWith('ok');

async function gatewayWithCapture(
  options: { readonly trustedProxies?: readonly string[]; readonly answer?: string; readonly authRequired?: boolean } = {},
) {
  const capture = await startCapture(options.answer);
  const route = makeRoute({ upstreamUrl: capture.url, authRequired: options.authRequired ?? true });
  const gateway = await startGateway({ routes: [route], trustedProxies: options.trustedProxies ?? [] });
  return { capture, gateway };
}

/** Field lines of a captured request by lower-case name; a name that comes twice shows as two values. */
function fieldsOf(captured: string | undefined): Record<string, string[]> {
  const fields: Record<string, string[]> = {};
  for (const line of (captured ?? '').split('\r\n\r\n')[0]?.split('\r\n').slice(1) ?? []) {
    const colon = line.indexOf(':');
    (fields[line.slice(0, colon).toLowerCase()] ??= []).push(line.slice(colon + 1).trim());
  }
  return fields;
}

it('forwards method, rest of the path, query and body, and hands the answer on', async () => {
  const { url } = await startUpstream((req, res) => {
    const chunks: Buffer[] = [];
    req
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => {
        res.writeHead(201, { 'X-Up': 'yes', 'Set-Cookie': ['a=1', 'b=2'] });
        res.end(`${req.method} ${req.url} ${Buffer.concat(chunks).toString()}`);
      });
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: `${url}/base` })] });

  const answer = await fetch(`${gateway.url}/x/y?a=%2F&&b`, { method: 'POST', headers: auth, body: 'hello' });

  expect(answer.status).toBe(201);
  expect(await answer.text()).toBe('POST /base/x/y?a=%2F&&b hello');
  expect(answer.headers.get('x-up')).toBe('yes');
  expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  expect(answer.headers.get('via')).toMatch(/^1\.1 stoa-/);
  expect(answer.headers.get('x-request-id')).toBe(answer.headers.get('x-stoa-request-id'));
});

it('sends the fields that it sets, once each, and removes the key', async () => {
  const { capture, gateway } = await gatewayWithCapture();
  const forged = [
    'X-Forwarded-For: 6.6.6.6',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: evil',
    'X-Forwarded-Port: 1',
    'X-Forwarded-Prefix: /evil',
    'Forwarded: for=6.6.6.6',
    'X-Real-IP: 6.6.6.6',
    'X-Consumer-Id: evil',
    'X-Tenant-Id: evil',
    'X-Subscription-Id: evil',
    'X-SSL-Client-Verify: SUCCESS',
    'X-Original-URL: /admin',
    'X_Forwarded_For: 6.6.6.6',
    'X_Api_Key: evil',
    'Content_Length: 7',
    'X.Tenant.Id: evil',
    'traceparent: 00-00000000000000000000000000000000-0000000000000000-01',
    'traceparent: nonsense',
    'tracestate: evil=1',
    'X-Request-Id: bad id with spaces',
    'X-Custom: kept',
    'Cookie: a=1',
    'Via: 1.0 other',
  ];

  await sendRaw(gateway.port, request(`${GET}?q=1`, forged), isOk);

  const text = capture.received[0] ?? '';
  const fields = fieldsOf(text);
  expect(text).not.toMatch(/evil|6\.6\.6\.6|stoa_sk_|SUCCESS|_/i);
  expect(fields).toMatchObject({
    host: [new URL(capture.url).host],
    'x-forwarded-for': ['127.0.0.1'],
    'x-forwarded-proto': ['http'],
    'x-forwarded-host': ['gateway'],
    'x-forwarded-port': [String(gateway.port)],
    'x-consumer-id': ['con-1'],
    'x-tenant-id': ['acme'],
    'x-subscription-id': ['sub-1'],
    'x-custom': ['kept'],
    cookie: ['a=1'],
    via: [expect.stringMatching(/^1\.0 other, 1\.1 stoa-[0-9a-f]+$/)],
    traceparent: [expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)],
    'x-request-id': [expect.stringMatching(/^[0-9a-f-]{36}$/)],
  });
  expect(fields).not.toHaveProperty('x-api-key');
  expect(fields).not.toHaveProperty('tracestate');
});

it('keeps a well-formed request id and trace (DP26)', async () => {
  const { capture, gateway } = await gatewayWithCapture();
  const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;

  const answer = await sendRaw(
    gateway.port,
    request(GET, ['X-Request-Id: abc-123', `traceparent: ${traceparent}`, 'tracestate: a=1']),
    isOk,
  );

  expect(fieldsOf(capture.received[0])).toMatchObject({ 'x-request-id': ['abc-123'], traceparent: [traceparent], tracestate: ['a=1'] });
  expect(answer.text).toContain('X-Request-Id: abc-123');
});

it('believes forwarding fields of a trusted proxy only (DP26)', async () => {
  const { capture, gateway } = await gatewayWithCapture({ trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] });
  const fields = [
    'X-Forwarded-For: 1.2.3.4, 10.0.0.7',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: api.example.com',
    'X-Forwarded-Port: 443',
  ];

  await sendRaw(gateway.port, request(GET, fields), isOk);

  expect(fieldsOf(capture.received[0])).toMatchObject({
    'x-forwarded-for': ['1.2.3.4, 10.0.0.7, 127.0.0.1'],
    'x-forwarded-proto': ['https'],
    'x-forwarded-host': ['api.example.com'],
    'x-forwarded-port': ['443'],
  });
  expect(gateway.lines().at(-1)).toMatchObject({ event: 'request completed' });
  expect(gateway.lines().some((line) => line['client_ip'] === '1.2.3.4')).toBe(true);
});

it('hop-by-hop-headers: what Connection names goes no further, and cannot take away what the gateway sets', async () => {
  const { capture, gateway } = await gatewayWithCapture();
  const fields = [
    'Connection: keep-alive, X-Hop, X-Tenant-Id, X-Forwarded-For, Host, Cookie, close',
    'X-Hop: 1',
    'Keep-Alive: timeout=5',
    'TE: trailers',
    'Trailer: X-T',
    'Proxy-Authorization: Basic x',
    'Proxy-Connection: keep-alive',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
  ];

  await sendRaw(gateway.port, request(GET, fields), isOk);

  const sent = fieldsOf(capture.received[0]);
  for (const name of ['x-hop', 'keep-alive', 'te', 'trailer', 'proxy-authorization', 'proxy-connection', 'upgrade', 'http2-settings'])
    expect(sent).not.toHaveProperty(name);
  expect(sent).toMatchObject({ 'x-tenant-id': ['acme'], 'x-forwarded-for': ['127.0.0.1'], connection: ['keep-alive'] });
});

it('h2c-smuggling: a request that asks for h2c is served as a plain one, and what comes behind it is not interpreted', async () => {
  const { capture, gateway } = await gatewayWithCapture();
  const fields = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'];

  const apart = await sendRaw(gateway.port, [request(GET, fields), request(GET)]);
  const together = await sendRaw(gateway.port, request(GET, fields) + request(GET));
  const withBody = await sendRaw(gateway.port, request(POST, [...fields, 'Content-Length: 5'], `hello${request(GET)}`));

  for (const answer of [apart, together, withBody]) {
    expect(answer.text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200']);
    expect(answer.text).toMatch(/connection: close/i);
  }
  expect(capture.received).toHaveLength(3);
  expect(capture.received[2]).toMatch(/\r\n\r\nhello$/);
  expect(capture.received.join('')).not.toMatch(/upgrade|h2c|http2/i);
});

it('forwards one framing field, rebuilt: sized bodies sized, chunked bodies chunked without extensions and trailers', async () => {
  const { capture, gateway } = await gatewayWithCapture();

  await sendRaw(gateway.port, request(POST, ['Content-Length: 0005'], 'hello'), isOk);
  await sendRaw(
    gateway.port,
    [request(POST, ['Transfer-Encoding: CHUNKED']), '5;ext=1\r\nhello\r\n', '0\r\nX-Trailer: evil\r\n\r\n'],
    isOk,
  );

  expect(fieldsOf(capture.received[0])).toMatchObject({ 'content-length': ['5'] });
  expect(capture.received[0]).toMatch(/\r\n\r\nhello$/);
  expect(fieldsOf(capture.received[1])).toMatchObject({ 'transfer-encoding': ['chunked'] });
  expect(fieldsOf(capture.received[1])).not.toHaveProperty('content-length');
  expect(capture.received[1]).toMatch(/\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/);
});

it('removes an Authorization that carried our key, and leaves one that belongs to the application', async () => {
  const { capture, gateway } = await gatewayWithCapture();

  await sendRaw(gateway.port, `${GET} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${KEY}\r\n\r\n`, isOk);
  await sendRaw(gateway.port, request(GET, ['Authorization: Bearer of-the-application']), isOk);

  expect(fieldsOf(capture.received[0])).not.toHaveProperty('authorization');
  expect(fieldsOf(capture.received[1])).toMatchObject({ authorization: ['Bearer of-the-application'] });
});

it('notices a request that has passed it before', async () => {
  const gateway = await startGateway({ routes: [] });
  const loop = makeRoute({ upstreamUrl: gateway.url, authRequired: false });
  gateway.swap([loop]);

  const answer = await fetch(`${gateway.url}/x`);

  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain('passed this gateway before');
});

const answers = [
  ['HEAD with a length', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n', /^HTTP\/1\.1 200[^]*Content-Length: 10\r\n[^]*\r\n\r\n$/],
  [
    '204 without a length',
    'GET',
    'HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n',
    /^HTTP\/1\.1 204(?![^]*Content-Length)(?![^]*Transfer-Encoding)[^]*\r\n\r\n$/,
  ],
  [
    '304 with a length',
    'GET',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\nETag: "x"\r\n\r\n',
    /^HTTP\/1\.1 304[^]*ETag: "x"[^]*\r\n\r\n$/,
  ],
  [
    'chunked',
    'GET',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: t\r\n\r\n',
    /Transfer-Encoding: chunked[^]*\r\n\r\n2\r\nok\r\n0\r\n\r\n$/,
  ],
  ['unasked 100', 'GET', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', /^HTTP\/1\.1 200[^]*\r\n\r\nok$/],
  [
    'early hints',
    'GET',
    'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>; rel=preload\r\n[^]*\r\n\r\nHTTP\/1\.1 200[^]*ok$/,
  ],
  [
    'early hints that say a length',
    'GET',
    'HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    /^HTTP\/1\.1 103 Early Hints\r\nVia: [^\r]*\r\n\r\nHTTP\/1\.1 200[^]*ok$/,
  ],
] as const;

it.each(answers)('hands on an answer: %s', async (_name, method, answer, expected) => {
  const { gateway } = await gatewayWithCapture({ answer });

  const { text } = await sendRaw(gateway.port, request(`${method} /apis/acme/payments/x`), (soFar) => expected.test(soFar));

  expect(text).toMatch(expected);
});

it('hop-by-hop-headers: those of the upstream stay there', async () => {
  const answer =
    'HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nok';
  const { gateway } = await gatewayWithCapture({ answer });

  const { text } = await sendRaw(gateway.port, request(GET), isOk);

  expect(text).not.toMatch(/X-Hop|timeout=9|Proxy-Authenticate/i);
});

const broken = [
  ['both length headers', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
  ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
  ['no HTTP', 'hello world\r\n\r\n'],
  ['a status below 100', 'HTTP/1.1 099 Nothing\r\nContent-Length: 2\r\n\r\nok'],
  ['a status above 599', 'HTTP/1.1 999 Too Much\r\nContent-Length: 2\r\n\r\nok'],
  ['an unsolicited upgrade', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: evil\r\n\r\n'],
  ['a 101 without an upgrade', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ['a folded field', 'HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok'],
  ['a NUL in a field', 'HTTP/1.1 200 OK\r\nX-A: \0\r\nContent-Length: 2\r\n\r\nok'],
  ['a head without end', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(200_000)}`],
] as const;

it.each(broken)('answers 502 when the upstream sends %s', async (_name, answer) => {
  const { gateway } = await gatewayWithCapture({ answer });

  const { text } = await sendRaw(gateway.port, request(GET), (soFar) => soFar.endsWith('}'));

  expect(text).toMatch(/^HTTP\/1\.1 502/);
  expect(text).toContain('"code":"bad_gateway"');
});

it('response-queue-poisoning: bytes behind an answer never reach the next request', async () => {
  const { capture, gateway } = await gatewayWithCapture({
    answer: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
  });

  const first = await sendRaw(gateway.port, request(GET), isOk);
  const second = await sendRaw(gateway.port, request(GET), isOk);

  expect(first.text + second.text).not.toContain('evil');
  expect(capture.connections()).toBe(2);
});

it('answers 502 with the words of the runbook in the log when the upstream is down (DP8 LG5)', async () => {
  const { port } = await startTcp((socket) => socket.destroy());
  const dead = await startTcp(() => undefined);
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: 'http://127.0.0.1:1', upstream: { retries: 0 } })] });

  const answer = await fetch(`${gateway.url}/x`, { headers: auth });

  expect(port).not.toBe(dead.port);
  expect(answer.status).toBe(502);
  expect(await answer.json()).toMatchObject({ error: { code: 'bad_gateway' } });
  const failure = { error: 'connection refused' };
  expect(gateway.lines()).toEqual([
    expect.objectContaining({ level: 'error', event: 'backend_error', status: 502, ...failure }),
    expect.objectContaining({ level: 'warn', event: 'request completed', status: 502, ...failure }),
  ]);
  expect(gateway.events).toMatchObject([{ type: 'backend_error', status: 502, consumer: 'My Consumer' }]);
});

it('answers 504 when the upstream takes too long, counted from when the request was sent (DP28)', async () => {
  const tcp = await startTcp(() => undefined);
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: tcp.url, upstream: { timeoutMs: 300 } })] });
  const part = 'x'.repeat(10);

  const quick = await sendRaw(gateway.port, request(GET), (text) => text.endsWith('}'));
  const slow = await sendRaw(gateway.port, [request(POST, ['Content-Length: 300']), ...Array.from({ length: 30 }, () => part)], (text) =>
    text.endsWith('}'),
  );

  expect(quick.text).toMatch(/^HTTP\/1\.1 504[^]*"code":"gateway_timeout"/);
  expect(slow.text).toMatch(/^HTTP\/1\.1 504/);
  expect(
    gateway
      .lines()
      .filter(({ event }) => event === 'request completed')
      .map(({ latency_ms }) => Number(latency_ms) >= 600),
  ).toContain(true);
});

it('ssrf: an upstream on an address that is not allowed is never connected to', async () => {
  const { connections, url } = await startTcp(() => undefined);
  const route = makeRoute({ upstreamUrl: url });
  const named = makeRoute({ upstreamUrl: url.replace('127.0.0.1', 'localhost'), prefix: '/named' });
  const metadata = makeRoute({ upstreamUrl: 'http://169.254.169.254', prefix: '/metadata' });
  const gateway = await startGateway({ routes: [route, named, metadata], allowPrivateUpstreams: false });
  const base = `http://127.0.0.1:${gateway.port}`;

  const statuses = await Promise.all(
    [`${gateway.url}/x`, `${base}/named/x`, `${base}/metadata/x`].map(async (url) => (await fetch(url, { headers: auth })).status),
  );

  expect(statuses).toEqual([502, 502, 502]);
  expect(connections()).toBe(0);
  expect(gateway.lines().filter(({ event, error }) => event === 'backend_error' && error === 'address not allowed')).toHaveLength(3);
});

it('refuses a body above max_body_bytes: by its announced length, and when it grows beyond', async () => {
  const { capture, gateway } = await gatewayWithCapture();
  gateway.swap([makeRoute({ upstreamUrl: capture.url, upstream: { maxBodyBytes: 10 } })]);

  const announced = await sendRaw(gateway.port, request(POST, ['Content-Length: 11'], 'hello world'), (text) => text.endsWith('}'));
  const grown = await sendRaw(gateway.port, [
    request(POST, ['Transfer-Encoding: chunked']),
    '8\r\n12345678\r\n',
    '8\r\n12345678\r\n',
    '0\r\n\r\n',
  ]);
  const fits = await sendRaw(gateway.port, request(POST, ['Content-Length: 10'], 'helloworld'), isOk);

  expect([announced.status, grown.status, fits.status]).toEqual([413, 413, 200]);
  expect(capture.received).toHaveLength(1);
});

it('retries an idempotent request whose kept connection died, on a fresh one (DP28)', async () => {
  let served = 0;
  const { url, connections } = await startTcp((socket) => {
    let first = true;
    socket.on('data', () => {
      if (!first) return socket.destroy();
      first = false;
      served += 1;
      return socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const statuses: number[] = [];
  for (const method of ['GET', 'GET', 'PUT', 'GET', 'DELETE'])
    statuses.push((await fetch(`${gateway.url}/x`, { method, headers: auth })).status);

  expect(statuses).toEqual([200, 200, 200, 200, 200]);
  expect(served).toBe(5);
  expect(connections()).toBeGreaterThan(1);
});

it('never sends a request twice that is not idempotent (DP28)', async () => {
  let posts = 0;
  const { url } = await startTcp((socket) => {
    let count = 0;
    socket.on('data', (chunk) => {
      count += 1;
      if (chunk.toString().startsWith('POST')) posts += 1;
      if (count > 1) socket.destroy();
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });
  await fetch(`${gateway.url}/x`, { headers: auth });

  const empty = await fetch(`${gateway.url}/x`, { method: 'POST', headers: auth });

  expect(empty.status).toBe(502);
  expect(posts).toBe(1);
});

it('tries again while nothing was sent, also with a body', async () => {
  const { url } = await startUpstream((req, res) => void req.pipe(res));
  const target = new URL(url);
  const flaky = await startTcp(() => undefined);
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: 'http://127.0.0.1:1', upstream: { retries: 2 } })] });

  const refused = await fetch(`${gateway.url}/x`, { method: 'POST', headers: auth, body: 'hello' });
  gateway.swap([makeRoute({ upstreamUrl: target.origin })]);
  const echoed = await fetch(`${gateway.url}/x`, { method: 'POST', headers: auth, body: 'hello' });

  expect(flaky.connections()).toBe(0);
  expect(refused.status).toBe(502);
  expect(await echoed.text()).toBe('hello');
});

it('a request that cannot be written is no failure of the upstream', async () => {
  const { url } = await startUpstream((_req, res) => void res.end('ok'));
  const breaker = createBreaker(url, { failureThreshold: 1, windowMs: 60_000, openMs: 10_000, successThreshold: 1 });
  const hooks: Hooks = { upstream: (head) => void head.headers.push('x-name', 'caf\u0119') };
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url, upstream: { breaker }, hooks: [hooks] })] });

  const answers = [await fetch(gateway.url, { headers: auth }), await fetch(gateway.url, { headers: auth })];

  expect(answers.map(({ status }) => status)).toEqual([500, 500]);
  expect(breaker.stats(Date.now()).failure_count).toBe(0);
});

it('opens the breaker after failures, answers 503 at once, and counts neither client aborts nor 4xx (DP20)', async () => {
  let status = 404;
  const { url } = await startUpstream((_req, res) => void res.writeHead(status).end());
  const breaker = createBreaker(url, { failureThreshold: 3, windowMs: 60_000, openMs: 10_000, successThreshold: 1 });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url, upstream: { breaker } })] });
  const call = async () => fetch(`${gateway.url}/x`, { headers: auth });

  for (let count = 0; count < 5; count += 1) await call();
  expect(breaker.stats(Date.now()).failure_count).toBe(0);
  status = 503;
  for (let count = 0; count < 3; count += 1) expect((await call()).status).toBe(503);

  const held = await call();

  expect(held.status).toBe(503);
  expect(await held.json()).toMatchObject({ error: { code: 'circuit_open' } });
  expect(Number(held.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(breaker.stats(Date.now())).toMatchObject({ failure_count: 3, rejected_count: 1 });
});

it('knows its callers on an API that needs no key', async () => {
  const { capture, gateway } = await gatewayWithCapture({ authRequired: false });

  await sendRaw(gateway.port, request(GET), isOk);
  await sendRaw(gateway.port, `${GET} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: wrong\r\n\r\n`, isOk);

  expect(fieldsOf(capture.received[0])).toMatchObject({ 'x-consumer-id': [makeCredential().consumerId] });
  expect(fieldsOf(capture.received[1])).not.toHaveProperty('x-consumer-id');
  expect(fieldsOf(capture.received[1])).not.toHaveProperty('x-api-key');
});
