/** The fast lane and node read every conversation alike: the same reaches the upstream, the client and the log. Half of the bytes are broken on purpose. */
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createBreaker, DEFAULT_BREAKER } from '../gateway/data-plane/breaker.js';
import { CORPUS, PIECES } from './corpus/requests.js';
import { KEY, makeRoute, request, startGateway, type TestGateway } from './helpers/data-plane.js';
import { sendRaw, startTcp } from './helpers/raw-tcp.js';

const big = 'x'.repeat(40_000);
/** What an upstream answers to `?a=` and the place in this list; undefined: nothing, it resets. The second text is the body, which HEAD does not get. */
const ANSWERS: readonly (readonly [head: string, body: string, isLast?: boolean] | undefined)[] = [
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', 'ok'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '2\r\nok\r\n0\r\n\r\n'],
  ['HTTP/1.1 200 OK\r\n\r\n', 'ok', true],
  ['HTTP/1.1 204 No Content\r\n\r\n', ''],
  ['HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: "x"\r\n\r\n', ''],
  ['HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', 'ok'],
  ['HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n', ''],
  [`HTTP/1.1 200 OK\r\nContent-Length: ${big.length}\r\n\r\n`, big],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', `${big.length.toString(16)}\r\n${big}\r\n2\r\nok\r\n0\r\n\r\n`],
  ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n', 'ok', true],
  [
    'HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nConnection: x-gone\r\nX-Gone: 1\r\nKeep-Alive: timeout=9\r\nContent-Length: 0\r\n\r\n',
    '',
  ],
  ['HTTP/1.1 200 OK\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\nX-Text: caf\xe9\r\nContent-Length: 2\r\n\r\n', 'ok'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n', 'ok', true],
  ['HTTP/1.0 200 OK\r\n\r\n', 'ok', true],
  undefined,
];

function answer(socket: Socket, message: string): void {
  const chosen = ANSWERS[Number(/^\S+ \S*\?a=(\d+)/.exec(message)?.[1] ?? 0) % ANSWERS.length];
  if (chosen === undefined) {
    socket.resetAndDestroy();
    return;
  }
  const [head, body, isLast = false] = chosen;
  const text = message.startsWith('HEAD') ? head : head + body;
  if (isLast) socket.end(text, 'latin1');
  else socket.write(text, 'latin1');
}

async function startUpstream() {
  const received: string[] = [];
  const { url } = await startTcp((socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
      const isChunked = /\r\ntransfer-encoding: *chunked/i.test(text.slice(0, end));
      if (end === -1 || (isChunked ? !text.endsWith('0\r\n\r\n') : text.length < end + 4 + length)) return;
      received.push(text);
      answer(socket, text);
      text = '';
    });
  });
  return { url, received };
}

interface Lane {
  readonly gateway: TestGateway;
  readonly received: string[];
}

async function startLane(fastLane: boolean): Promise<Lane> {
  const { url, received } = await startUpstream();
  // What one conversation breaks must not be told to the next one.
  const breaker = createBreaker(url, { ...DEFAULT_BREAKER, failureThreshold: 1e9 });
  return { gateway: await startGateway({ fastLane, routes: [makeRoute({ upstreamUrl: url, upstream: { breaker } })] }), received };
}

/** Whatever came before: a body that is waited for is filled up, a head gets its end, and the connection closes. */
const LAST = request('GET /apis/acme/payments/last', ['Connection: close', `X-Fill: ${'x'.repeat(2000)}`]);

const VARIABLE: readonly (readonly [RegExp, string])[] = [
  [/^(x-(?:stoa-)?request-id: )[0-9a-f]{8}-.*$/gim, '$1some'],
  [/^(traceparent: )00-(?!0af7).*$/gim, '$1some'],
  [/(via: .*stoa-)[0-9a-f]{12}/gi, '$1some'],
  [/^(date: )(?!Tue, 15 Nov 1994).*$/gim, '$1now'],
  [/^(x-forwarded-port|host): (?:127\.0\.0\.1:)?\d+$/gim, '$1: some'],
];
const plain = (text: string): string => VARIABLE.reduce((soFar, [pattern, by]) => soFar.replaceAll(pattern, by), text.replaceAll('\r', ''));

/** Whether the close of the connection overtakes the last request is a matter of chance; so is the line about bytes behind an answer that broke off. */
const isSaid = (text: string): boolean => !text.includes('/last');

/** What a conversation looks like from outside. */
async function converse({ gateway, received }: Lane, parts: readonly string[], waitMs: number) {
  const [upstreamBefore, linesBefore] = [received.length, gateway.lines().length];
  const { text, isClosed } = await sendRaw(gateway.port, [...parts, LAST, LAST], undefined, waitMs);
  do await new Promise((resolve) => setTimeout(resolve, 10));
  while (gateway.listener.connections() > 0);
  const lines = gateway.lines().slice(linesBefore);
  return {
    client: plain(text),
    isClosed,
    // node serves the next request of a connection beside the one before it, the fast lane after it.
    upstream: received.slice(upstreamBefore).filter(isSaid).map(plain).sort(),
    log: lines
      .filter(({ path }) => typeof path === 'string' && isSaid(path))
      .map(({ event, status, path, reason, error }) => JSON.stringify({ event, status, path, reason, error }))
      .sort(),
  };
}

const TRIES = 5;

/** What both lanes make of a conversation, where it is not the same. What a close overtakes is a matter of chance, in either lane: what comes out alike once is alike. */
async function compare(fast: Lane, node: Lane, parts: readonly string[], waitMs = 60_000): Promise<unknown> {
  const [byFast, byNode] = [new Set<string>(), new Set<string>()];
  for (let tries = 0; tries < TRIES; tries += 1) {
    const both = await Promise.all([converse(fast, parts, waitMs), converse(node, parts, waitMs)]);
    byFast.add(JSON.stringify(both[0]));
    byNode.add(JSON.stringify(both[1]));
    if ([...byFast].some((outcome) => byNode.has(outcome))) return undefined;
  }
  return { parts, byFast: [...byFast], byNode: [...byNode] };
}

const NAMES = [
  'X-A',
  'Accept',
  'Cookie',
  'X-Request-Id',
  'Via',
  'traceparent',
  'Content-Type',
  'X-Forwarded-For',
  'X_Under',
  'If-None-Match',
];
const field = fc.oneof(
  fc
    .tuple(fc.constantFrom(...NAMES), fc.constantFrom('a', 'a, b', ' \ta\t ', '', '"x"', 'req-1', '1.1 other'))
    .map(([name, value]) => `${name}: ${value}`),
  fc.constantFrom(
    'Connection: keep-alive',
    'Connection: x-a',
    'Connection: close',
    'Expect: 100-continue',
    'TE: trailers',
    'Upgrade: h2c',
    'Content-Length: 0',
  ),
  fc.constant('traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
);
const METHODS = ['GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'LINK', 'TRACE'] as const;
const PATHS = [
  '/apis/acme/payments/x',
  '/apis/acme/payments',
  '/apis/acme/payments/a%20b',
  '/nowhere',
  '/health',
  '/apis/acme/payments/../x',
  '/apis/acme/payments/;y',
];
const message = fc
  .record({
    method: fc.constantFrom(...METHODS),
    path: fc.constantFrom(...PATHS, PATHS[0] ?? '', PATHS[0] ?? ''),
    choice: fc.nat(ANSWERS.length - 1),
    fields: fc.array(field, { maxLength: 4 }),
    body: fc.option(fc.constantFrom('', 'hello', 'x'.repeat(1500)), { freq: 3 }),
    key: fc.constantFrom(KEY, KEY, KEY, 'wrong'),
  })
  .map(({ method, path, choice, fields, body, key }) =>
    request(`${method} ${path}?a=${choice}`, body === null ? fields : [...fields, `Content-Length: ${body.length}`], body ?? '').replace(
      KEY,
      key,
    ),
  );
const broken = fc
  .record({ text: message, at: fc.nat(400), cut: fc.nat(4), piece: fc.constantFrom('', ...PIECES) })
  .map(({ text, at, cut, piece }) => text.slice(0, at % text.length) + piece + text.slice((at % text.length) + cut));
const split = fc
  .record({ text: message, at: fc.nat(400) })
  .map(({ text, at }) => [text.slice(0, at % text.length), text.slice(at % text.length)]);
/** Nothing behind a request that ends its connection: how much of it is read is a matter of chance. */
const together = fc
  .tuple(
    message.filter((text) => !/^(?:expect|connection: close|upgrade)/im.test(text)),
    message,
  )
  .map((both) => [both.join('')]);
const part = fc.oneof(
  { weight: 4, arbitrary: message.map((text) => [text]) },
  { weight: 3, arbitrary: broken.map((text) => [text]) },
  { weight: 1, arbitrary: split },
  { weight: 1, arbitrary: together },
);
const conversation = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.flat().filter(Boolean));

const LANES_AT_ONCE = 8;

/** What the lanes make differently of these conversations. */
async function differencesIn(conversations: readonly (readonly string[])[], waitMs?: number): Promise<unknown[]> {
  const differences: unknown[] = [];
  await Promise.all(
    Array.from({ length: LANES_AT_ONCE }, async (_, worker) => {
      const [fast, node] = [await startLane(true), await startLane(false)];
      for (const parts of conversations.filter((_parts, index) => index % LANES_AT_ONCE === worker)) {
        const difference = await compare(fast, node, parts, waitMs);
        if (difference !== undefined) differences.push(difference);
      }
    }),
  );
  return differences;
}

it('whatever is said, both lanes forward, answer and log the same', { timeout: 240_000 }, async () => {
  const seed = Number(process.env['STOA_TEST_SEED'] ?? 20_261_130);
  const conversations = fc.sample(conversation, { seed, numRuns: Number(process.env['STOA_TEST_RUNS'] ?? 400) });

  expect(await differencesIn(conversations)).toEqual([]);
});

it('what is ambiguous is the same to both lanes', { timeout: 240_000 }, async () => {
  const requests = CORPUS.map(({ bytes }) => bytes.replaceAll('{path}', '/apis/acme/payments/x').replaceAll('{key}', KEY));

  // Some of them announce more than ever comes.
  expect(
    await differencesIn(
      requests.map((bytes) => [bytes]),
      1500,
    ),
  ).toEqual([]);
});
