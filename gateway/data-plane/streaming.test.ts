/** Bodies of any size, and what happens when one side goes away. */
import { createHash } from 'node:crypto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { expect, it, vi } from 'vitest';
import {
  eventually,
  holdTime,
  KEY,
  makeRoute,
  request,
  startGateway,
  startUpstream,
  type TestGateway,
} from '../../test/helpers/data-plane.js';
import { sendRaw, startTcp } from '../../test/helpers/raw-tcp.js';
import { createBreaker } from './breaker.js';

const auth = { 'X-API-Key': KEY };
const MIB = 1024 * 1024;
const GET = 'GET /apis/acme/payments/x';
const POST = 'POST /apis/acme/payments/x';

const waitFor = (condition: () => boolean): Promise<void> => eventually(condition).toBe(true);

it('streams 256 MiB there and back with bounded memory', { timeout: 120_000 }, async () => {
  const { url } = await startUpstream((req, res) => void req.pipe(res));
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });
  const chunk = Buffer.alloc(MIB, 'x');
  const sent = createHash('sha256');
  const source = Readable.from(
    (function* () {
      for (let index = 0; index < 256; index += 1) {
        sent.update(chunk);
        yield chunk;
      }
    })(),
  );
  const before = process.memoryUsage().rss;
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20);

  const received = await new Promise<string>((resolve, reject) => {
    const req = httpRequest(`${gateway.url}/x`, { method: 'POST', headers: auth }, (res) => {
      const hash = createHash('sha256');
      res
        .on('data', (data: Buffer) => hash.update(data))
        .on('end', () => resolve(hash.digest('hex')))
        .on('error', reject);
    });
    req.on('error', reject);
    source.pipe(req);
  });

  clearInterval(watch);
  expect(received).toBe(sent.digest('hex'));
  // Client, gateway and upstream share this process.
  expect(peak - before).toBeLessThan(240 * MIB);
});

it('stops reading from an upstream whose client does not read', async () => {
  let written = 0;
  const { url } = await startUpstream((_req, res) => {
    const more = (): void => {
      while (written < 200 * MIB) {
        written += MIB;
        if (!res.write(Buffer.alloc(MIB))) break;
      }
    };
    res.on('drain', more);
    more();
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const socket = connect(gateway.port, '127.0.0.1', () => socket.write(request(GET)));
  socket.on('error', () => undefined).pause();
  let last = -1;
  await expect.poll(() => (written > 0 && written === last) || ((last = written), false), { interval: 300, timeout: 10_000 }).toBe(true);

  expect(written).toBeLessThan(60 * MIB);
  socket.destroy();
});

it('stops reading from a client whose upstream does not read', async () => {
  const { url } = await startTcp((socket) => void socket.pause());
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });
  const socket = connect(gateway.port, '127.0.0.1');
  socket.on('error', () => undefined);
  let written = 0;
  const more = (): void => {
    while (written < 200 * MIB) {
      written += MIB;
      if (!socket.write(Buffer.alloc(MIB))) break;
    }
  };
  socket.write(request(POST, [`Content-Length: ${1024 * MIB}`]));
  socket.on('drain', more);
  more();
  let last = -1;
  await expect.poll(() => written === last || ((last = written), false), { interval: 300, timeout: 10_000 }).toBe(true);

  expect(written).toBeLessThan(60 * MIB);
  socket.destroy();
});

it('hands on server-sent events one by one, however long they take to come', async () => {
  holdTime('setTimeout', 'clearTimeout');
  let say: (text: string) => void = () => undefined;
  const { url } = await startUpstream((_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' });
    say = (text) => res.write(text);
    say('data: 1\n\n');
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url, upstream: { timeoutMs: 200 } })] });
  const res = await new Promise<IncomingMessage>((resolve) => httpRequest(`${gateway.url}/x`, { headers: auth }, resolve).end());
  let text = '';
  res.on('error', () => undefined).on('data', (chunk: Buffer) => (text += chunk.toString()));

  await waitFor(() => text === 'data: 1\n\n');
  vi.advanceTimersByTime(60_000);
  say('data: 2\n\n');

  await waitFor(() => text === 'data: 1\n\ndata: 2\n\n');
  res.destroy();
});

interface AbortCase {
  readonly name: string;
  readonly send: string;
  readonly answer: string;
  readonly logged: Record<string, unknown>;
}

const aborts: readonly AbortCase[] = [
  { name: 'while it waits for the answer', send: request(GET), answer: '', logged: { status: 499, aborted: true } },
  { name: 'while it sends its body', send: request(POST, ['Content-Length: 100'], 'x'), answer: '', logged: { status: 400 } },
  {
    name: 'while it reads the answer',
    send: request(GET),
    answer: 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello',
    logged: { status: 200, aborted: true },
  },
];

it.each(aborts)(
  'cancels the upstream request when the client leaves $name, and tells the breaker nothing',
  async ({ send, answer, logged }) => {
    let started = false;
    let cancelled = false;
    const { url } = await startTcp((socket) => {
      socket.on('data', () => {
        started = true;
        socket.write(answer);
      });
      socket.on('close', () => (cancelled = true));
    });
    const breaker = createBreaker(url);
    const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url, upstream: { breaker } })] });
    const socket = connect(gateway.port, '127.0.0.1', () => socket.write(send));
    socket.on('error', () => undefined).on('data', () => undefined);
    await waitFor(() => started);

    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();

    await waitFor(() => cancelled);
    await waitFor(() => gateway.lines().some(({ event }) => event === 'request completed'));
    expect(breaker.stats(Date.now()).failure_count).toBe(0);
    expect(gateway.lines().find(({ event }) => event === 'request completed')).toMatchObject(logged);
    expect(panics(gateway)).toEqual([]);
  },
);

const panics = (gateway: TestGateway) => gateway.lines().filter(({ event }) => String(event).startsWith('PANIC'));

const cuts = [
  ['a sized body', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello'],
  ['a chunked body', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
] as const;

it.each(cuts)('cut-off: the client sees that %s did not come to its end', async (_name, answer) => {
  const { url } = await startTcp((socket) => {
    socket.on('data', () => socket.write(answer, () => setTimeout(() => socket.destroy(), 50)));
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const seen = await sendRaw(gateway.port, request(GET));
  const fetched = fetch(`${gateway.url}/x`, { headers: auth }).then((res) => res.text());

  expect(seen.isClosed).toBe(true);
  expect(seen.text).not.toMatch(/0\r\n\r\n$/);
  await expect(fetched).rejects.toThrow();
  expect(gateway.lines().some(({ event }) => event === 'backend_error')).toBe(true);
});

it('cut-off: the client sees that an answer which ends with its connection was broken off by a reset', async () => {
  const { url } = await startTcp((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\nhello', () => setTimeout(() => socket.resetAndDestroy(), 50)));
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const { isClosed, text } = await sendRaw(gateway.port, request(GET));

  expect(isClosed).toBe(true);
  expect(text).toMatch(/\r\n\r\n5\r\nhello\r\n$/);
  expect(gateway.lines()).toContainEqual(expect.objectContaining({ event: 'backend_error', error: 'connection reset' }));
});

it('cut-off: a client of HTTP/1.0 sees a reset, not the end of the body', async () => {
  const { url } = await startTcp((socket) => {
    socket.on('data', () => socket.write(cuts[1][1], () => setTimeout(() => socket.destroy(), 50)));
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const code = await new Promise((resolve) => {
    const socket = connect(gateway.port, '127.0.0.1', () => socket.write(request(GET).replace('HTTP/1.1', 'HTTP/1.0')));
    socket
      .on('data', () => undefined)
      .on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
      .on('end', () => resolve('end'));
  });

  expect(code).toBe('ECONNRESET');
});

it('hands on an answer that comes before the body was read, and closes', async () => {
  const { url } = await startTcp((socket) => {
    socket.once('data', () => socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'));
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const answer = await sendRaw(gateway.port, [
    request(POST, [`Content-Length: ${10 * MIB}`]),
    'x'.repeat(1000),
    'x'.repeat(200_000),
    request(GET),
  ]);

  expect(answer.status).toBe(403);
  expect(answer.text).toMatch(/connection: close/i);
  expect(answer.text).toMatch(/no$/);
  expect(answer.text.match(/HTTP\/1\.1 \d+/g)).toHaveLength(1);
  expect(panics(gateway)).toEqual([]);
});

it('request-smuggling: a body that turns malformed cancels the upstream request and is answered 400', async () => {
  let cancelled = false;
  let seen = '';
  const { url } = await startTcp((socket) => {
    socket.on('data', (chunk) => (seen += chunk.toString()));
    socket.on('close', () => (cancelled = true));
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const answer = await sendRaw(gateway.port, [
    request(POST, ['Transfer-Encoding: chunked']),
    '5\r\nhello\r\n',
    'nonsense\r\n',
    request(GET),
  ]);

  expect(answer.status).toBe(400);
  expect(answer.text.match(/HTTP\/1\.1 \d+/g)).toHaveLength(1);
  await waitFor(() => cancelled);
  expect(seen).not.toMatch(/0\r\n\r\n$/);
});

it('one upstream that hangs takes nothing from the others', async () => {
  const hanging = await startTcp(() => undefined);
  const { url } = await startUpstream((_req, res) => res.end('ok'));
  const gateway = await startGateway({
    routes: [makeRoute({ upstreamUrl: hanging.url, prefix: '/hang' }), makeRoute({ upstreamUrl: url })],
  });
  const sockets = Array.from({ length: 200 }, () => {
    const socket = connect(gateway.port, '127.0.0.1', () => socket.write(request('GET /hang/x')));
    return socket.on('error', () => undefined);
  });

  const answers = await Promise.all(Array.from({ length: 50 }, async () => (await fetch(`${gateway.url}/x`, { headers: auth })).status));

  expect(new Set(answers)).toEqual(new Set([200]));
  for (const socket of sockets) socket.destroy();
});
