/** Reads the answers of one connection from its bytes, in whatever pieces they come. What it is told of no request is nobody's answer. */
import { CHUNKED, readAnswerHead, UNTIL_CLOSE, type AnswerHead, type Asked } from './answer-head.js';
import { ChunkReader } from './chunk-reader.js';
import { UpstreamError } from './upstream-error.js';

/** Told of an answer as it comes. It may end the reading at any time by `stop`. */
export interface AnswerSink {
  /** Interim answers other than 100 (Continue) come before the final one. */
  onHead(head: AnswerHead): void;
  /** A part of the body that belongs to whoever gets it; `isLast`: the answer ends with it. */
  onBody(chunk: Buffer, isLast: boolean): void;
  /** The answer is whole; `rest` is what came behind it. */
  onEnd(rest: Buffer): void;
}

const MAX_HEAD = 64 * 1024;
/** Interim answers to one request. */
const MAX_INTERIM = 32;
const HEAD_END = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);

/** Of a buffer into which others are read. */
const copyOf = (bytes: Buffer, start: number, end: number): Buffer => Buffer.from(bytes.subarray(start, end));

export class AnswerReader {
  readonly #sink: AnswerSink;
  #state: 'idle' | 'head' | 'sized' | 'chunked' | 'until_close' = 'idle';
  #asked: Asked | undefined = undefined;
  #interim = 0;
  /** Bytes of a sized body that have not come. */
  #left = 0;
  #chunks: ChunkReader | undefined = undefined;
  /** The pieces of a head that has not come to its end. */
  #held: Buffer[] = [];
  #heldBytes = 0;

  constructor(sink: AnswerSink) {
    this.#sink = sink;
  }

  /** The next bytes are the answer to this. */
  begin(asked: Asked): void {
    this.#asked = asked;
    this.#interim = 0;
    this.#state = 'head';
  }

  /** Nothing more is read; what the sink is being told of is the last it hears. */
  stop(): void {
    this.#state = 'idle';
    this.#asked = undefined;
    this.#chunks = undefined;
    this.#held = [];
    this.#heldBytes = 0;
  }

  /** Takes bytes of the present answer. An error says why it cannot be used, and then nothing more may be read from its connection. */
  read(bytes: Buffer): UpstreamError | undefined {
    let at = 0;
    while (at < bytes.length) {
      let next: number | UpstreamError;
      if (this.#state === 'head') next = this.#readHead(bytes, at);
      else if (this.#state === 'sized') next = this.#readSized(bytes, at);
      else if (this.#state === 'chunked') next = this.#readChunks(bytes, at);
      else if (this.#state === 'until_close') next = this.#readRest(bytes, at);
      else return undefined;
      if (typeof next !== 'number') return next;
      at = next;
    }
    return undefined;
  }

  /** The server has ended its side in order. What that makes of the answer: undefined when it is the end of one. */
  close(): UpstreamError | undefined {
    if (this.#state === 'until_close') {
      this.#end(NOTHING, 0);
      return undefined;
    }
    const hasBegun = this.#state === 'sized' || this.#state === 'chunked' || this.#heldBytes > 0;
    return hasBegun
      ? new UpstreamError('STOA_ANSWER_CUT_SHORT', 'The connection ended inside of the answer.')
      : new UpstreamError('STOA_CONNECTION_CLOSED', 'The connection ended before an answer.');
  }

  #readHead(bytes: Buffer, at: number): number | UpstreamError {
    const piece = this.#held.length === 0 ? bytes : this.#joinTail(bytes);
    const before = piece.length - bytes.length;
    const found = piece.indexOf(HEAD_END, before === 0 ? at : 0);
    // Where the head ends in `bytes`, which may begin in the middle of its end.
    const end = found === -1 ? bytes.length : found + HEAD_END.length - before;
    if (this.#heldBytes + end - at > MAX_HEAD)
      return new UpstreamError('STOA_ANSWER_HEAD_TOO_LARGE', `The head of the answer has more than ${MAX_HEAD} bytes.`);
    if (found === -1) {
      this.#held.push(copyOf(bytes, at, end));
      this.#heldBytes += end - at;
      return end;
    }
    return this.#takeHead(this.#takeHeld() + bytes.toString('latin1', at, end), bytes, end);
  }

  /** The end of what is held with new bytes behind it: so the end of a head is found across pieces, and nothing is searched twice. */
  #joinTail(bytes: Buffer): Buffer {
    const tail = Buffer.concat(this.#held.slice(-HEAD_END.length)).subarray(1 - HEAD_END.length);
    return Buffer.concat([tail, bytes]);
  }

  #takeHeld(): string {
    if (this.#held.length === 0) return '';
    const text = Buffer.concat(this.#held).toString('latin1');
    this.#held = [];
    this.#heldBytes = 0;
    return text;
  }

  #takeHead(text: string, bytes: Buffer, end: number): number | UpstreamError {
    if (this.#asked === undefined) throw new TypeError('An answer is read after its request is known.');
    const head = readAnswerHead(text, this.#asked);
    if (typeof head === 'string') return new UpstreamError('STOA_INVALID_ANSWER', head);
    if (head.status < 200 && head.status !== 101) return this.#takeInterim(head, end);
    const { length } = head;
    this.#left = length;
    this.#chunks = length === CHUNKED ? new ChunkReader() : undefined;
    this.#state = length === CHUNKED ? 'chunked' : length === UNTIL_CLOSE ? 'until_close' : 'sized';
    this.#sink.onHead(head);
    return length === 0 && this.#state === 'sized' ? this.#end(bytes, end) : end;
  }

  #takeInterim(head: AnswerHead, end: number): number | UpstreamError {
    this.#interim += 1;
    if (this.#interim > MAX_INTERIM) return new UpstreamError('STOA_INVALID_ANSWER', 'too many interim answers');
    // A server may say 100 unasked (RFC 9110, 15.2): it means something to whoever waits with a body, and nobody does.
    if (head.status !== 100) this.#sink.onHead(head);
    return end;
  }

  #readSized(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#left -= end - at;
    const isLast = this.#left === 0;
    this.#sink.onBody(copyOf(bytes, at, end), isLast);
    return isLast && this.#state === 'sized' ? this.#end(bytes, end) : end;
  }

  /** All chunks of one read are one part for whoever gets them. */
  #readChunks(bytes: Buffer, at: number): number | UpstreamError {
    const chunks = this.#chunks;
    if (chunks === undefined) throw new TypeError('Chunks are read after the head that announces them.');
    const into = Buffer.allocUnsafe(bytes.length - at);
    const length = chunks.read(bytes, at, into);
    if (chunks.problem !== undefined) return new UpstreamError('STOA_INVALID_ANSWER', chunks.problem);
    if (length > 0) this.#sink.onBody(into.subarray(0, length), chunks.isOver);
    return chunks.isOver && this.#state === 'chunked' ? this.#end(bytes, chunks.at) : chunks.at;
  }

  #readRest(bytes: Buffer, at: number): number {
    this.#sink.onBody(copyOf(bytes, at, bytes.length), false);
    return bytes.length;
  }

  /** Behind the end nothing is read: it is the sink that knows what it means. */
  #end(bytes: Buffer, at: number): number {
    this.stop();
    this.#sink.onEnd(bytes.subarray(at));
    return bytes.length;
  }
}
