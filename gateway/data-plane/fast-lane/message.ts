/** A message of the fast lane: the request that was read, and its answer on the way to the socket, in the bytes in which node would write it. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ClientAnswer, ClientRequest } from '../client-side.js';
import { NO_VALUE, TOKEN } from '../field-lines.js';
import { writeTogether } from '../write-together.js';
import type { CanonicalMessage } from './canonical.js';

/** Told how a message goes on. */
export interface MessageOwner {
  readonly socket: Socket;
  /** Seconds, for the field `Keep-Alive`. */
  readonly keepAliveSeconds: number;
  /** Its answer was handed to the system as a whole. */
  finished(message: LaneMessage): void;
}

const LAST_CHUNK = '0\r\n\r\n';

/** Nothing that is written after its end goes out: the connection belongs to the next message by then. */
export class LaneMessage implements ClientRequest, ClientAnswer {
  readonly method: string;
  readonly rawHeaders: string[];
  readonly httpVersionMinor = 1;
  readonly complete = true;
  readonly socket: Socket;
  shouldKeepAlive = true;
  headersSent = false;
  writableFinished = false;
  readonly #owner: MessageOwner;
  /** A head that waits for the first piece of its body. */
  #head = '';
  #hasBody = true;
  #isChunked = false;
  #isEnded = false;
  #onDrain: (() => void) | undefined = undefined;

  constructor(owner: MessageOwner, { method, rawHeaders }: Pick<CanonicalMessage, 'method' | 'rawHeaders'>) {
    this.#owner = owner;
    this.socket = owner.socket;
    this.method = method;
    this.rawHeaders = rawHeaders;
  }

  get writableEnded(): boolean {
    return this.#isEnded;
  }

  get writableLength(): number {
    return this.socket.writableLength;
  }

  get destroyed(): boolean {
    return this.socket.destroyed;
  }

  isPaused(): boolean {
    return false;
  }

  /** Nobody waits for it: what expects something is not canonical. */
  writeContinue(): void {
    return undefined;
  }

  writeHead(status: number, headers: string[]): void {
    this.#hasBody = this.method !== 'HEAD' && status !== 204 && status !== 304;
    const { text, isDated, isSized } = fieldLines(headers);
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n${text}`;
    if (!isDated) head += `Date: ${dateText()}\r\n`;
    head += this.shouldKeepAlive
      ? `Connection: keep-alive\r\nKeep-Alive: timeout=${this.#owner.keepAliveSeconds}\r\n`
      : 'Connection: close\r\n';
    this.#isChunked = this.#hasBody && !isSized;
    this.#head = this.#isChunked ? `${head}Transfer-Encoding: chunked\r\n\r\n` : `${head}\r\n`;
    // Last: a field that cannot be sent has thrown by now, and another answer can take the place of this one.
    this.headersSent = true;
  }

  write(body: string | Buffer): boolean {
    const chunk = typeof body === 'string' ? Buffer.from(body) : body;
    if (this.#isEnded || !this.#hasBody || chunk.length === 0) return true;
    const before = this.#isChunked ? `${this.#takeHead()}${chunk.length.toString(16)}\r\n` : this.#takeHead();
    return this.#send(before, chunk, this.#isChunked ? '\r\n' : '');
  }

  once(_event: 'drain', listener: () => void): void {
    this.#onDrain = listener;
  }

  /** The socket takes more. */
  drained(): void {
    const listener = this.#onDrain;
    this.#onDrain = undefined;
    listener?.();
  }

  end(body?: string | Buffer): void {
    if (this.#isEnded) return;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    let before = this.#takeHead();
    let after = this.#isChunked ? LAST_CHUNK : '';
    const hasBytes = this.#hasBody && bytes !== undefined && bytes.length > 0;
    if (hasBytes && this.#isChunked) {
      before += `${bytes.length.toString(16)}\r\n`;
      after = `\r\n${after}`;
    }
    this.#isEnded = true;
    this.#send(before, hasBytes ? bytes : undefined, after, (error) => {
      if (error !== null && error !== undefined) return;
      this.writableFinished = true;
      this.#owner.finished(this);
    });
  }

  destroy(): void {
    if (!this.writableFinished) this.socket.destroy();
  }

  #takeHead(): string {
    const head = this.#head;
    this.#head = '';
    return head;
  }

  /** One write where it is small. Text is latin1: a byte a character. */
  #send(before: string, chunk: Buffer | undefined, after: string, onWritten?: (error?: Error | null) => void): boolean {
    const { socket } = this;
    if (chunk === undefined) {
      if (before + after !== '' || socket.writableLength > 0 || onWritten === undefined)
        return socket.write(before + after, 'latin1', onWritten);
      process.nextTick(onWritten);
      return true;
    }
    return writeTogether(socket, before, chunk, after, onWritten);
  }
}

/** Fields as lines, and whether they say the date and the length. Throws TypeError for what would break out of its line, as node does. */
function fieldLines(headers: readonly string[]): { readonly text: string; readonly isDated: boolean; readonly isSized: boolean } {
  let text = '';
  let isDated = false;
  let isSized = false;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    const value = headers[index + 1] ?? '';
    if (NO_VALUE.test(value) || !TOKEN.test(name))
      throw new TypeError(`The answer has a field that cannot be sent: ${JSON.stringify(name)}.`);
    text += `${name}: ${value}\r\n`;
    if (name.length === 4) isDated ||= name.toLowerCase() === 'date';
    else if (name.length === 14) isSized ||= name.toLowerCase() === 'content-length';
  }
  return { text, isDated, isSized };
}

let dateSecond = -1;
let date = '';

/** The field `Date` of answers that have none; made once a second. */
function dateText(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) date = new Date(second * 1000).toUTCString();
  dateSecond = second;
  return date;
}
