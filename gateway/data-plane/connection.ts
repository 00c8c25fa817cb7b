/** A client's connection: what is known of it, and how it ends so that the last answer arrives. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ErrorCode } from '../../schema/error.js';
import { errorReply } from './own-routes.js';
import { MAX_JOINED } from './write-together.js';

/** How long a closed connection is read on, so that a reset does not overtake the answer (RFC 9112, 9.6). */
const LINGER_MS = 1000;

export interface ConnectionState {
  /** After a refusal nothing that arrives is interpreted any more. */
  isClosing: boolean;
  /** Requests whose answers are not over. */
  inFlight: number;
  /** Requests that came when enough were in flight; the connection is not read while there are some. */
  readonly waiting: (() => void)[];
  /** Runs when the last answer in flight is over. */
  whenIdle: (() => void) | undefined;
}

const states = new WeakMap<Socket, ConnectionState>();

/** The state of a connection, made when it is first asked for. */
export function connectionState(socket: Socket): ConnectionState {
  const known = states.get(socket);
  if (known !== undefined) return known;
  const state: ConnectionState = { isClosing: false, inFlight: 0, waiting: [], whenIdle: undefined };
  states.set(socket, state);
  return state;
}

interface PendingWrite {
  readonly chunk: string | Uint8Array;
  readonly encoding: BufferEncoding;
}

/** Joins small writes of this connection that wait together, so that an answer's head and body are one plain system call. The bytes are the same: latin1 is one byte a character. */
export function joinSmallWrites(socket: Socket): void {
  const vectored = socket._writev?.bind(socket);
  if (vectored === undefined) return;
  socket._writev = (pending: PendingWrite[], callback: (error?: Error | null) => void): void => {
    const text = joined(pending);
    if (text === undefined) vectored(pending, callback);
    else socket._write(text, 'latin1', callback);
  };
}

function joined(pending: readonly PendingWrite[]): string | undefined {
  let text = '';
  for (const { chunk, encoding } of pending) {
    if (chunk.length + text.length > MAX_JOINED) return undefined;
    if (typeof chunk !== 'string') text += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
    else if (encoding === 'latin1') text += chunk;
    else return undefined;
  }
  return text;
}

const discard = (): void => undefined;

/** Ends a connection: what was written is sent, what still arrives is thrown away unread by any parser. */
export function linger(socket: Socket): void {
  if (socket.destroyed) return;
  socket.removeAllListeners('data');
  socket.on('data', discard);
  socket.on('error', discard);
  socket.resume();
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}

/** From now on the end of the current answer is the end of the connection, and nothing more of it is interpreted. */
export function closeAfterAnswer(socket: Socket): void {
  connectionState(socket).isClosing = true;
  socket.destroySoon = () => linger(socket);
}

/** Refuses on a connection where there is no request to answer: the error body, then the end. */
export function refuseRaw(socket: Socket, code: ErrorCode, message?: string): void {
  const state = connectionState(socket);
  if (state.isClosing || !socket.writable) {
    if (!state.isClosing) socket.destroy();
    return;
  }
  state.isClosing = true;
  const write = (): void => {
    if (socket.writable) socket.write(refusal(code, message), 'latin1');
    linger(socket);
  };
  if (state.inFlight === 0) write();
  else state.whenIdle = write;
}

function refusal(code: ErrorCode, message?: string): string {
  const { status, headers, body } = errorReply(code, message);
  return rawHead(status, [...headers, 'Content-Length', String(Buffer.byteLength(body)), 'Connection', 'close']) + body;
}

/** The head of an answer as text, for where node has no response object: refusals, interim answers, upgrades. */
export function rawHead(status: number, headers: readonly string[]): string {
  const lines = headers.map((field, index) => (index % 2 === 0 ? `${field}: ` : `${field}\r\n`));
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n${lines.join('')}\r\n`;
}
