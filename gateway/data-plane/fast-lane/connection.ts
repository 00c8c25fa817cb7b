/** A connection while the fast lane reads it: one message at a time. Once it is handed over to node it stays there. */
import type { Socket } from 'node:net';
import type { ProxiedExchange } from '../proxy.js';
import { readShared } from '../shared-reads.js';
import { LaneMessage, type MessageOwner } from './message.js';
import { readCanonical, type CanonicalMessage } from './canonical.js';

/** What connections share. */
export interface LaneOwner {
  readonly keepAliveSeconds: number;
  /** Serves a canonical message; undefined where its like is node's, and then nothing has happened. */
  serve(message: LaneMessage, canonical: CanonicalMessage): ProxiedExchange | undefined;
  /** Gives a connection to node, whose parser reads what is unread of it. */
  toNode(socket: Socket): void;
  /** It is no longer one of the lane's. */
  left(connection: LaneConnection): void;
}

/** So much may come while an answer is under way; then the connection is not read until it is over. */
const MAX_WAITING = 64 * 1024;
/** What a piece costs beside its bytes. */
const PIECE_BYTES = 512;

const isEmptyLines = (chunk: Buffer): boolean => chunk.length <= 4 && /^(?:\r\n)+$/.test(chunk.toString('latin1'));

export class LaneConnection implements MessageOwner {
  readonly socket: Socket;
  readonly keepAliveSeconds: number;
  /** Milliseconds of the monotonic clock: since when nobody waits for an answer. */
  idleSince = performance.now();
  /** Whether it has had an answer. */
  isUsed = false;

  readonly #lane: LaneOwner;
  #message: LaneMessage | undefined = undefined;
  #exchange: ProxiedExchange | undefined = undefined;
  /** What came before the answer under way was over. */
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** Its last answer is out: nothing more is interpreted. */
  #isEnding = false;
  #isHandedOver = false;
  readonly #onData = (chunk: Buffer): void => this.#take(chunk);
  /** For whoever reads what the lane does not, it is a stream as any other. */
  readonly #onRead = (bytes: Buffer): boolean => {
    if (this.#isHandedOver) return this.socket.push(Buffer.from(bytes));
    this.#take(bytes);
    return true;
  };
  readonly #onEnd = (): void => void this.socket.end();
  readonly #onDrain = (): void => this.#message?.drained();
  readonly #onClose = (): void => {
    this.#lane.left(this);
    this.#exchange?.over();
  };

  constructor(lane: LaneOwner, socket: Socket) {
    this.#lane = lane;
    this.socket = socket;
    this.keepAliveSeconds = lane.keepAliveSeconds;
    if (!readShared(socket, this.#onRead)) socket.on('data', this.#onData);
    socket.on('end', this.#onEnd).on('drain', this.#onDrain).on('close', this.#onClose);
  }

  get isIdle(): boolean {
    return this.#message === undefined;
  }

  finished(message: LaneMessage): void {
    if (message !== this.#message) return;
    this.#exchange?.over();
    this.#message = undefined;
    this.#exchange = undefined;
    this.isUsed = true;
    this.idleSince = performance.now();
    this.#isEnding = !message.shouldKeepAlive;
    if (this.#isEnding) this.socket.destroySoon();
    else if (this.#waiting.length > 0) this.handOver(Buffer.concat(this.#waiting));
  }

  /** From here on it is node's, with these bytes as the next ones. */
  handOver(bytes: Buffer): void {
    const { socket } = this;
    this.#isHandedOver = true;
    // A stream that flows already would not begin anew with what is put back.
    socket.pause();
    socket.off('data', this.#onData).off('end', this.#onEnd).off('drain', this.#onDrain).off('close', this.#onClose);
    this.#lane.left(this);
    // In one piece: node's parser reads from the handle as soon as a piece of the buffer is out, and would read past others that wait behind it.
    const more = socket.read() as Buffer | null;
    const all = more === null ? bytes : Buffer.concat([bytes, more]);
    if (all.length > 0) socket.unshift(all);
    this.#lane.toNode(socket);
    socket.resume();
  }

  /** The bytes are in a buffer that others read into next: what is kept is copied. */
  #take(chunk: Buffer): void {
    if (this.#isEnding) return;
    if (this.#message !== undefined) {
      this.#keep(chunk);
      return;
    }
    // Empty lines between messages mean nothing (RFC 9112, 2.2). Node would wait for the rest of a head.
    if (this.isUsed && isEmptyLines(chunk)) return;
    const canonical = readCanonical(chunk);
    if (canonical === undefined) {
      this.handOver(Buffer.from(chunk));
      return;
    }
    const message = new LaneMessage(this, canonical);
    this.#message = message;
    this.#exchange = this.#lane.serve(message, canonical);
    if (this.#exchange !== undefined) return;
    this.#message = undefined;
    this.handOver(Buffer.from(chunk));
  }

  #keep(chunk: Buffer): void {
    this.#waiting.push(Buffer.from(chunk));
    this.#waitingBytes += chunk.length + PIECE_BYTES;
    if (this.#waitingBytes > MAX_WAITING) this.socket.pause();
  }
}
