/** A body on its way from a client to an upstream: no faster than the upstream takes it, head and first part in one write. */
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { writeTogether } from '../write-together.js';

export interface BodyWriterOptions {
  readonly socket: Socket;
  readonly body: Readable;
  /** Written with the first part. */
  readonly head: string;
  readonly isChunked: boolean;
  /** Told before a part is written. False: it is not wanted any more. */
  onPart(chunk: Buffer): boolean;
  /** Everything was written. */
  onSent(): void;
  /** The body has not come to its end: nothing more is to be read of it, call `stop`. */
  onError(error: Error): void;
}

const ignore = (): void => undefined;

export class BodyWriter {
  readonly #options: BodyWriterOptions;
  #head: string;
  readonly #onData = (chunk: Buffer): void => this.#write(chunk);
  readonly #onEnd = (): void => this.#end();
  readonly #onError = (error: Error): void => this.#options.onError(error);
  readonly #onClose = (): void => this.#options.onError(new Error('The body did not arrive whole.'));

  constructor(options: BodyWriterOptions) {
    this.#options = options;
    this.#head = options.head;
    const { body } = options;
    if (body.readableEnded) process.nextTick(this.#onEnd);
    else if (body.destroyed) process.nextTick(this.#onClose);
    body.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose);
    body.resume();
  }

  /** The socket takes more. */
  drained(): void {
    this.#options.body.resume();
  }

  /** Reads no more of the body; what is left of it is its owner's. */
  stop(): void {
    const { body } = this.#options;
    // A body whose client breaks off says so even when nobody listens any more.
    body.on('error', ignore);
    body.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onError).off('close', this.#onClose);
    body.pause();
  }

  #write(chunk: Buffer): void {
    const { socket, isChunked, onPart, body } = this.#options;
    if (chunk.length === 0 || !onPart(chunk)) return;
    const before = isChunked ? `${this.#takeHead()}${chunk.length.toString(16)}\r\n` : this.#takeHead();
    if (!writeTogether(socket, before, chunk, isChunked ? '\r\n' : '')) body.pause();
  }

  #end(): void {
    const { socket, isChunked, onSent } = this.#options;
    this.stop();
    const text = this.#takeHead() + (isChunked ? '0\r\n\r\n' : '');
    if (text !== '') socket.write(text, 'latin1');
    onSent();
  }

  #takeHead(): string {
    const head = this.#head;
    this.#head = '';
    return head;
  }
}
