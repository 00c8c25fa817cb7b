import { connect } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { eventually, makeRoute, request, startGateway, startUpstream } from '../../test/helpers/data-plane.js';

const GET = request('GET /apis/acme/payments/x');

it.each([
  ['CONNECT', 'CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n'],
  ['a websocket handshake', request('GET /apis/acme/payments/x', ['Connection: Upgrade', 'Upgrade: websocket'])],
])('no error is left uncaught when a client resets while %s waits for the answer before it', async (_name, second) => {
  const uncaught: Error[] = [];
  const onUncaught = (error: Error): number => uncaught.push(error);
  process.on('uncaughtException', onUncaught);
  onTestFinished(() => void process.off('uncaughtException', onUncaught));
  const { url } = await startUpstream((_req, res) => setTimeout(() => res.end('ok'), 60));
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  for (let n = 0; n < 10; n += 1) {
    const socket = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
    socket.write(GET + second);
    setTimeout(() => socket.resetAndDestroy(), 30);
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  await eventually(() => gateway.listener.connections()).toBe(0);

  expect(uncaught).toEqual([]);
});
