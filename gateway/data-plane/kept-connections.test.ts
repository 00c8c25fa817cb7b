/** What broken connections to an upstream say of it, and what they do not. */
import { expect, it } from 'vitest';
import { makeRoute, request, startGateway } from '../../test/helpers/data-plane.js';
import { sendRaw, startTcp } from '../../test/helpers/raw-tcp.js';

const GET = 'GET /apis/acme/payments/x';

it('a server that closes kept connections without a word does not open the breaker (DP20)', async () => {
  const upstream = await startTcp((socket) => {
    let answered = 0;
    socket.on('data', () => {
      answered += 1;
      if (answered === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      else socket.destroy();
    });
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: upstream.url })] });

  const statuses: number[] = [];
  for (let n = 0; n < 20; n += 1) {
    const { status } = await sendRaw(gateway.port, request(GET.replace('GET', 'POST'), ['Content-Length: 1'], 'x'), (text) =>
      /ok$|\}$/.test(text),
    );
    statuses.push(status);
  }

  expect(statuses.slice(0, 4)).toEqual([200, 502, 200, 502]);
  expect(new Set(statuses)).toEqual(new Set([200, 502]));
});

it.each([
  ['a part of a head', 'HTTP/1.1 200 OK\r\nX-A: 1\r\n'],
  ['an interim answer', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'],
])('sends nothing a second time after %s has come (DP28)', async (_name, bytes) => {
  let requests = 0;
  const upstream = await startTcp((socket) => {
    socket.on('data', () => {
      requests += 1;
      socket.end(bytes);
    });
  });
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: upstream.url })] });

  const { text } = await sendRaw(gateway.port, request(GET), (soFar) => soFar.endsWith('}'));

  expect(text).toContain('HTTP/1.1 502');
  expect(requests).toBe(1);
});
