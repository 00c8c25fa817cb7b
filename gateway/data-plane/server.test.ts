import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { KEY, makeRoute, request, startGateway, startUpstream } from '../../test/helpers/data-plane.js';
import { sendRaw, startCapture } from '../../test/helpers/raw-tcp.js';
import { jsonReply } from './own-routes.js';

const GET = 'GET /apis/acme/payments/x';
const POST = 'POST /apis/acme/payments/x';

async function gatewayWithCapture() {
  const capture = await startCapture();
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: capture.url })] });
  return { capture, gateway };
}

/** What must never be understood in two ways. Behind each there is a whole second request, which must not be served. */
const SMUGGLED = `GET /apis/acme/payments/smuggled HTTP/1.1\r\nHost: gateway\r\nX-API-Key: ${KEY}\r\n\r\n`;
const attacks: readonly (readonly [string, string])[] = [
  ['request-smuggling CL.TE', request(POST, ['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n')],
  ['request-smuggling TE.CL', request(POST, ['Transfer-Encoding: chunked', 'Content-Length: 5'], '0\r\n\r\n')],
  ['request-smuggling TE.TE', request(POST, ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], '0\r\n\r\n')],
  ['repeated Content-Length', request(POST, ['Content-Length: 1', 'Content-Length: 1'], 'x')],
  ['differing Content-Length', request(POST, ['Content-Length: 1', 'Content-Length: 2'], 'xx')],
  ['list in Content-Length', request(POST, ['Content-Length: 1, 1'], 'x')],
  ['signed Content-Length', request(POST, ['Content-Length: +1'], 'x')],
  ['negative Content-Length', request(POST, ['Content-Length: -1'], 'x')],
  ['hexadecimal Content-Length', request(POST, ['Content-Length: 0x1'], 'x')],
  ['huge Content-Length', request(POST, ['Content-Length: 99999999999999999999'], 'x')],
  ['empty Content-Length', request(POST, ['Content-Length:'], '')],
  ['two codings', request(POST, ['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n')],
  ['chunked twice', request(POST, ['Transfer-Encoding: chunked, chunked'], '0\r\n\r\n')],
  ['unknown coding', request(POST, ['Transfer-Encoding: xchunked'], '0\r\n\r\n')],
  ['identity coding', request(POST, ['Transfer-Encoding: identity'], '')],
  ['coding with a parameter', request(POST, ['Transfer-Encoding: chunked;q=1'], '0\r\n\r\n')],
  ['coding with a vertical tab', request(POST, ['Transfer-Encoding: \x0bchunked'], '0\r\n\r\n')],
  ['coding with a space before the colon', request(POST, ['Transfer-Encoding : chunked'], '0\r\n\r\n')],
  ['coding in a folded line', request(POST, ['Transfer-Encoding:\r\n chunked'], '0\r\n\r\n')],
  ['coding in HTTP/1.0', request(POST, ['Transfer-Encoding: chunked'], '0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0')],
  ['chunk size with a prefix', request(POST, ['Transfer-Encoding: chunked'], '0x1\r\nx\r\n0\r\n\r\n')],
  ['chunk size with a space', request(POST, ['Transfer-Encoding: chunked'], '1 \r\nx\r\n0\r\n\r\n')],
  ['chunk size that overflows', request(POST, ['Transfer-Encoding: chunked'], 'fffffffffffffffff1\r\nx\r\n0\r\n\r\n')],
  ['chunk with a bare line feed', request(POST, ['Transfer-Encoding: chunked'], '1\nx\n0\n\n')],
  ['chunk longer than it says', request(POST, ['Transfer-Encoding: chunked'], '1\r\nxyz\r\n0\r\n\r\n')],
  ['obs-fold', request(GET, ['X-A: b\r\n c'])],
  ['field on the second line that begins with a space', `${GET} HTTP/1.1\r\n X-A: b\r\nHost: gateway\r\nX-API-Key: ${KEY}\r\n\r\n`],
  ['bare line feed', request(GET).replaceAll('\r\n', '\n')],
  ['bare carriage return', request(GET, ['X-A: b\rX-B: c'])],
  ['NUL in a value', request(GET, ['X-A: b\0c'])],
  ['control character in a value', request(GET, ['X-A: b\x01c'])],
  ['field name with a space', request(GET, ['X A: b'])],
  ['empty field name', request(GET, [': b'])],
  ['field without a colon', request(GET, ['X-A'])],
  ['no Host', `${GET} HTTP/1.1\r\nX-API-Key: ${KEY}\r\n\r\n`],
  ['two Hosts', request(GET, ['Host: other'])],
  ['empty Host', request(GET).replace('Host: gateway', 'Host:')],
  ['Host with a path', request(GET).replace('Host: gateway', 'Host: gateway/x')],
  ['Host with credentials', request(GET).replace('Host: gateway', 'Host: a@gateway')],
  ['Host list', request(GET).replace('Host: gateway', 'Host: gateway, other')],
  ['HTTP/2.0 in the request line', request(GET).replace('HTTP/1.1', 'HTTP/2.0')],
  ['HTTP/1.2 in the request line', request(GET).replace('HTTP/1.1', 'HTTP/1.2')],
  ['HTTP/0.9', 'GET /apis/acme/payments/x\r\n\r\n'],
  ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['unknown protocol name', request(GET).replace('HTTP/1.1', 'HTTQ/1.1')],
  ['method in lower case', request(GET.toLowerCase().replace('/apis', '/apis'))],
  ['tab for a space', request(GET.replace(' ', '\t'))],
  ['target of another host', request('GET http://other/apis/acme/payments/x')],
  ['asterisk target', request('OPTIONS *')],
  ['fragment in the target', request('GET /apis/acme/payments/x#y')],
  ['CONNECT', request('CONNECT gateway:443')],
  ['TRACE', request('TRACE /apis/acme/payments/x')],
  [
    'too many fields',
    request(
      GET,
      Array.from({ length: 300 }, (_, index) => `X-${index}: v`),
    ),
  ],
  ['too large a head', request(GET, [`X-A: ${'a'.repeat(40_000)}`])],
  ['too long a target', request(`GET /apis/acme/payments/${'a'.repeat(40_000)}`)],
  ['unknown expectation', request(POST, ['Expect: something', 'Content-Length: 1'], 'x')],
];

it.each(attacks)('%s: refuses with 4xx, closes, and interprets nothing more', async (name, bytes) => {
  const { capture, gateway } = await gatewayWithCapture();

  const answer = await sendRaw(gateway.port, bytes + SMUGGLED);

  expect(answer.isClosed).toBe(true);
  if (/HTTP\/(?:2|0|1\.2)/.test(name)) expect([400, 405, 505]).toContain(answer.status);
  else expect(answer.status).toSatisfy((status: number) => status >= 400 && status < 500);
  expect(answer.text.match(/^HTTP\/1\.1/gm)).toHaveLength(1);
  expect(answer.text.toLowerCase()).toContain('connection: close');
  expect(JSON.parse(answer.text.slice(answer.text.indexOf('\r\n\r\n') + 4))).toMatchObject({
    error: { code: expect.any(String), message: expect.any(String) },
  });
  expect(capture.received.join('')).not.toContain('smuggled');
});

it('tells of a refused method which ones the API has, or the gateway where there is none', async () => {
  const { gateway } = await gatewayWithCapture();
  gateway.swap([makeRoute({ upstreamUrl: 'http://127.0.0.1:1', methods: ['GET', 'HEAD'] })]);

  const answers = await Promise.all(['/apis/acme/payments/x', '/elsewhere'].map((path) => sendRaw(gateway.port, request(`TRACE ${path}`))));

  expect(answers.map(({ status, text }) => [status, /^Allow: (.*)\r$/m.exec(text)?.[1]])).toEqual([
    [405, 'GET, HEAD'],
    [405, 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT'],
  ]);
});

it('request-smuggling: a refusal holds although the rest of the connection arrives later', async () => {
  const { capture, gateway } = await gatewayWithCapture();

  const answer = await sendRaw(gateway.port, [request(GET, ['Host: other']), SMUGGLED, SMUGGLED]);

  expect(answer.text.match(/^HTTP\/1\.1/gm)).toHaveLength(1);
  expect(capture.received).toEqual([]);
});

it('refuses what comes behind a request in flight after that one is answered', async () => {
  const { capture, gateway } = await gatewayWithCapture();

  const answer = await sendRaw(gateway.port, `${request(GET)}GET / HTTP/1.1\r\nbroken\r\n\r\n`);

  expect(answer.text.match(/^HTTP\/1\.1 \d+|(?<=ok)HTTP\/1\.1 \d+/gm)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
  expect(capture.received).toHaveLength(1);
});

it('answers pipelined requests in their order', async () => {
  const { gateway } = await gatewayWithCapture();

  const answer = await sendRaw(gateway.port, request(GET) + request('GET /nowhere') + request(GET), (text) => text.split('ok').length > 2);

  expect(answer.text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
});

it.each([
  '/apis/acme/payments/a%2fb',
  '/apis/acme/payments/../x',
  '/apis/acme/payments//x',
  '/apis/acme/payments/;x',
  '/apis/acme/payments/%zz',
])('path-confusion: refuses %s with 400 and the error body', async (path) => {
  const { capture, gateway } = await gatewayWithCapture();

  const answer = await sendRaw(gateway.port, request(`GET ${path}`), (text) => text.endsWith('}'));

  expect(answer.status).toBe(400);
  expect(answer.text).toContain('"code":"bad_request"');
  expect(capture.received).toEqual([]);
});

it('accepts an absolute target of the same host', async () => {
  const { capture, gateway } = await gatewayWithCapture();

  const answer = await sendRaw(gateway.port, request('GET http://GATEWAY/apis/acme/payments/x?q'), (text) => text.endsWith('ok'));

  expect(answer.status).toBe(200);
  expect(capture.received[0]).toMatch(/^GET \/x\?q HTTP\/1\.1\r\n/);
});

it('serves HTTP/1.0 and closes', async () => {
  const { gateway } = await gatewayWithCapture();

  const answer = await sendRaw(gateway.port, `${GET} HTTP/1.0\r\nX-API-Key: ${KEY}\r\n\r\n`);

  expect(answer.status).toBe(200);
  expect(answer.text).toMatch(/ok$/);
  expect(answer.isClosed).toBe(true);
});

it('slowloris: gives a head 10 s at most', { timeout: 30_000 }, async () => {
  const { gateway } = await gatewayWithCapture();

  const answer = await sendRaw(gateway.port, `${GET} HTTP/1.1\r\nHost: gateway\r\n`);

  expect(answer.status).toBe(408);
  expect(answer.text).toContain('"code":"request_timeout"');
});

it('sends 100 Continue only after the key is checked', async () => {
  const { capture, gateway } = await gatewayWithCapture();
  const fields = ['Expect: 100-continue', 'Content-Length: 3'];

  const good = await sendRaw(gateway.port, [request(POST, fields), 'abc'], (text) => text.endsWith('ok'));
  const bad = await sendRaw(gateway.port, request(POST, fields).replace(KEY, 'wrong'));

  expect(good.text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  expect(capture.received[0]).toMatch(/\r\n\r\nabc$/);
  expect(capture.received[0]).not.toMatch(/expect/i);
  expect(bad.text).toMatch(/^HTTP\/1\.1 401/);
  expect(bad.isClosed).toBe(true);
});

it('early answer: reads a small body to its end and keeps the connection', async () => {
  const { gateway } = await gatewayWithCapture();

  const answer = await sendRaw(gateway.port, [request('POST /nowhere', ['Content-Length: 5']), 'hello', request(GET)], (text) =>
    text.endsWith('ok'),
  );

  expect(answer.text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 200']);
});

it('early answer: does not wait for a large body, and the answer arrives whole', async () => {
  const { gateway } = await gatewayWithCapture();
  const length = 50 * 1024 * 1024;

  const answer = await sendRaw(gateway.port, [request('POST /nowhere', [`Content-Length: ${length}`]), 'x'.repeat(300_000), SMUGGLED]);

  expect(answer.status).toBe(404);
  expect(answer.text.toLowerCase()).toContain('connection: close');
  expect(answer.text).toContain('"code":"not_found"');
  expect(answer.text.match(/HTTP\/1\.1 \d+/g)).toHaveLength(1);
});

it('answers its own routes and refuses other methods and spellings (DP1 DP3 DP4 AD23)', async () => {
  const gateway = await startGateway({
    routes: [],
    own: { admin: ({ method, path, authorization }) => jsonReply(200, { method, path, authorization }) },
  });
  const base = `http://127.0.0.1:${gateway.port}`;

  expect(await (await fetch(`${base}/health`)).json()).toMatchObject({ status: 'ok' });
  expect((await fetch(`${base}/health`, { method: 'HEAD' })).status).toBe(200);
  expect((await fetch(`${base}/health`, { method: 'POST' })).status).toBe(405);
  expect((await fetch(`${base}/health/ready`)).status).toBe(200);
  expect((await fetch(`${base}/health/live`)).status).toBe(200);
  expect((await fetch(`${base}/metrics`)).status).toBe(200);
  expect((await fetch(`${base}/%61dmin/apis`)).status).toBe(404);
  expect((await fetch(`${base}/Admin/apis`)).status).toBe(404);
  expect(await (await fetch(`${base}/admin/apis`, { headers: { authorization: 'Bearer t' } })).json()).toEqual({
    method: 'GET',
    path: '/admin/apis',
    authorization: 'Bearer t',
  });
});

it('limits the body of its own routes', async () => {
  const gateway = await startGateway({ routes: [], own: { admin: async ({ readBody }) => jsonReply(200, (await readBody()).length) } });
  const base = `http://127.0.0.1:${gateway.port}/admin/apis`;

  expect(await (await fetch(base, { method: 'POST', body: 'x'.repeat(1000) })).json()).toBe(1000);
  expect((await fetch(base, { method: 'POST', body: 'x'.repeat(1024 * 1024 + 1) })).status).toBe(413);
});

it('survives clients that reset at any moment', async () => {
  const { gateway } = await gatewayWithCapture();
  const bytes = request(POST, ['Content-Length: 5'], 'hello');

  for (let cut = 0; cut < bytes.length; cut += 7) {
    await new Promise<void>((resolve) => {
      const socket = connect(gateway.port, '127.0.0.1', () => socket.write(bytes.slice(0, cut), () => socket.resetAndDestroy()));
      socket.on('error', () => undefined).on('close', () => resolve());
    });
  }

  const after = await sendRaw(gateway.port, request(GET), (text) => text.endsWith('ok'));
  expect(after.status).toBe(200);
  expect(gateway.lines().filter((line) => String(line['event']).startsWith('PANIC'))).toEqual([]);
});

it('pipeline-flood: works off many requests of one connection a few at a time', async () => {
  let together = 0;
  let most = 0;
  const { url } = await startUpstream((_req, res) => {
    together += 1;
    most = Math.max(most, together);
    setTimeout(() => {
      together -= 1;
      res.end('ok');
    }, 5);
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const parts = Array.from({ length: 40 }, () => request(GET).repeat(10));
  const answer = await sendRaw(gateway.port, parts, (text) => text.split('HTTP/1.1 200').length > 400);

  expect(answer.text.match(/HTTP\/1\.1 200/g)).toHaveLength(400);
  expect(most).toBeLessThanOrEqual(16);
});
