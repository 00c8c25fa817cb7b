/** Sockets that say exactly what a test wants, and what came over them. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A TCP server that hands each connection to the test; it stops with the test. */
export async function startTcp(
  handle: (socket: Socket) => void,
): Promise<{ readonly url: string; readonly port: number; connections(): number }> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    handle(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, connections: () => connections };
}

/** Keeps the bytes of every request head and body, and answers each complete head (and sized or chunked body) with `answer`. */
export async function startCapture(answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok') {
  const received: string[] = [];
  const tcp = await startTcp((socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end === -1) return;
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
      const isChunked = /\r\ntransfer-encoding: *chunked/i.test(text.slice(0, end));
      if (isChunked ? !text.endsWith('0\r\n\r\n') : text.length < end + 4 + length) return;
      received.push(text);
      text = '';
      socket.write(answer, 'latin1');
    });
  });
  return { ...tcp, received };
}

export interface RawAnswer {
  readonly text: string;
  readonly status: number;
  readonly isClosed: boolean;
}

/** Sends bytes on a connection of their own and collects what comes back, until `until` holds, the connection ends, or after `waitMs`. */
export function sendRaw(
  port: number,
  bytes: string | readonly (string | Buffer)[],
  until: (text: string) => boolean = () => false,
  waitMs = 60_000,
): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const parts = typeof bytes === 'string' ? [bytes] : [...bytes];
    let text = '';
    const socket = connect(port, '127.0.0.1');
    const timer = setTimeout(() => done(false), waitMs);
    const done = (isClosed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0), isClosed });
    };
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (until(text)) done(false);
    });
    socket.on('error', () => undefined).on('close', () => done(true));
    const next = (): void => {
      const part = parts.shift();
      if (part === undefined || socket.destroyed) return;
      socket.write(part, 'latin1');
      setTimeout(next, 20);
    };
    next();
  });
}
