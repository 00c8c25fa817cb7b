/** What RFC 9110 and 9112 ask of a gateway beside framing, which has tests of its own. The table is docs/reference/http.md. */
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { KEY, makeRoute, request, startGateway } from '../../test/helpers/data-plane.js';
import { sendRaw, startCapture, startTcp } from '../../test/helpers/raw-tcp.js';

const GET = 'GET /apis/acme/payments/x';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const isOk = (text: string): boolean => text.endsWith('ok');

async function start(answer = OK) {
  const capture = await startCapture(answer);
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: capture.url })] });
  const send = (bytes: string, until = isOk) => sendRaw(gateway.port, bytes, until);
  return { capture, gateway, send };
}

/** Lines of a head that begin with this name. */
const lines = (text: string | undefined, name: string): string[] => text?.match(new RegExp(`^${name}:.*(?=\\r$)`, 'gim')) ?? [];

it('date: adds one to an answer that has none, and leaves that of the upstream alone', async () => {
  const without = await (await start()).send(request(GET));
  const own = 'Date: Tue, 15 Nov 1994 08:12:31 GMT';
  const withDate = await (await start(OK.replace('\r\n', `\r\n${own}\r\n`))).send(request(GET));

  expect(lines(without.text, 'date')).toEqual([expect.stringMatching(/^Date: \w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/)]);
  expect(lines(withDate.text, 'date')).toEqual([own]);
});

it('method-override: what asks for another method goes no further where an API takes some methods alone', async () => {
  const capture = await startCapture(OK);
  const open = makeRoute({ upstreamUrl: capture.url, prefix: '/apis/acme/open' });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: capture.url, methods: ['GET', 'POST'] }), open] });
  const names = ['X-HTTP-Method-Override', 'x-http-method', 'X-Method-Override', 'X_HTTP_Method_Override', 'X-Kept'];
  const fields = [...names.map((name) => `${name}: DELETE`), 'Content-Length: 0'];

  for (const api of ['payments', 'open']) await sendRaw(gateway.port, request(`POST /apis/acme/${api}/x`, fields), isOk);

  const sent = capture.received.map((text) => names.filter((name) => lines(text, name).length > 0));
  expect(sent).toEqual([['X-Kept'], ['X-HTTP-Method-Override', 'x-http-method', 'X-Method-Override', 'X-Kept']]);
});

it('max-forwards: counts down on OPTIONS, answers for the API at its end, and means nothing elsewhere', async () => {
  const { capture, send } = await start();
  const OPTIONS = 'OPTIONS /apis/acme/payments/x';

  const last = await send(request(OPTIONS, ['Max-Forwards: 0']), (text) => text.endsWith('\r\n\r\n'));
  for (const [line, value] of [
    [OPTIONS, '5'],
    [OPTIONS, 'many'],
    [GET, '0'],
  ] as const)
    await send(request(line, [`Max-Forwards: ${value}`]));

  expect(last.status).toBe(204);
  expect(lines(last.text, 'allow')).toEqual(['Allow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT']);
  expect(capture.received.map((text) => lines(text, 'max-forwards')[0])).toEqual([
    'max-forwards: 4',
    'max-forwards: many',
    'max-forwards: 0',
  ]);
});

it('field-order: fields of one name keep their order and their lines, both ways', async () => {
  const { capture, send } = await start(OK.replace('\r\n', '\r\nSet-Cookie: a=1\r\nX-A: 1\r\nSet-Cookie: b=2\r\nX-A: 2\r\n'));

  const { text } = await send(request(GET, ['X-A: 1', 'Cookie: a=1', 'X-A: 2', 'X-B:  spaces \t']));

  expect(lines(capture.received[0], 'x-a')).toEqual(['X-A: 1', 'X-A: 2']);
  expect(lines(capture.received[0], 'x-b')).toEqual(['X-B: spaces']);
  expect(lines(text, 'set-cookie')).toEqual(['Set-Cookie: a=1', 'Set-Cookie: b=2']);
  expect(lines(text, 'x-a')).toEqual(['X-A: 1', 'X-A: 2']);
});

it('no-transform: content, its coding and what a client says it accepts go through byte for byte', async () => {
  const zipped = gzipSync('hello').toString('latin1');
  const { capture, send } = await start(
    `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nCache-Control: no-transform\r\nContent-Length: ${zipped.length}\r\n\r\n${zipped}`,
  );

  const { text } = await send(request(GET, ['Accept-Encoding: br;q=0.5, gzip']), (soFar) => soFar.endsWith(zipped));

  expect(lines(capture.received[0], 'accept-encoding')).toEqual(['Accept-Encoding: br;q=0.5, gzip']);
  expect(lines(text, 'content-encoding')).toEqual(['Content-Encoding: gzip']);
  expect(text.endsWith(zipped)).toBe(true);
});

it('range: requests and parts go through', async () => {
  const { capture, send } = await start('HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nok');

  const { text, status } = await send(request(GET, ['Range: bytes=0-1', 'If-Range: "x"']));

  expect(lines(capture.received[0], '(?:if-)?range')).toEqual(['Range: bytes=0-1', 'If-Range: "x"']);
  expect([status, lines(text, 'content-range')]).toEqual([206, ['Content-Range: bytes 0-1/9']]);
});

it('conditional requests and their answers go through', async () => {
  const { capture, send } = await start('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n');

  const { status } = await send(request(GET, ['If-None-Match: "x"']), (text) => text.endsWith('\r\n\r\n'));

  expect(lines(capture.received[0], 'if-none-match')).toEqual(['If-None-Match: "x"']);
  expect(status).toBe(304);
});

it('version: speaks HTTP/1.1 to both sides, whatever they speak', async () => {
  const { url } = await startTcp((socket) => {
    socket.once('data', (chunk) => socket.end(`HTTP/1.0 200 OK\r\n\r\n${chunk.toString('latin1').split('\r\n')[0] ?? ''}`));
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const { text } = await sendRaw(gateway.port, request(GET).replace('HTTP/1.1', 'HTTP/1.0'));

  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(text).toMatch(/\r\n\r\nGET \/x HTTP\/1\.1$/);
});

it('an answer that ends with its connection becomes one that says where it ends', async () => {
  const { url } = await startTcp((socket) => {
    socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nok'));
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const { text } = await sendRaw(gateway.port, request(GET), (soFar) => soFar.endsWith('0\r\n\r\n'));

  expect(lines(text, 'transfer-encoding')).toEqual(['Transfer-Encoding: chunked']);
  expect(text).toMatch(/\r\n\r\n2\r\nok\r\n0\r\n\r\n$/);
});

it('ignores an empty line before a request', async () => {
  const { send } = await start();

  expect((await send(`\r\n${request(GET)}`)).status).toBe(200);
});

it('connection: a client that asks for the end gets it with the answer', async () => {
  const { gateway } = await start();

  const answer = await sendRaw(gateway.port, request(GET, ['Connection: close']));

  expect([answer.status, answer.isClosed, lines(answer.text, 'connection')]).toEqual([200, true, ['Connection: close']]);
});

it('www-authenticate: a request without a key is told how to bring one', async () => {
  const { send } = await start();

  const { status, text } = await send(request(GET).replace(KEY, ''), (soFar) => soFar.endsWith('}'));

  expect([status, lines(text, 'www-authenticate')]).toEqual([401, ['WWW-Authenticate: Bearer realm="stoa"']]);
});

it('allow: a method that the API has not, or that nobody knows, is refused with those that it has', async () => {
  const { capture, send } = await start();

  for (const method of ['PROPFIND', 'LINK']) {
    const { status, text } = await send(request(`${method} /apis/acme/payments/x`), (soFar) => soFar.endsWith('}'));
    expect([status, lines(text, 'allow')]).toEqual([405, ['Allow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT']]);
  }
  expect(capture.received).toEqual([]);
});

it('via: names the gateway in both directions, behind those before it', async () => {
  const { capture, send } = await start(OK.replace('\r\n', '\r\nVia: 1.0 origin\r\n'));

  const { text } = await send(request(GET, ['Via: 1.1 first']));

  expect(lines(capture.received[0], 'via')).toEqual([expect.stringMatching(/^via: 1\.1 first, 1\.1 stoa-[0-9a-f]{12}$/)]);
  expect(lines(text, 'via')).toEqual([expect.stringMatching(/^Via: 1\.0 origin, 1\.1 stoa-[0-9a-f]{12}$/)]);
});
