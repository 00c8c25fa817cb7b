/** Forwards an exchange: it is itself what the client of upstreams tells of the answer, so that nothing else is made for it. */
import type { Duplex } from 'node:stream';
import type { ErrorCode } from '../../schema/error.js';
import { logPanic } from './access-log.js';
import { rawHead } from './connection.js';
import { HttpExchange } from './http-exchange.js';
import { answer, completeHead } from './pipeline.js';
import type { Route, Upstream } from './snapshot.js';
import { joinSockets } from './tunnel.js';
import { readAnswer } from './upstream-answer.js';
import type { AnswerSource, Progress } from './upstream-client/exchange-handler.js';
import { reportFailure } from './upstream-failure.js';

/** A body that makes no progress for so long is given up. */
const STALLED_BODY_MS = 60_000;

/** An exchange on its way to an upstream and back. */
export class ProxiedExchange extends HttpExchange {
  #bodyBytes = 0;
  /** The client has to take what it was sent before more is read for it. */
  #isHeld = false;
  #isSentWhole = false;

  /** From here on the body is the upstream's. */
  protected address(route: Route, upstream: Upstream): void {
    this.sendContinue();
    this.isBodyTaken = this.hasBody;
    const { path, headers } = this.upstreamRequest(route, upstream);
    const { method, hasBody, isUpgrade } = this;
    const { contentLength } = this.head;
    const bodyLength = contentLength === undefined ? undefined : Number(contentLength);
    this.request = { method, path, headers, body: hasBody ? this.body : undefined, bodyLength, isUpgrade };
  }

  override onConnect(source: AnswerSource): boolean {
    if (!super.onConnect(source)) return false;
    this.#isSentWhole = false;
    if (this.hasBody) this.startTimer(STALLED_BODY_MS);
    return true;
  }

  onBodySent(chunk: Buffer): void {
    this.#bodyBytes += chunk.length;
    this.timer?.refresh();
    const limit = this.maxBodyBytes;
    if (limit !== undefined && this.#bodyBytes > limit)
      this.end('payload_too_large', `The body of a request to this API has at most ${limit} bytes.`);
  }

  /** The answer timer starts when the request has been sent completely. */
  onRequestSent(): void {
    this.#isSentWhole = true;
    this.stopTimer();
    if (!this.isAnswered && !this.isDone) this.startTimer(this.route?.upstream.timeoutMs);
  }

  onHeaders(status: number, fields: string[], isFramed: boolean): void {
    const headers = readAnswer(status, fields, this.shared, this.limit !== undefined);
    if (status < 200) {
      this.writeInterim(status, headers);
      return;
    }
    this.stopTimer();
    this.settleBy(status);
    const kept = this.visit?.receive(status, headers, isFramed);
    if (kept !== undefined) {
      this.isDone = true;
      answer(this, kept);
      return;
    }
    this.isAnswered = true;
    this.status = status;
    this.headers = headers;
    completeHead(this);
    this.writeHead();
  }

  onData(chunk: Buffer, isLast: boolean): boolean {
    if (this.isDone) return true;
    this.visit?.take(chunk);
    if (isLast) {
      this.res.end(chunk);
      return true;
    }
    if (this.res.write(chunk)) return true;
    if (!this.#isHeld) this.res.once('drain', () => this.#readOn());
    this.#isHeld = true;
    return false;
  }

  onComplete(): void {
    if (this.isDone) return;
    this.isDone = true;
    if (!this.res.writableEnded) this.res.end();
    this.visit?.end();
    // Nobody takes the rest of the body: it is read and dropped, so that a reset does not overtake the answer (RFC 9112, 9.6).
    if (!this.req.complete && !Buffer.isBuffer(this.body)) this.body.resume();
  }

  onUpgrade(status: number, fields: string[], upstream: Duplex): void {
    this.stopTimer();
    this.isDone = true;
    this.settle(false);
    if (this.isOver) {
      upstream.destroy();
      return;
    }
    this.status = status;
    this.headers = ['Connection', 'Upgrade', 'Upgrade', 'websocket', ...readAnswer(status, fields, this.shared, this.limit !== undefined)];
    completeHead(this);
    this.socket.write(rawHead(status, this.headers), 'latin1');
    this.#join(upstream);
  }

  /** The body of the request is malformed or has stopped coming. False when there is no body to come. */
  breakBody(code: ErrorCode, message: string): boolean {
    if (this.req.complete || this.isOver) return false;
    this.closeConnection();
    if (this.request !== undefined) this.end(code, message);
    else if (this.isAnswered) this.socket.destroySoon();
    else this.refuse(code, message);
    return true;
  }

  /** The upstream did not answer, or the body made no progress, in time. */
  expire(): void {
    if (this.#isSentWhole) this.end('gateway_timeout', 'The upstream did not answer in time.');
    else if (this.req.isPaused() || this.req.complete) this.end('gateway_timeout', 'The upstream did not take the body in time.');
    else this.breakBody('request_timeout', 'The body of the request did not arrive in time.');
  }

  protected release(isComplete: boolean): void {
    this.stopTimer();
    this.visit?.drop();
    this.releaseBreaker();
    if (!isComplete) this.abort();
  }

  protected override broken(error: Error, progress: Progress): void {
    if (this.socket.destroyed) this.releaseBreaker();
    else if (this.isAnswered && !this.isOver) this.#cutShort(error);
    else super.broken(error, progress);
  }

  /** Of an answer that has begun nothing can be taken back: it is cut short, unless its end was written too. */
  protected override showFault(thrown: unknown): void {
    if (!this.res.headersSent) {
      super.showFault(thrown);
      return;
    }
    logPanic(this.gateway.log, thrown);
    if (this.isOver || this.res.writableEnded) return;
    this.isCutShort = true;
    this.breakOff();
  }

  #readOn(): void {
    this.#isHeld = false;
    this.source?.resume(this);
  }

  #join(upstream: Duplex): void {
    const { tunnels } = this.shared;
    tunnels.add(this.socket).add(upstream);
    joinSockets(this.socket, upstream, () => {
      tunnels.delete(this.socket);
      tunnels.delete(upstream);
    });
    this.over();
  }

  protected override mayRetry(error: Error, progress: Progress): boolean {
    return this.#bodyBytes === 0 && super.mayRetry(error, progress);
  }

  #cutShort(error: Error): void {
    this.isCutShort = true;
    reportFailure(this, error, this.status);
    this.breakOff();
  }
}
