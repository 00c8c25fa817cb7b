/** Forwards an exchange with undici: the exchange itself is the handler of its dispatch, so that nothing else is made for it. */
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { ErrorCode } from '../../schema/error.js';
import { rawHead } from './connection.js';
import { HttpExchange } from './http-exchange.js';
import { answer, completeHead, fail } from './pipeline.js';
import type { Route, Upstream } from './snapshot.js';
import { joinSockets } from './tunnel.js';
import { readAnswer } from './upstream-answer.js';
import { reportFailure } from './upstream-failure.js';

/** A body that makes no progress for so long is given up. */
const STALLED_BODY_MS = 60_000;
/** A body up to this size that came whole is sent with its head in one piece; undici says that it is complete in the same turn. */
const MAX_WHOLE = 16 * 1024;

/** An exchange on its way to an upstream and back. */
export class ProxiedExchange extends HttpExchange {
  #request: Dispatcher.DispatchOptions | undefined = undefined;
  #resume: (() => void) | undefined = undefined;
  /** The whole body of an answer that came in one piece. */
  #whole: Buffer | undefined = undefined;
  #answerLength = -1;
  #bodyBytes = 0;
  #isSentWhole = false;

  forward(route: Route, upstream: Upstream): void {
    this.admittedBy(upstream);
    if (this.isOver || this.isAnswered) {
      this.releaseBreaker();
      return;
    }
    this.sendContinue();
    this.isBodyTaken = this.hasBody;
    this.address(route, upstream);
    this.dispatch(this.shared.clients.pool(upstream));
  }

  protected address(route: Route, upstream: Upstream): void {
    this.#request = {
      ...this.upstreamRequest(route, upstream),
      method: this.method,
      body: this.hasBody ? this.body : null,
      upgrade: this.isUpgrade ? 'websocket' : null,
    };
  }

  protected dispatch(dispatcher: Pick<Dispatcher, 'dispatch'>): void {
    this.isSent = false;
    this.#isSentWhole = false;
    if (this.#request !== undefined) dispatcher.dispatch(this.#request, this);
  }

  /** undici is about to write the request. */
  onConnect(abort: (error?: Error) => void): void {
    this.abortRequest = abort;
    if (this.isOver || this.isDone) {
      abort();
      return;
    }
    this.isSent = true;
    if (this.hasBody) this.startTimer(STALLED_BODY_MS);
  }

  onBodySent(chunk: unknown): void {
    this.#bodyBytes += (chunk as Buffer).length;
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

  onHeaders(status: number, raw: Buffer[], resume: () => void): boolean {
    const head = status === 101 ? 'unsolicited upgrade' : readAnswer(status, raw, this.shared, this.limit !== undefined);
    if (typeof head === 'string') {
      this.end('bad_gateway', head);
      return false;
    }
    if (status < 200) {
      this.writeInterim(status, head.headers);
      return true;
    }
    this.stopTimer();
    this.settleBy(status);
    this.#resume = resume;
    this.#answerLength = head.length;
    const kept = this.visit?.receive(status, head.headers, head.isFramed);
    if (kept !== undefined) {
      this.isDone = true;
      answer(this, kept);
      return true;
    }
    this.#begin(status, head.headers);
    // undici misses the body that a 304 tells the length of, and calls that an error.
    if (status === 304 || status === 204) this.onComplete();
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.visit?.take(chunk);
    if (chunk.length === this.#answerLength && chunk.length <= MAX_WHOLE) {
      this.#whole = chunk;
      return true;
    }
    if (this.res.write(chunk)) return true;
    if (this.#resume !== undefined) this.res.once('drain', this.#resume);
    return false;
  }

  onComplete(): void {
    if (this.isDone) return;
    this.isDone = true;
    this.res.end(this.#whole);
    this.visit?.end();
  }

  onUpgrade(status: number, raw: Buffer[] | string[] | null, upstream: Duplex): void {
    this.stopTimer();
    this.isDone = true;
    this.settle(false);
    const head = readAnswer(status, (raw ?? []) as Buffer[], this.shared, this.limit !== undefined);
    if (typeof head === 'string' || this.isOver) {
      upstream.destroy();
      this.socket.destroy();
      return;
    }
    this.status = status;
    this.headers = ['Connection', 'Upgrade', 'Upgrade', 'websocket', ...head.headers];
    completeHead(this);
    this.socket.write(rawHead(status, this.headers), 'latin1');
    this.#join(upstream);
  }

  onError(error: Error): void {
    this.stopTimer();
    if (this.isDone) return;
    if (!this.isOver && !this.isAnswered && this.mayRetry(error)) {
      this.retrySoon();
      return;
    }
    this.isDone = true;
    if (this.isOver || this.socket.destroyed) this.releaseBreaker();
    else if (this.isAnswered) this.#cutShort(error);
    else this.answerFailure(error);
  }

  /** The body of the request is malformed or has stopped coming. False when there is no body to come. */
  breakBody(code: ErrorCode, message: string): boolean {
    if (this.req.complete || this.isOver) return false;
    this.closeConnection();
    if (this.#request !== undefined) this.end(code, message);
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
    if (!isComplete) this.abortRequest?.();
  }

  #begin(status: number, headers: string[]): void {
    this.isAnswered = true;
    this.status = status;
    this.headers = headers;
    try {
      completeHead(this);
      this.writeHead();
    } catch (error) {
      this.isDone = true;
      this.abortRequest?.();
      fail(this, error);
    }
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

  protected override mayRetry(error: Error): boolean {
    return this.#bodyBytes === 0 && super.mayRetry(error);
  }

  #cutShort(error: Error): void {
    this.isCutShort = true;
    reportFailure(this, error, this.status);
    this.breakOff();
  }
}
