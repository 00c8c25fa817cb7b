/** Answers that come before a body was sent, and what goes wrong at a change of the protocol. */
import { expect, it } from 'vitest';
import { makeRoute, request, startGateway, startUpstream } from '../../test/helpers/data-plane.js';
import { sendRaw, startTcp } from '../../test/helpers/raw-tcp.js';

const MEGABYTE = 1024 * 1024;

it.each([1, 8])('an upload of %i MB that is refused at once gets its answer, and the breaker hears of no failure (DP20)', async (size) => {
  const upstream = await startUpstream((_req, res) => res.writeHead(413, { connection: 'close', 'content-length': 7 }).end('too big'));
  const route = makeRoute({ upstreamUrl: upstream.url });
  const gateway = await startGateway({ routes: [route] });
  const body = 'a'.repeat(size * MEGABYTE);

  for (let n = 0; n < 5; n += 1) {
    const upload = request('POST /apis/acme/payments/x', [`Content-Length: ${body.length}`], body);
    expect((await sendRaw(gateway.port, upload, (text) => text.endsWith('too big'))).text).toMatch(/^HTTP\/1\.1 413 [^]*too big$/);
  }

  expect(route.upstream.breaker.stats(Date.now())).toMatchObject({ state: 'closed', failure_count: 0 });
});

it('a policy that fails on a change of the protocol ends that exchange alone', async () => {
  const upstream = await startTcp((socket) => {
    socket.once('data', () => socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'));
  });
  const broken = {
    response() {
      throw new Error('broken');
    },
  };
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: upstream.url, hooks: [broken] })] });
  const fields = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'];

  const { text } = await sendRaw(gateway.port, request('GET /apis/acme/payments/x', fields), (soFar) => soFar.endsWith('}'));

  expect(text).toMatch(/^HTTP\/1\.1 500 /);
});
