import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { eventually } from '../../../test/helpers/data-plane.js';
import { startTcp } from '../../../test/helpers/raw-tcp.js';
import { ask, dispatch, isOk, OK, poolFor } from '../../../test/helpers/upstream-pool.js';

const UPGRADED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

/** A server that answers what asks for an upgrade with one, and everything else with OK. */
async function start() {
  const { url, connections } = await startTcp((socket) => {
    socket.on('error', () => undefined).on('data', (chunk) => socket.write(chunk.includes('upgrade: websocket') ? UPGRADED : OK));
  });
  return { pool: poolFor(url), connections };
}

const streamed = (): PassThrough => {
  const body = new PassThrough();
  body.end('x');
  return body;
};

it.each([
  ['onConnect', {}],
  ['onBodySent', { method: 'POST', body: Buffer.from('x') }],
  ['onBodySent', { method: 'POST', body: streamed() }],
  ['onRequestSent', {}],
  ['onRequestSent', { method: 'POST', body: streamed() }],
  ['onHeaders', {}],
  ['onData', {}],
  ['onComplete', {}],
  ['onUpgrade', { isUpgrade: true }],
] as const)('a handler that throws in %s is told so, once, and the request beside it is answered', async (name, request) => {
  const { pool } = await start();
  expect(await Promise.all([ask(pool), ask(pool)])).toEqual([isOk, isOk]);
  const thrown = new Error('a fault of the handler');

  // Both are written by the same flush, on connections that rest.
  const faulty = dispatch(pool, request, {
    [name]: () => {
      throw thrown;
    },
  });
  const beside = dispatch(pool);

  expect([(await faulty.outcome).error, await beside.outcome]).toEqual(['STOA_HANDLER_FAILED', isOk]);
  expect(await ask(pool)).toEqual(isOk);
  expect(faulty.errors.map(({ cause }) => cause)).toEqual([thrown]);
});

it('the connection of a handler that throws is closed, also where its answer was whole', async () => {
  const { pool, connections } = await start();
  const faulty = dispatch(
    pool,
    {},
    {
      onComplete: () => {
        throw new Error('a fault of the handler');
      },
    },
  );
  await faulty.outcome;

  expect(await ask(pool)).toEqual(isOk);

  expect(connections()).toBe(2);
  await eventually(() => pool.size).toBe(1);
});

it('an answer that ends with its connection: its handler may throw at the end', async () => {
  const { url } = await startTcp((socket) => void socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nok')));
  const faulty = dispatch(
    poolFor(url),
    {},
    {
      onComplete: () => {
        throw new Error('a fault of the handler');
      },
    },
  );

  expect(await faulty.outcome).toMatchObject({ status: 200, body: 'ok', error: 'STOA_HANDLER_FAILED' });
});

it('a handler that throws when it is told of an error keeps it from nobody else', async () => {
  const { url } = await startTcp(() => undefined);
  const pool = poolFor(url);
  const told: (Error | undefined)[] = [];
  const faulty = dispatch(
    pool,
    {},
    {
      onError: (error) => {
        told.push(error);
        if (told.length === 1) throw new Error('a fault of the handler');
      },
    },
  );
  const beside = dispatch(pool);
  await eventually(() => [faulty.isSent, beside.isSent]).toEqual([true, true]);

  pool.destroy();

  expect(await beside.outcome).toMatchObject({ error: 'STOA_CONNECTION_CLOSED' });
  expect(told).toMatchObject([
    { code: 'STOA_CONNECTION_CLOSED' },
    { code: 'STOA_HANDLER_FAILED', cause: { message: 'a fault of the handler' } },
  ]);
});

it('a server to which no connection can even be tried breaks its own requests alone', async () => {
  const { pool } = await start();
  const impossible = poolFor('https://localhost', { ca: 1 as never });

  expect((await ask(impossible)).error).toBe('STOA_HANDLER_FAILED');

  expect(await ask(pool)).toEqual(isOk);
});
