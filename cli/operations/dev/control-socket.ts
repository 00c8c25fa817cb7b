/** The Unix socket in the data directory over which other terminals of the same user reach a running `stoactl dev`: one line asks, one line answers. */
import { chmodSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { errorBody, StoaError, type ErrorBody } from '../../../schema/error.js';
import { parseRequest, type ControlRequest, type ServiceStatus } from './control.js';
import { childFailure } from './service.js';

const SOCKET = /^dev(-gateway-\d+)?\.sock$/;
/** The address of a socket holds about a hundred bytes on every system. */
const LONGEST_PATH = 100;
const LONGEST_LINE = 4096;

type Answer = { readonly services: readonly ServiceStatus[] } | ErrorBody;

/** Where a `dev` of a data directory listens: a further gateway has a socket of its own. */
export const socketOf = (dataDir: string, furtherGatewayPort?: number): string =>
  join(dataDir, furtherGatewayPort === undefined ? 'dev.sock' : `dev-gateway-${furtherGatewayPort}.sock`);

/** Listens until the returned function is called. Throws when the file system has no sockets. */
export async function openControl(
  path: string,
  answer: (request: ControlRequest) => Promise<readonly ServiceStatus[]>,
): Promise<() => Promise<void>> {
  // What a killed one has left behind: the data directory or the port was free, so nobody listens there.
  rmSync(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.once('close', () => sockets.delete(socket)));
    serve(socket, answer);
  });
  await withShortPath(path, (short) => listening(server, short));
  return async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
    rmSync(path, { force: true });
  };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve();
    });
  });
}

function serve(socket: Socket, answer: (request: ControlRequest) => Promise<readonly ServiceStatus[]>): void {
  let text = '';
  // Whoever has asked may go before the answer comes.
  socket.setEncoding('utf8').on('error', () => undefined);
  socket.on('data', (chunk: string) => {
    text += chunk;
    if (text.length > LONGEST_LINE) socket.destroy();
    if (!text.includes('\n')) return;
    socket.removeAllListeners('data');
    void replyTo(text, answer).then((reply) => socket.end(`${JSON.stringify(reply)}\n`));
  });
}

async function replyTo(text: string, answer: (request: ControlRequest) => Promise<readonly ServiceStatus[]>): Promise<Answer> {
  try {
    return { services: await answer(parseRequest(text)) };
  } catch (error) {
    return errorBody(error instanceof StoaError ? error : new StoaError('internal_error', String(error)));
  }
}

/** The sockets of a data directory, that of the whole stack last. */
export async function socketsOf(dataDir: string): Promise<string[]> {
  const names = await readdir(dataDir).catch(() => []);
  return names
    .filter((name) => SOCKET.test(name))
    .sort()
    .map((name) => join(dataDir, name));
}

/** Asks a running `dev`. Undefined when nobody listens any more. Throws what it answers as an error. */
export async function ask(path: string, request: ControlRequest): Promise<readonly ServiceStatus[] | undefined> {
  const text = await withShortPath(path, (short) => exchange(short, `${JSON.stringify(request)}\n`));
  if (text === undefined) return undefined;
  if (text === '')
    throw new StoaError('service_unavailable', '"stoactl dev" has ended before it answered.', { hint: 'Start it again: stoactl dev' });
  const answer = JSON.parse(text) as Answer;
  if ('error' in answer) throw childFailure(answer.error);
  return answer.services;
}

function exchange(path: string, line: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(path, () => socket.write(line));
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.on('end', () => resolve(text));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(undefined);
      else
        reject(
          new StoaError('network_error', `${path} cannot be reached: ${error.code ?? error.message}.`, {
            hint: 'Is "stoactl dev" of another user? End it and start it again.',
            cause: error,
          }),
        );
    });
  });
}

/** A path that is too long for a socket is reached over a link while the socket is opened. */
async function withShortPath<T>(path: string, use: (short: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) <= LONGEST_PATH) return use(path);
  const directory = mkdtempSync(join(tmpdir(), 'stoa-'));
  try {
    const link = join(directory, 'd');
    symlinkSync(dirname(path), link);
    return await use(join(link, basename(path)));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
