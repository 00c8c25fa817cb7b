/** What is asked of an upstream, and who is told how it goes. */
import type { Duplex, Readable } from 'node:stream';

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

/** Is told of one exchange, in this order; `onError` or `onUpgrade` may come in place of the rest. Nothing comes after `onComplete`, `onUpgrade` or `onError`. */
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
