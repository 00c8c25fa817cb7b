import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { connect } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { eventually, makeRoute, request, startGateway, startUpstream } from '../../../test/helpers/data-plane.js';
import { sendRaw, startCapture, startTcp } from '../../../test/helpers/raw-tcp.js';

const GET = 'GET /apis/acme/payments/x';
const POST = request('POST /apis/acme/payments/x', ['Content-Length: 5'], 'hello');

/** A gateway, and how many requests node has read: the upstreams of these tests are not node's. */
async function start(answer?: string) {
  const capture = await startCapture(answer);
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: capture.url })] });
  const counted = { requests: 0 };
  const count = (): void => void (counted.requests += 1);
  subscribe('http.server.request.start', count);
  onTestFinished(() => void unsubscribe('http.server.request.start', count));
  return { capture, gateway, counted };
}

/** Says each part when the answer to the one before it has come. */
async function converse(port: number, parts: readonly string[], end = 'ok'): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  for (const [index, part] of parts.entries()) {
    socket.write(part, 'latin1');
    await eventually(() => text.split(end).length).toBe(index + 2);
  }
  return text;
}

it('serves one plain message after the other without node', async () => {
  const { capture, gateway, counted } = await start();

  const text = await converse(gateway.port, [request(GET), POST, request(GET)]);

  expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  expect(capture.received[1]).toMatch(/\r\n\r\nhello$/);
  expect(counted.requests).toBe(0);
});

it('gives a connection to node with the first message that is not plain, and leaves it there', async () => {
  const { gateway, counted } = await start();

  await converse(gateway.port, [request(GET), request(GET, ['X-A: \xe9']), request(GET)]);

  expect(counted.requests).toBe(2);
});

it('waits with what comes too early until the answer before it is out, and lets node have it', async () => {
  const { capture, gateway, counted } = await start();

  const { text } = await sendRaw(gateway.port, [request(GET), request(GET) + request(GET)], (soFar) => soFar.split('ok').length > 3);

  expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  expect(capture.received).toHaveLength(3);
  expect(counted.requests).toBeGreaterThan(0);
});

it('reads no more than a little of what comes too early', async () => {
  const { url } = await startTcp(() => undefined);
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });
  const socket = connect(gateway.port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  const flood = Buffer.alloc(64 * 1024 * 1024, request(GET));

  socket.write(request(GET));
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.write(flood);
  await new Promise((resolve) => setTimeout(resolve, 500));

  expect(socket.bytesWritten - socket.writableLength).toBeLessThan(flood.length / 2);
});

it('tells the upstream when its client has gone', async () => {
  let isGone = false;
  const { url } = await startTcp((socket) => socket.on('close', () => (isGone = true)));
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const socket = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
  socket.write(request(GET));
  setTimeout(() => socket.resetAndDestroy(), 100);

  await eventually(() => isGone).toBe(true);
  await eventually(() => gateway.lines().filter(({ status }) => status === 499).length).toBe(1);
});

it('answers with the end of the connection while it stops', async () => {
  const { url } = await startTcp((socket) => {
    socket.once('data', () => setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), 300));
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: url })] });

  const asked = sendRaw(gateway.port, request(GET));
  await new Promise((resolve) => setTimeout(resolve, 150));
  await gateway.listener.stop();

  expect(await asked).toMatchObject({ status: 200, isClosed: true, text: expect.stringMatching(/^Connection: close\r$/m) });
});

it('a connection that says nothing is answered 408 in time, as node does it', { timeout: 30_000 }, async () => {
  const gateways = await Promise.all([true, false].map((fastLane) => startGateway({ fastLane, routes: [] })));

  const [byLane, byNode] = await Promise.all(gateways.map(({ port }) => sendRaw(port, [])));

  expect(byLane).toEqual(byNode);
  expect(byLane).toMatchObject({ status: 408, isClosed: true });
  for (const gateway of gateways) expect(gateway.lines()).toMatchObject([{ status: 408, error: 'request_timeout' }]);
});

it.each([true, false])(
  'request-smuggling: bodies that were pipelined are never read as requests, in the lane (%s) and by node',
  async (fastLane) => {
    const received: string[] = [];
    const { url } = await startUpstream((req, res) => {
      received.push(`${req.method ?? ''} ${req.url ?? ''}`);
      req.resume().on('end', () => setTimeout(() => res.end('ok'), req.url === '/slow' ? 300 : 0));
    });
    const gateway = await startGateway({ fastLane, routes: [makeRoute({ upstreamUrl: url })] });
    const body = `${'\r\n'.repeat(1400)}${request('DELETE /apis/acme/payments/EVIL')}`;
    const posts = Array.from({ length: 60 }, (_, n) =>
      request(`POST /apis/acme/payments/${n}`, [`Content-Length: ${body.length}`], body),
    ).join('');
    const socket = connect(gateway.port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));

    socket.write(request('GET /apis/acme/payments/slow'));
    await eventually(() => received.length).toBe(1);
    for (let at = 0; at < posts.length; at += 3000) {
      socket.write(posts.slice(at, at + 3000), 'latin1');
      await new Promise((resolve) => setImmediate(resolve));
    }

    await eventually(() => text.split('HTTP/1.1 200').length).toBe(62);
    expect(received.sort()).toEqual(['GET /slow', ...Array.from({ length: 60 }, (_, n) => `POST /${n}`)].sort());
  },
);

it.each([true, false])('an answer that cannot be sent is 500, in the lane (%s) and by node', async (fastLane) => {
  const { url } = await startUpstream((_req, res) => void res.end('ok'));
  const hooks = { response: (_exchange: unknown, reply: { headers: string[] }) => void reply.headers.push('X-Name', 'caf\u0119') };
  const gateway = await startGateway({ fastLane, routes: [makeRoute({ upstreamUrl: url, hooks: [hooks] })] });

  const answer = await sendRaw(gateway.port, request(GET), (text) => text.endsWith('}'), 5000);

  expect(answer.status).toBe(500);
});

it('empty lines after an answer are no beginning of another request', { timeout: 30_000 }, async () => {
  const { gateway, counted } = await start();

  const text = await converse(gateway.port, [request(GET), `\r\n${request(GET)}`]);
  const { text: idle } = await sendRaw(gateway.port, [request(GET), '\r\n'], (soFar) => soFar.includes('408'), 12_000);

  expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  expect(idle).not.toContain('408');
  expect(counted.requests).toBeLessThan(2);
});
