import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, type Dispatcher } from 'undici';
import { expect, it, onTestFinished } from 'vitest';
import { startUpstream } from '../../test/helpers/data-plane.js';
import { ClientStack } from './client-stack.js';

/** A server that counts its connections, and the stack of connections to it. */
async function start(handle: RequestListener = (_req, res) => res.end('ok')) {
  const { url, server } = await startUpstream(handle);
  const opened = { connections: 0 };
  server.on('connection', () => (opened.connections += 1));
  return { stack: stackFor(url), opened };
}

function stackFor(url: string): ClientStack {
  const stack = new ClientStack(() => new Client(url, { pipelining: 1 }));
  onTestFinished(() => stack.destroy());
  return stack;
}

/** A client uses its connection again in the next turn of the event loop. */
const SOON_MS = 5;

/** The status, or the error, of one request. */
function ask(stack: ClientStack, options: Partial<Dispatcher.DispatchOptions> = {}): Promise<number | string> {
  return new Promise((resolve) => {
    const done = (outcome: number | string): void => void setTimeout(resolve, SOON_MS, outcome);
    let status = 0;
    const handler = {
      onConnect: () => undefined,
      onHeaders: (got: number) => Boolean((status = got)),
      onData: () => true,
      onComplete: () => done(status),
      onError: (error: Error) => done('code' in error ? String(error.code) : error.message),
    };
    stack.dispatch({ path: '/', method: 'GET', ...options }, handler);
  });
}

it('sends one request after the other over one connection', async () => {
  const { stack, opened } = await start();

  for (let n = 0; n < 5; n += 1) expect(await ask(stack)).toBe(200);

  expect([stack.size, opened.connections]).toEqual([1, 1]);
});

it('opens as many connections as are needed at once, and uses them again', async () => {
  const { stack, opened } = await start((_req, res) => setTimeout(() => res.end('ok'), 50));

  for (let n = 0; n < 3; n += 1) expect(await Promise.all(Array.from({ length: 4 }, () => ask(stack)))).toEqual([200, 200, 200, 200]);

  expect([stack.size, opened.connections]).toEqual([4, 4]);
});

it('goes on with a server that was away', async () => {
  const server = createServer((_req, res) => res.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const stack = stackFor(`http://127.0.0.1:${port}`);

  const whileAway = [await ask(stack), await ask(stack), await ask(stack)];
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());

  expect(whileAway).toEqual(['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED']);
  expect([await ask(stack), await ask(stack)]).toEqual([200, 200]);
  expect(stack.size).toBe(1);
});

it('goes on after a connection that broke and a request that could not be sent', async () => {
  let isBroken = true;
  const { stack } = await start((req, res) => (isBroken ? req.socket.resetAndDestroy() : res.end('ok')));

  expect(await ask(stack)).not.toBe(200);
  isBroken = false;
  expect(await ask(stack, { headers: { 'x-a': 'b\nc' } })).toBe('UND_ERR_INVALID_ARG');

  expect(await Promise.all([ask(stack), ask(stack)])).toEqual([200, 200]);
  expect(stack.size).toBeLessThanOrEqual(2);
});
