/** What is asked of an upstream, and who is told how it goes. */
import type { Duplex, Readable } from 'node:stream';
import { UpstreamError } from './upstream-error.js';

export interface UpstreamRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Name, value, name, value; without the fields of framing and of the connection, which are written by the client. */
  readonly headers: readonly string[];
  /** Undefined: there is none. */
  readonly body: Buffer | Readable | undefined;
  /** Bytes of a body that is read while it is sent; undefined: it is sent in chunks. */
  readonly bodyLength?: number | undefined;
  /** Asks for a change to the protocol of websockets. */
  readonly isUpgrade?: boolean;
}

/** Where the answer comes from, for whoever waits for it. Both do nothing for a handler that is not waiting any more. */
export interface AnswerSource {
  /** Gives the exchange up: its connection is closed, its handler hears nothing more. */
  abort(handler: AnswerHandler): void;
  /** After `onData` has returned false: reads on. */
  resume(handler: AnswerHandler): void;
}

/** How far an exchange had come when it broke. */
export interface Progress {
  /** It was sent on a connection that had served others before: the server may have closed it by then, which says nothing of the server. */
  readonly isReused: boolean;
  /** Bytes of an answer have come, be it of an interim one: the request has reached the server. */
  readonly isAnswered: boolean;
}

/** Nothing of the request was written. */
export const UNSENT: Progress = { isReused: false, isAnswered: false };

/**
 * Is told of one exchange, in this order; `onError` or `onUpgrade` may come in place of the rest. Nothing comes after `onComplete`, `onUpgrade` or `onError`,
 * nor after `abort`, with one exception: a handler that throws is told so by `onError` with STOA_HANDLER_FAILED, whichever call it was, and its connection is
 * closed. No other exchange notices.
 */
export interface AnswerHandler {
  /** The request is about to be written. False: it is not wanted any more. */
  onConnect(source: AnswerSource): boolean;
  /** A part of the body is about to be written. */
  onBodySent(chunk: Buffer): void;
  /** The whole request was written. */
  onRequestSent(): void;
  /** Name, value, name, value. Interim answers (below 200) come before the final one. `isFramed`: its end can be told from a connection that broke. */
  onHeaders(status: number, fields: string[], isFramed: boolean): void;
  /** The part belongs to the handler. `isLast`: the answer ends with it. False: come again after `resume`; what has been read already still comes. */
  onData(chunk: Buffer, isLast: boolean): boolean;
  onComplete(): void;
  /** The connection is the handler's now. */
  onUpgrade(status: number, fields: string[], socket: Duplex): void;
  onError(error: Error, progress: Progress): void;
}

/** Tells a handler what its exchange broke by. Never throws. */
export function tellError(handler: AnswerHandler, error: Error, progress: Progress): void {
  try {
    handler.onError(error, progress);
  } catch (thrown) {
    tellFault(handler, thrown);
  }
}

/** Tells a handler of what it has thrown. Never throws: what is thrown at that too is left to whoever hears of what nobody has caught. */
export function tellFault(handler: AnswerHandler, thrown: unknown): void {
  try {
    handler.onError(new UpstreamError('STOA_HANDLER_FAILED', 'The exchange ended by a fault of its handler.', { cause: thrown }), UNSENT);
  } catch (again) {
    setImmediate(() => {
      throw again;
    });
  }
}
