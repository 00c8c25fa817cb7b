/** One connection to an upstream: one exchange at a time, and none after an answer that leaves any doubt where it ends. */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { UNTIL_CLOSE, type AnswerHead } from './answer-head.js';
import { AnswerReader, type AnswerSink } from './answer-reader.js';
import { writeTogether } from '../write-together.js';
import { BodyWriter } from './body-writer.js';
import type { Connector } from './connect.js';
import { tellError, tellFault, UNSENT, type AnswerHandler, type AnswerSource, type UpstreamRequest } from './exchange-handler.js';
import { readPastFailedWrites } from './failed-writes.js';
import { isLastRequest, requestHead } from './request-text.js';
import { UpstreamError } from './upstream-error.js';

/** Told of what becomes of a connection. */
export interface ConnectionOwner {
  /** It takes another request; `restMs` is how long its server lets it rest, where it says so. */
  rested(connection: UpstreamConnection, restMs: number | undefined): void;
  closed(connection: UpstreamConnection): void;
}

export class UpstreamConnection implements AnswerSource, AnswerSink {
  /** Milliseconds of the monotonic clock: until when its server is sure to wait for the next request. */
  usableUntil = 0;

  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #reader = new AnswerReader(this);
  #handler: AnswerHandler | undefined;
  #request: UpstreamRequest | undefined;
  #body: BodyWriter | undefined = undefined;
  #isSent = false;
  #isReused = false;
  #readsPastFailedWrites = false;
  /** Bytes of the present answer have come. */
  #isAnswered = false;
  #isPaused = false;
  #head: AnswerHead | undefined = undefined;
  #error: Error | undefined = undefined;
  readonly #onData = (bytes: Buffer): boolean => {
    this.#take(bytes);
    return true;
  };
  readonly #onDrain = (): void => this.#body?.drained();
  readonly #onEnd = (): void => this.#ended();
  readonly #onError = (error: Error): void => void (this.#error = error);
  readonly #onClose = (): void => this.#closed();

  /** Connects, and then sends this request. */
  constructor(owner: ConnectionOwner, connector: Connector, request: UpstreamRequest, handler: AnswerHandler) {
    this.#owner = owner;
    this.#request = request;
    this.#handler = handler;
    // A connection that changes its protocol is read as a stream by whoever gets it.
    this.#socket = connector.open(request.isUpgrade === true ? undefined : this.#onData, () => this.#ready());
    if (request.isUpgrade === true) this.#socket.on('data', this.#onData);
    this.#socket.on('drain', this.#onDrain).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose);
  }

  /** Whether it can take a request, as far as it has been read. */
  get isOpen(): boolean {
    return this.#socket.writable && !this.#socket.destroyed;
  }

  /** Sends a request on a connection that rests. */
  send(request: UpstreamRequest, handler: AnswerHandler): void {
    this.#request = request;
    this.#handler = handler;
    this.#isReused = true;
    this.#begin(request, handler);
  }

  abort(handler: AnswerHandler): void {
    if (handler !== this.#handler) return;
    this.#leave();
    // A reset is seen also by a server that does not read; below TLS there is no such thing.
    if (this.#socket instanceof TLSSocket) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  resume(handler: AnswerHandler): void {
    if (handler === this.#handler) this.#readOn();
  }

  /** Whoever waits for an answer hears nothing more of it. */
  destroy(): void {
    this.#leave();
    this.#socket.destroy();
  }

  /** Whoever waits for an answer hears of this error instead. */
  fail(error: Error): void {
    const handler = this.#handler;
    const progress = { isReused: this.#isReused, isAnswered: this.#isAnswered };
    this.destroy();
    if (handler !== undefined) tellError(handler, error, progress);
  }

  onHead(head: AnswerHead): void {
    this.#head = head;
    if (head.status !== 101) this.#handler?.onHeaders(head.status, head.fields, head.length !== UNTIL_CLOSE);
  }

  onBody(chunk: Buffer, isLast: boolean): void {
    if (this.#handler?.onData(chunk, isLast) !== false || isLast || this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  onEnd(rest: Buffer): void {
    const [handler, head, request] = [this.#handler, this.#head, this.#request];
    if (handler === undefined || head === undefined || request === undefined) return;
    if (head.status === 101) {
      this.#upgrade(handler, head, rest);
      return;
    }
    const isClean = this.#isSent && rest.length === 0 && head.length !== UNTIL_CLOSE && head.restMs !== 0 && !isLastRequest(request);
    this.#leave();
    if (isClean) {
      this.#readOn();
      this.#owner.rested(this, head.restMs);
    } else this.#socket.destroy();
    handler.onComplete();
  }

  #ready(): void {
    if (this.#request !== undefined && this.#handler !== undefined) this.#begin(this.#request, this.#handler);
  }

  #begin(request: UpstreamRequest, handler: AnswerHandler): void {
    let head: string;
    try {
      head = requestHead(request);
    } catch (error) {
      this.#rest();
      tellError(handler, error as Error, UNSENT);
      return;
    }
    try {
      if (!handler.onConnect(this)) {
        this.#rest();
        return;
      }
      this.#reader.begin(request);
      this.#write(request, handler, head);
    } catch (thrown) {
      this.#fault(handler, thrown);
    }
  }

  /** A handler has thrown, be it at the end of its answer: that is its own affair, and the connection is not used again. */
  #fault(handler: AnswerHandler, thrown: unknown): void {
    this.destroy();
    tellFault(handler, thrown);
  }

  /** Nothing was written: it is as good as it was. */
  #rest(): void {
    const isForUpgrade = this.#request?.isUpgrade === true;
    this.#leave();
    if (isForUpgrade) this.#socket.destroy();
    else this.#owner.rested(this, undefined);
  }

  #write({ body, bodyLength }: UpstreamRequest, handler: AnswerHandler, head: string): void {
    const socket = this.#socket;
    if (body !== undefined && !Buffer.isBuffer(body)) {
      if (!this.#readsPastFailedWrites) readPastFailedWrites(socket, (error) => this.#stopSending(error));
      this.#readsPastFailedWrites = true;
      this.#body = new BodyWriter({
        socket,
        body,
        head,
        isChunked: bodyLength === undefined,
        onPart: (chunk) => this.#isPartWanted(handler, chunk),
        onSent: () => this.#sent(handler),
        onError: (error) => this.fail(error),
      });
      return;
    }
    if (body === undefined) socket.write(head, 'latin1');
    else {
      if (!this.#isPartWanted(handler, body)) return;
      writeTogether(socket, head, body, '');
    }
    this.#sent(handler);
  }

  #isPartWanted(handler: AnswerHandler, chunk: Buffer): boolean {
    try {
      handler.onBodySent(chunk);
    } catch (thrown) {
      this.#fault(handler, thrown);
    }
    return this.#handler === handler;
  }

  /** The server takes no more of the body; an answer may be on its way all the same. */
  #stopSending(error: Error): void {
    this.#error ??= error;
    this.#body?.stop();
    this.#body = undefined;
  }

  #sent(handler: AnswerHandler): void {
    if (this.#handler !== handler) return;
    this.#body = undefined;
    this.#isSent = true;
    try {
      handler.onRequestSent();
    } catch (thrown) {
      this.#fault(handler, thrown);
    }
  }

  #take(bytes: Buffer): void {
    const handler = this.#handler;
    // What nobody has asked for would be taken for the answer to the next request.
    if (handler === undefined) {
      this.#socket.destroy();
      return;
    }
    this.#isAnswered = true;
    try {
      const error = this.#reader.read(bytes);
      if (error !== undefined) this.fail(error);
    } catch (thrown) {
      this.#fault(handler, thrown);
    }
  }

  #ended(): void {
    const handler = this.#handler;
    if (handler === undefined) {
      this.#socket.destroy();
      return;
    }
    try {
      const error = this.#reader.close();
      if (error !== undefined) this.fail(error);
    } catch (thrown) {
      this.#fault(handler, thrown);
    }
  }

  #closed(): void {
    this.#owner.closed(this);
    if (this.#handler === undefined) return;
    this.fail(this.#error ?? new UpstreamError('STOA_CONNECTION_CLOSED', 'The connection was closed.'));
  }

  #upgrade(handler: AnswerHandler, { status, fields }: AnswerHead, rest: Buffer): void {
    const socket = this.#socket;
    this.#leave();
    this.#owner.closed(this);
    socket.pause();
    socket
      .off('data', this.#onData)
      .off('drain', this.#onDrain)
      .off('end', this.#onEnd)
      .off('error', this.#onError)
      .off('close', this.#onClose);
    if (rest.length > 0) socket.unshift(rest);
    handler.onUpgrade(status, fields, socket);
  }

  /** The exchange is over for this connection. */
  #leave(): void {
    this.#body?.stop();
    this.#body = undefined;
    this.#reader.stop();
    this.#handler = undefined;
    this.#request = undefined;
    this.#head = undefined;
    this.#isSent = false;
    this.#isAnswered = false;
  }

  #readOn(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }
}
