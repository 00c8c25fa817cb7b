/** What an exchange needs of its client: a request and the place for its answer. node's own objects are one form of it, those of the fast lane the other. */
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';

export interface ClientRequest {
  readonly method?: string | undefined;
  /** Name, value, name, value; as received. */
  readonly rawHeaders: string[];
  /** 0 for HTTP/1.0. */
  readonly httpVersionMinor: number;
  readonly socket: Socket;
  /** Whether the message has come whole. */
  readonly complete: boolean;
  /** Whether its body is not being read at the moment. */
  isPaused(): boolean;
}

/** A body that comes piece by piece, or one that is there. */
export type ClientBody = Readable | Buffer;

/** The contract is that of node's `ServerResponse`. */
export interface ClientAnswer {
  readonly headersSent: boolean;
  /** Whether its end was written. */
  readonly writableEnded: boolean;
  /** Bytes that wait for the client. */
  readonly writableLength: number;
  readonly destroyed: boolean;
  /** Whether everything was handed to the system. */
  readonly writableFinished: boolean;
  /** Null while answers before it are under way, and after it. */
  readonly socket: Socket | null;
  shouldKeepAlive: boolean;
  writeContinue(): void;
  writeHead(status: number, headers: string[]): unknown;
  /** False: wait for `drain` before more is written. */
  write(chunk: string | Buffer): boolean;
  once(event: 'drain', listener: () => void): unknown;
  end(body?: string | Buffer): unknown;
  destroy(): unknown;
}
