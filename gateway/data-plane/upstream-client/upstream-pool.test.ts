import { createServer as createHttpsServer } from 'node:https';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { createAuthority } from '../../../test/helpers/certificates.js';
import { eventually, startUpstream } from '../../../test/helpers/data-plane.js';
import { startTcp } from '../../../test/helpers/raw-tcp.js';
import { ask, dispatch, isOk, OK, poolFor, startPool, type Outcome } from '../../../test/helpers/upstream-pool.js';

it('sends one request after the other over one connection', async () => {
  const { pool, opened } = await startPool();

  for (let n = 0; n < 5; n += 1) expect(await ask(pool)).toEqual(isOk);

  expect([pool.size, opened.connections]).toEqual([1, 1]);
});

it('opens as many connections as are needed at once, and uses them again', async () => {
  const { pool, opened } = await startPool((_req, res) => setTimeout(() => res.end('ok'), 50));

  for (let n = 0; n < 3; n += 1) expect(await Promise.all(Array.from({ length: 4 }, () => ask(pool)))).toEqual([isOk, isOk, isOk, isOk]);

  expect([pool.size, opened.connections]).toEqual([4, 4]);
});

it('goes on with a server that was away', async () => {
  const server = createServer((_req, res) => res.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const pool = poolFor(`http://127.0.0.1:${port}`);

  const whileAway = [await ask(pool), await ask(pool)];
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());

  expect(whileAway.map(({ error }) => error)).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
  expect([await ask(pool), await ask(pool)]).toEqual([isOk, isOk]);
  expect(pool.size).toBe(1);
});

it.each([
  ['a line break in a value', { headers: ['x-a', 'b\nc'] }],
  ['a carriage return in a value', { headers: ['x-a', 'b\r'] }],
  ['a character that is no byte', { headers: ['x-a', 'caf\u0119'] }],
  ['a space in a name', { headers: ['x a', 'b'] }],
  ['a name that ends its line', { headers: ['x-a: b\r\nx-b', 'c'] }],
  ['a space in the path', { path: '/a b' }],
  ['a line break in the path', { path: '/ HTTP/1.1\r\nx: y' }],
  ['a whole field in a value', { headers: ['x-a', 'b\r\nx-b: c'] }],
  ['a second request in a value', { headers: ['x-a', 'b\r\n\r\nGET /evil HTTP/1.1\r\nhost: a'] }],
  ['a length of its own', { headers: ['Content-Length', '5'] }],
  ['a coding of its own', { headers: ['transfer-encoding', 'chunked'] }],
])('writes nothing of a request with %s, and its connection is as good as before', async (_name, changes) => {
  const { pool, opened } = await startPool();
  await ask(pool);

  expect(await ask(pool, changes)).toMatchObject({ error: 'STOA_INVALID_REQUEST' });

  expect(await ask(pool)).toEqual(isOk);
  expect(opened.connections).toBe(1);
});

it('request-smuggling: an answer that comes before its request is never taken for the answer to the next one', async () => {
  const sockets: Socket[] = [];
  const { url, connections } = await startTcp((socket) => {
    sockets.push(socket);
    socket.on('data', (chunk) => socket.write(chunk.includes('/first') ? OK : OK.replace('ok', 'no')));
  });
  const pool = poolFor(url);
  await ask(pool, { path: '/first' });

  // In the same turn in which the next request is handed over, and long before.
  for (const waitMs of [0, 50]) {
    await new Promise<void>((resolve) => sockets.at(-1)?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil', () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    expect(await ask(pool)).toEqual({ ...isOk, body: 'no' });
  }

  expect(connections()).toBe(3);
});

it('request-smuggling: what came in the turn in which a request is handed over is read before it is written', async () => {
  const sockets: Socket[] = [];
  const { url, connections } = await startTcp((socket) => {
    sockets.push(socket);
    socket.on('data', () => setTimeout(() => socket.write(OK), 20));
  });
  const pool = poolFor(url);
  await ask(pool);
  const { port } = await startTcp((socket) => socket.end('x'));

  // A read of the event loop, in which the poll is over that would have brought these bytes.
  const answer = await new Promise<Outcome>((resolve) => {
    connect(port, '127.0.0.1').once('data', () => {
      sockets[0]?.write(OK.replace('ok', 'no'));
      resolve(ask(pool));
    });
  });

  expect(answer).toEqual(isOk);
  expect(connections()).toBe(2);
});

it('request-smuggling: whatever a server makes of one answer, the next request gets its own', { timeout: 60_000 }, async () => {
  const { url } = await startTcp((socket) => {
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        const [, hex = ''] = /^GET \/([0-9a-f]*) /.exec(chunk.toString('latin1')) ?? [];
        socket.write(hex === '' ? OK.replace('ok', 'no') : Buffer.from(hex, 'hex'));
      });
  });
  const answers = [
    OK,
    `${OK}${OK}`,
    OK.replace('Content-Length: 2', 'Transfer-Encoding: chunked').replace('ok', '2\r\nok\r\n0\r\n\r\n'),
    `HTTP/1.1 103 A\r\n\r\n${OK}`,
  ];
  const pieces = fc.constantFrom('', '\r\n', '\n', '0', '1', 'x', '\r\n\r\n', OK, 'Content-Length: 0\r\n', '0\r\n\r\n');
  const broken = fc
    .record({ bytes: fc.constantFrom(...answers), at: fc.nat(120), length: fc.nat(3), piece: pieces })
    .map(({ bytes, at, length, piece }) => bytes.slice(0, at % bytes.length) + piece + bytes.slice((at % bytes.length) + length));
  const samples = fc.sample(broken, {
    seed: Number(process.env['STOA_TEST_SEED'] ?? 20_261_130),
    numRuns: Number(process.env['STOA_TEST_RUNS'] ?? 200),
  });

  await Promise.all(
    samples.map(async (bytes) => {
      const pool = poolFor(url);
      const first = dispatch(pool, { path: `/${Buffer.from(bytes, 'latin1').toString('hex')}` });
      // Some never come to their end.
      await Promise.race([
        first.outcome,
        eventually(() => first.isSent)
          .toBe(true)
          .then(() => new Promise((resolve) => setTimeout(resolve, 200))),
      ]);

      expect(await ask(pool), JSON.stringify(bytes)).toEqual({ ...isOk, body: 'no' });
    }),
  );
});

it.each([
  ['bytes behind it', `${OK}x`],
  ['a close', OK.replace('\r\n', '\r\nConnection: close\r\n')],
  ['a hint that leaves no time', OK.replace('\r\n', '\r\nKeep-Alive: timeout=1\r\n')],
  ['version 1.0', OK.replace('1.1', '1.0')],
])('uses no connection again after an answer with %s', async (_name, answer) => {
  const { url, connections } = await startTcp((socket) => void socket.on('data', () => socket.write(answer)));
  const pool = poolFor(url);

  expect([await ask(pool), await ask(pool)]).toEqual([isOk, isOk]);

  expect(connections()).toBe(2);
});

it.each([
  ['204 No Content', 'Content-Length: 5'],
  ['204 No Content', 'Transfer-Encoding: chunked'],
  ['304 Not Modified', 'Content-Length: 5'],
  ['304 Not Modified', 'Transfer-Encoding: chunked'],
])("request-smuggling: what comes late behind %s with %s is nobody's answer", async (line, field) => {
  const { url } = await startTcp((socket) => {
    socket.on('data', (chunk) => {
      if (!chunk.includes('/first')) setTimeout(() => socket.write(OK), 50);
      else socket.write(`HTTP/1.1 ${line}\r\n${field}\r\n\r\n`, () => setTimeout(() => socket.write(OK.replace('ok', 'no')), 10));
    });
  });
  const pool = poolFor(url);

  expect(await ask(pool, { path: '/first' })).toMatchObject({ body: '', error: undefined });

  expect(await ask(pool)).toEqual(isOk);
});

it.each(['204 No Content\r\nContent-Length: 0', '304 Not Modified\r\nETag: "a"'])('uses a connection again after %j', async (head) => {
  const { url, connections } = await startTcp((socket) => void socket.on('data', () => socket.write(`HTTP/1.1 ${head}\r\n\r\n`)));
  const pool = poolFor(url);

  for (let n = 0; n < 2; n += 1) expect(await ask(pool)).toMatchObject({ body: '', error: undefined });

  expect(connections()).toBe(1);
});

it('asks for the end of the connection with HEAD, since some servers send a body all the same', async () => {
  const { pool, opened } = await startPool((req, res) => res.end(req.headers.connection));

  expect(await ask(pool, { method: 'HEAD' })).toEqual({ ...isOk, body: '' });

  expect((await ask(pool)).body).toBe('keep-alive');
  expect(opened.connections).toBe(2);
});

it('closes what nobody needs', { timeout: 20_000 }, async () => {
  let open = 0;
  const { url } = await startTcp((socket) => {
    open += 1;
    socket.on('data', () => socket.write(OK.replace('\r\n', '\r\nKeep-Alive: timeout=2\r\n'))).on('close', () => (open -= 1));
  });
  const pool = poolFor(url);

  await Promise.all([ask(pool), ask(pool), ask(pool)]);
  expect([open, pool.size]).toEqual([3, 3]);

  await eventually(() => [open, pool.size].join()).toBe('0,0');
});

it('never sends on a connection that its server is about to close', async () => {
  const { url, connections } = await startTcp(
    (socket) => void socket.on('data', () => socket.write(OK.replace('\r\n', '\r\nKeep-Alive: timeout=2\r\n'))),
  );
  const pool = poolFor(url);
  await ask(pool);

  await new Promise((resolve) => setTimeout(resolve, 1100));
  await ask(pool);

  expect(connections()).toBe(2);
});

it('a body that is streamed is sized or chunked, and goes out with its head', async () => {
  const received: string[] = [];
  const { url } = await startTcp((socket) => {
    socket.on('data', (chunk) => {
      received.push(chunk.toString('latin1'));
      if (/hello$|0\r\n\r\n$/.test(received.join(''))) socket.write(OK);
    });
  });
  const pool = poolFor(url);
  const bodies = [new PassThrough(), new PassThrough()];
  for (const body of bodies) body.end('hello');

  await ask(pool, { method: 'POST', body: bodies[0], bodyLength: 5 });
  await ask(pool, { method: 'POST', body: bodies[1] });
  await ask(pool, { method: 'POST', body: Buffer.from('hello') });

  const sized = 'POST / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello';
  const chunked = 'POST / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
  expect(received.join('')).toBe(sized + chunked + sized);
  expect(received[0]).toBe(sized);
});

it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'GET'])('%s without a body says so where a server may expect one', async (method) => {
  const { pool } = await startPool((req, res) => res.end(String(req.headers['content-length'])));

  expect((await ask(pool, { method })).body).toBe(/^P/.test(method) ? '0' : 'undefined');
});

it('a body that breaks off is not sent to its end, and its connection is closed', async () => {
  let text = '';
  let isClosed = false;
  const { url } = await startTcp((socket) => {
    socket.on('data', (chunk) => (text += chunk.toString('latin1'))).on('close', () => (isClosed = true));
  });
  const body = new PassThrough();
  const { outcome } = dispatch(poolFor(url), { method: 'POST', body });

  body.write('hello');
  await eventually(() => text.endsWith('hello\r\n')).toBe(true);
  body.destroy(new Error('gone'));

  expect(await outcome).toMatchObject({ error: 'gone' });
  await eventually(() => isClosed).toBe(true);
  expect(text).not.toMatch(/0\r\n\r\n$/);
});

it('an answer that comes before the body was sent is handed on, and the connection closed', async () => {
  const { url, connections } = await startTcp((socket) => void socket.on('data', () => socket.write(OK)));
  const pool = poolFor(url);
  const body = new PassThrough();
  body.write('hello');

  expect(await ask(pool, { method: 'POST', body })).toEqual(isOk);

  await ask(pool);
  expect(connections()).toBe(2);
});

it.each([
  ['a reset inside of an answer that ends with its connection', 'HTTP/1.1 200 OK\r\n\r\nok', 'ECONNRESET'],
  ['a reset inside of a sized answer', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok', 'ECONNRESET'],
  ['a reset before an answer', '', 'ECONNRESET'],
])('cut-off: %s is an error', async (_name, answer, error) => {
  const { url } = await startTcp(
    (socket) => void socket.on('data', () => socket.write(answer, () => setTimeout(() => socket.resetAndDestroy(), 50))),
  );

  expect(await ask(poolFor(url))).toMatchObject({ error });
});

it.each([
  ['HTTP/1.1 200 OK\r\n\r\nok', undefined],
  ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok', 'STOA_ANSWER_CUT_SHORT'],
  ['HTTP/1.1 200 OK\r\n', 'STOA_ANSWER_CUT_SHORT'],
  ['', 'STOA_CONNECTION_CLOSED'],
])('cut-off: %j and the end of the connection: error %s', async (answer, error) => {
  const { url } = await startTcp((socket) => void socket.on('data', () => socket.end(answer)));

  expect(await ask(poolFor(url))).toMatchObject({ error });
});

it('gives up an exchange at any time: its handler hears nothing more, and the server sees a reset', async () => {
  let isReset = false;
  const { url } = await startTcp((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n')).on('error', () => (isReset = true));
  });
  const pool = poolFor(url);
  const asked = dispatch(pool);
  let isSettled = false;
  void asked.outcome.then(() => (isSettled = true));
  await eventually(() => asked.isSent).toBe(true);

  if (asked.handler !== undefined) asked.source?.abort(asked.handler);

  await eventually(() => [isReset, pool.size].join()).toBe('true,0');
  expect(isSettled).toBe(false);
});

it('tells everybody when it is destroyed, also those who come later', async () => {
  const { url } = await startTcp(() => undefined);
  const pool = poolFor(url);
  const asked = dispatch(pool);
  await eventually(() => asked.isSent).toBe(true);

  pool.destroy();

  expect([await asked.outcome, await ask(pool)]).toMatchObject([{ error: 'STOA_CONNECTION_CLOSED' }, { error: 'STOA_CONNECTION_CLOSED' }]);
  await eventually(() => pool.size).toBe(0);
});

it("what one handler says of a connection that is another one's by now means nothing", async () => {
  const { pool, opened } = await startPool((req, res) => setTimeout(() => res.end('ok'), req.url === '/slow' ? 100 : 0));
  const first = dispatch(pool);
  await first.outcome;

  const second = dispatch(pool, { path: '/slow' });
  await eventually(() => second.isSent).toBe(true);
  if (first.handler !== undefined) first.source?.abort(first.handler);

  expect(await second.outcome).toEqual(isOk);
  expect(opened.connections).toBe(1);
});

it('connects in time or not at all', async () => {
  // A connection is there before a handshake of TLS, which never begins here.
  const { url } = await startTcp(() => undefined);

  expect(await ask(poolFor(url.replace('http:', 'https:'), { connectTimeoutMs: 100 }))).toMatchObject({ error: 'STOA_CONNECT_TIMEOUT' });
});

it.each(['http://127.0.0.1:1', 'http://localhost:1', 'http://[::1]:1', 'http://169.254.169.254'])(
  'ssrf: %s is not connected to where it is not allowed',
  async (origin) => {
    expect(await ask(poolFor(origin, { allowPrivate: false }))).toMatchObject({ error: 'STOA_ADDRESS' });
  },
);

it('finds a server by its name, whichever of its addresses it listens on', async () => {
  const { url } = await startUpstream((_req, res) => res.end('ok'));
  const { port } = new URL(url);

  expect(await ask(poolFor(`http://localhost:${port}`))).toEqual(isOk);
});

it('speaks TLS with servers whose certificate is good for their name alone', async () => {
  const authority = createAuthority();
  const [good, other] = [
    authority.issue('localhost', { names: ['localhost'] }),
    authority.issue('elsewhere', { names: ['elsewhere.example'] }),
  ];
  const names: (string | false | null)[] = [];
  const origins = await Promise.all(
    [good, other].map(async ({ pem, keyPem }) => {
      const server = createHttpsServer({ cert: pem, key: keyPem }, (_req, res) => res.end('ok'));
      server.on('secureConnection', ({ servername, alpnProtocol }) => names.push(servername, alpnProtocol));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      onTestFinished(() => {
        server.closeAllConnections();
        server.close();
      });
      return `https://localhost:${(server.address() as AddressInfo).port}`;
    }),
  );
  const [trusted, wrong] = origins.map((origin) => poolFor(origin, { ca: authority.pem }));
  if (trusted === undefined || wrong === undefined) throw new TypeError('There are two servers.');

  expect([await ask(trusted), await ask(trusted)]).toEqual([isOk, isOk]);
  expect(trusted.size).toBe(1);
  expect(names.slice(0, 2)).toEqual(['localhost', 'http/1.1']);
  expect((await ask(wrong)).error).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  expect((await ask(poolFor(origins[0] ?? ''))).error).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
});
