import type { Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { expect, it } from 'vitest';
import { createAuthority } from '../../../test/helpers/certificates.js';
import { eventually } from '../../../test/helpers/data-plane.js';
import { startTcp } from '../../../test/helpers/raw-tcp.js';
import { ask, dispatch, isOk, poolFor } from '../../../test/helpers/upstream-pool.js';

const MIB = 1024 * 1024;
const WHOLE = 32 * MIB;

/** A server, behind TLS or not, and the pool of connections to it; `below` is the connection that carries TLS, or the same one. */
async function start(scheme: string, handle: (socket: Socket | TLSSocket, below: Socket) => void) {
  if (scheme === 'http') {
    const { url } = await startTcp((socket) => handle(socket, socket));
    return poolFor(url);
  }
  const authority = createAuthority();
  const { pem, keyPem } = authority.issue('localhost', { names: ['localhost'] });
  const belows: Socket[] = [];
  const server = createTlsServer({ cert: pem, key: keyPem }, (socket) => {
    const below = belows[0];
    if (below !== undefined)
      handle(
        socket.on('error', () => undefined),
        below,
      );
  });
  const { url } = await startTcp((socket) => {
    belows.push(socket);
    server.emit('connection', socket);
  });
  return poolFor(url.replace('http:', 'https:').replace('127.0.0.1', 'localhost'), { ca: authority.pem });
}

/** A server that answers with as many bytes as are taken from it. */
async function startEndless(scheme: string) {
  const sent = { bytes: 0 };
  const pool = await start(scheme, (socket) => {
    const more = (): void => {
      while (sent.bytes < WHOLE && !socket.destroyed) {
        sent.bytes += MIB;
        if (!socket.write(Buffer.alloc(MIB))) return;
      }
    };
    socket.on('drain', more).once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${WHOLE}\r\n\r\n`);
      more();
    });
  });
  return { pool, sent };
}

it.each(['http', 'https'])(
  'back-pressure: reads no more of an answer over %s than its handler takes, and all of it in the end',
  async (scheme) => {
    const { pool, sent } = await startEndless(scheme);
    let received = 0;
    let isTaking = false;
    const asked = dispatch(pool, {}, { onData: (chunk) => ((received += chunk.length), isTaking) });
    await eventually(() => received).toBeGreaterThan(0);
    let before = -1;
    await expect.poll(() => sent.bytes === before || ((before = sent.bytes), false), { interval: 200, timeout: 20_000 }).toBe(true);

    const held = received;
    isTaking = true;
    if (asked.handler !== undefined) asked.source?.resume(asked.handler);

    expect(held).toBeLessThan(WHOLE / 2);
    expect(await asked.outcome).toMatchObject({ status: 200, error: undefined });
    expect(received).toBe(WHOLE);
  },
);

it("what a handler says of a connection that is another one's by now makes nobody read on", async () => {
  let answered = 0;
  const pool = await start('http', (socket) => {
    socket.on('data', () => {
      answered += 1;
      socket.write(
        answered === 1 ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' : `HTTP/1.1 200 OK\r\nContent-Length: ${WHOLE}\r\n\r\n`,
      );
      if (answered === 2) socket.write(Buffer.alloc(WHOLE));
    });
  });
  const first = dispatch(pool);
  expect(await first.outcome).toEqual(isOk);
  let received = 0;
  let isTaking = false;
  const second = dispatch(pool, {}, { onData: (chunk) => ((received += chunk.length), isTaking) });
  await eventually(() => received).toBeGreaterThan(0);

  const before = received;
  if (first.handler !== undefined) second.source?.resume(first.handler);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const after = received;
  isTaking = true;
  if (second.handler !== undefined) second.source?.resume(second.handler);
  await second.outcome;

  expect([after, received]).toEqual([before, WHOLE]);
});

it('cut-off: a reset below TLS is an error, also where the connection is the end of the answer', async () => {
  const pool = await start('https', (socket, below) => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\nok', () => setTimeout(() => below.resetAndDestroy(), 50)));
  });

  expect(await ask(pool)).toMatchObject({ error: 'ECONNRESET' });
});

/** Node.js tells nobody whether TLS was ended in order: of an answer whose end is that of its connection, nothing else says so. */
it.each([
  ['with a length', 'STOA_ANSWER_CUT_SHORT', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok'],
  ['in chunks', 'STOA_ANSWER_CUT_SHORT', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n'],
  ['that ends with its connection', undefined, 'HTTP/1.1 200 OK\r\n\r\nok'],
])('cut-off: an answer %s whose connection ends without a word of TLS: error %s', async (_name, error, answer) => {
  const pool = await start('https', (socket, below) => {
    socket.on('data', () => socket.write(answer, () => setTimeout(() => below.end(), 50)));
  });

  expect(await ask(pool)).toMatchObject({ status: 200, body: 'ok', error });
});
