/** The client's side of an exchange: how an answer is written, and when it is the end of the connection. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { StoaError, type ErrorCode } from '../../schema/error.js';
import { certificateOfHeaders, certificateOfSocket, type Presented } from './client-certificate.js';
import type { ClientAnswer, ClientBody, ClientRequest } from './client-side.js';
import { closeAfterAnswer, rawHead } from './connection.js';
import type { EventStream } from './mcp/carrier.js';
import { errorReply } from './own-routes.js';
import { answer, completeHead, finish } from './pipeline.js';
import type { RequestHead } from './request-head.js';
import { UpstreamExchange } from './upstream-exchange.js';
import type { UpstreamAccess } from './upstream-request.js';

/** What exchanges share: one object per listener. */
export interface Shared extends UpstreamAccess {
  /** Connections that were upgraded; the listener ends them when it stops. */
  readonly tunnels: Set<Duplex>;
  /** While the listener stops, each answer announces the end of its connection. */
  isDraining: boolean;
}

/** An unread body up to this size is read and thrown away; with a larger one the connection is closed. */
const MAX_UNREAD_BODY = 64 * 1024;
const CLIENT_CLOSED = 499;
/** What waits beyond this for a client that reads its events slowly is watched: a stream of which nothing more was read for so long is given up. */
const MAX_WAITING_EVENTS = 4 * 1024 * 1024;
const UNREAD_MS = 30_000;

export abstract class HttpExchange extends UpstreamExchange<Shared> {
  readonly head: RequestHead;
  readonly hasBody: boolean;
  /** Whether the client waits for "100 Continue" before it sends its body. */
  expectsContinue = false;
  /** Told when the answer has ended, or the client is gone. */
  onOver: (() => void) | undefined = undefined;

  protected readonly req: ClientRequest;
  protected readonly res: ClientAnswer;
  protected readonly body: ClientBody;
  protected readonly socket: Socket;
  /** Whether the body belongs to an upstream request by now. */
  protected isBodyTaken = false;

  constructor(shared: Shared, req: ClientRequest, res: ClientAnswer, head: RequestHead, body: ClientBody) {
    super(shared);
    this.req = req;
    this.res = res;
    this.body = body;
    this.socket = req.socket;
    this.head = head;
    this.rawHeaders = req.rawHeaders;
    this.method = req.method ?? '';
    this.hasBody = head.isChunked || (head.contentLength !== undefined && Number(head.contentLength) > 0);
  }

  /** A proxy that is trusted speaks for its clients: a certificate of its own is not theirs. */
  presentedCertificate(): Presented {
    if (this.gateway.certificates.mode === 'off') return 'missing';
    return this.forwardedFor?.isTrusted === true ? certificateOfHeaders((name) => this.header(name)) : certificateOfSocket(this.socket);
  }

  respond(body: string | Buffer): void {
    if (this.isOver || this.res.headersSent) return;
    this.isAnswered = true;
    if (this.status !== 204 && this.status !== 304) this.headers.push('Content-Length', String(Buffer.byteLength(body)));
    this.writeHead();
    this.res.end(body);
  }

  /** Answers 200 with `text/event-stream`, and goes on until either side ends it. */
  openStream(headers: readonly string[]): EventStream {
    this.isAnswered = true;
    this.status = 200;
    this.headers = ['Content-Type', 'text/event-stream', 'Cache-Control', 'no-store', 'X-Accel-Buffering', 'no', ...headers];
    completeHead(this);
    this.writeHead();
    return this.events();
  }

  private events(): EventStream {
    const { res } = this;
    const isBehind = (): boolean => res.writableLength > MAX_WAITING_EVENTS;
    let written = 0;
    let watching: NodeJS.Timeout | undefined;
    const watch = (): NodeJS.Timeout => {
      let readBefore = written - res.writableLength;
      return setInterval(() => {
        const read = written - res.writableLength;
        if (!this.isOver && isBehind() && read <= readBefore) this.breakOff();
        if (this.isOver || !isBehind()) watching = void clearInterval(watching);
        readBefore = read;
      }, UNREAD_MS).unref();
    };
    return {
      send: (text) => {
        if (this.isOver || res.writableEnded) return;
        written += Buffer.byteLength(text);
        res.write(text);
        if (isBehind()) watching ??= watch();
      },
      get isBehind() {
        return isBehind();
      },
      end: () => res.end(),
    };
  }

  /** Answers with an error and ends the connection. */
  refuse(code: ErrorCode, message?: string, headers?: readonly string[]): void {
    this.closeConnection();
    answer(this, errorReply(code, message, headers));
  }

  /**
   * The whole body as text, for the gateway's own routes. Throws StoaError: `payload_too_large` above `limit` bytes, `bad_request` when the client left
   * before its end.
   */
  async readBody(limit: number): Promise<string> {
    this.sendContinue();
    const chunks: Buffer[] = [];
    let length = 0;
    try {
      for await (const chunk of (this.body instanceof Buffer ? [this.body] : this.body) as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > limit) throw new StoaError('payload_too_large', `The body has at most ${limit} bytes.`);
        chunks.push(chunk);
      }
    } catch (error) {
      throw error instanceof StoaError ? error : new StoaError('bad_request', 'The body did not arrive whole.', { cause: error });
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  /** The answer is over, or the client is gone. The listener calls it; more than one call is fine. */
  over(): void {
    if (this.isOver) return;
    this.isOver = true;
    const isComplete = this.res.writableFinished || this.status === 101;
    if (this.status === 0 || (!isComplete && !this.isAnswered)) this.status = CLIENT_CLOSED;
    this.release(isComplete);
    finish(this, isComplete);
    this.onOver?.();
  }

  /** Lets go of what is upstream of an exchange that is over. */
  protected abstract release(isComplete: boolean): void;

  /** Tells a client that waits for it to send its body. */
  protected sendContinue(): void {
    if (this.expectsContinue) this.res.writeContinue();
    this.expectsContinue = false;
  }

  protected writeHead(): void {
    // A body that is still on its way when the answer begins: small and announced, it is read to its end; else the connection ends.
    const isUnread = this.hasBody && !this.req.complete;
    const isSmall = !this.head.isChunked && Number(this.head.contentLength) <= MAX_UNREAD_BODY && !this.expectsContinue;
    if (isUnread && (this.isBodyTaken || !isSmall)) this.closeConnection();
    if (this.shared.isDraining) this.res.shouldKeepAlive = false;
    this.res.writeHead(this.status, this.headers);
  }

  /** Interim answers go on to the client when its own answer is next in line; HTTP/1.0 knows none. */
  protected writeInterim(status: number, headers: readonly string[]): void {
    if (this.req.httpVersionMinor > 0) this.res.socket?.write(rawHead(status, headers), 'latin1');
  }

  /** The answer was cut short: the client has to see that, also where only the end of the connection ends a body. */
  protected breakOff(): void {
    if (this.req.httpVersionMinor === 0) this.socket.resetAndDestroy();
    else this.res.destroy();
  }

  /** The answer will be the last of its connection; nothing that arrives is interpreted any more. */
  closeConnection(): void {
    this.res.shouldKeepAlive = false;
    closeAfterAnswer(this.socket);
  }
}
