import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { eventually, request, startGateway } from '../../test/helpers/data-plane.js';
import { sendRaw } from '../../test/helpers/raw-tcp.js';
import { jsonReply } from './own-routes.js';

const POST = 'POST /admin/apis';

/** A gateway whose admin API answers with the length of the body. */
async function gatewayThatReads() {
  const reading = { count: 0 };
  const gateway = await startGateway({
    routes: [],
    own: {
      async admin({ readBody }) {
        reading.count += 1;
        return jsonReply(200, (await readBody()).length);
      },
    },
  });
  return { gateway, reading };
}

it('answers 400 to a malformed body of its own routes, and closes', async () => {
  const { gateway } = await gatewayThatReads();

  const answer = await sendRaw(gateway.port, [request(POST, ['Transfer-Encoding: chunked']), 'ZZZ\r\n']);

  expect(answer.status).toBe(400);
  expect(answer.text).toContain('"code":"bad_request"');
  expect(answer.text.match(/^HTTP\/1\.1/gm)).toHaveLength(1);
  expect(answer.isClosed).toBe(true);
  expect(gateway.lines().filter(({ event }) => event === 'request completed')).toMatchObject([{ status: 400 }]);
  expect(gateway.lines()).not.toContainEqual(expect.objectContaining({ event: 'PANIC recovery triggered' }));
});

it.each([
  ['resets its connection', (socket: ReturnType<typeof connect>) => socket.resetAndDestroy()],
  ['ends its side of the connection', (socket: ReturnType<typeof connect>) => socket.end()],
])('takes it for no fault of its own when a client %s in the middle of a body', async (_name, leave) => {
  const { gateway, reading } = await gatewayThatReads();
  const socket = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
  socket.resume().write(request(POST, ['Content-Length: 10'], 'ab'));
  await eventually(() => reading.count).toBe(1);

  leave(socket);
  await eventually(() => gateway.lines().filter(({ event }) => event === 'request completed')).toHaveLength(1);
  await eventually(() => gateway.listener.connections()).toBe(0);

  expect(gateway.lines()).not.toContainEqual(expect.objectContaining({ event: 'PANIC recovery triggered' }));
});
