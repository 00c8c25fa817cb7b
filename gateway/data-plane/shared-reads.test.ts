import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../test/helpers/data-plane.js';
import { readShared, type Take } from './shared-reads.js';

/** An accepted connection and its client. */
async function accepted(onConnection: (socket: Socket) => void): Promise<Socket> {
  const server = createServer(onConnection).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  onTestFinished(() => void client.destroy());
  onTestFinished(() => void server.close());
  await once(client, 'connect');
  return client;
}

it('gives what is read of an accepted connection from one buffer, to each its own', async () => {
  const texts = ['', ''];
  const places = new Set<ArrayBufferLike>();
  let count = 0;
  const serve = (socket: Socket): void => {
    const index = count;
    count += 1;
    const take: Take = (bytes) => {
      places.add(bytes.buffer);
      texts[index] = `${texts[index] ?? ''}${bytes.toString()}`;
      return true;
    };
    expect(readShared(socket, take)).toBe(true);
  };

  const [first, second] = [await accepted(serve), await accepted(serve)];
  for (const part of ['a', 'b', 'c']) {
    first.write(part);
    second.write(part.toUpperCase());
    await eventually(() => texts.map((text) => text.at(-1)).join('')).toBe(part + part.toUpperCase());
  }

  expect(texts).toEqual(['abc', 'ABC']);
  expect(places.size).toBe(1);
});

it('is read no further once it is told so, and goes on when it is resumed; its end is an event', async () => {
  let length = 0;
  let isOver = false;
  let served: Socket | undefined;
  const client = await accepted((socket) => {
    served = socket;
    socket.on('end', () => (isOver = true));
    readShared(socket, (bytes) => {
      length += bytes.length;
      return false;
    });
  });

  client.end(Buffer.alloc(1_000_000));
  await eventually(() => length).toBeGreaterThan(0);
  const before = length;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(length).toBe(before);

  const resuming = setInterval(() => served?.resume());
  onTestFinished(() => clearInterval(resuming));
  await eventually(() => isOver).toBe(true);
  expect(length).toBe(1_000_000);
});

it('becomes a stream as any other when what is read is pushed into it', async () => {
  let text = '';
  const client = await accepted((socket) => {
    readShared(socket, (bytes) => socket.push(Buffer.from(bytes)));
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  });

  for (const part of ['one ', 'two ', 'three']) {
    client.write(part);
    await eventually(() => text.endsWith(part)).toBe(true);
  }

  expect(text).toBe('one two three');
});

it('leaves a connection alone of which something was read', async () => {
  const results: boolean[] = [];
  const client = await accepted((socket) => {
    socket.once('data', () => void results.push(readShared(socket, () => true)));
  });

  client.write('PROXY');

  await eventually(() => results).toEqual([false]);
});
