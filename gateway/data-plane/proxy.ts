/** Forwards an exchange with undici: the exchange itself is the handler of its dispatch, so that nothing else is made for it. */
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { ErrorCode } from '../../schema/error.js';
import { rawHead } from './connection.js';
import { HttpExchange } from './http-exchange.js';
import { errorReply } from './own-routes.js';
import { answer, completeHead, fail } from './pipeline.js';
import type { Route, Upstream } from './snapshot.js';
import { joinSockets } from './tunnel.js';
import { readAnswer } from './upstream-answer.js';
import { Ended, isFinal, reportFailure } from './upstream-failure.js';

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
/** A body that makes no progress for so long is given up. */
const STALLED_BODY_MS = 60_000;
/** A body up to this size that came whole is sent with its head in one piece; undici says that it is complete in the same turn. */
const MAX_WHOLE = 16 * 1024;
const UPSTREAM_FAILURES = new Set([502, 503, 504]);

/** An exchange on its way to an upstream and back. */
export class ProxiedExchange extends HttpExchange {
  #request: Dispatcher.DispatchOptions | undefined = undefined;
  #attempts = 0;
  #abort: ((error?: Error) => void) | undefined = undefined;
  #resume: (() => void) | undefined = undefined;
  /** The whole body of an answer that came in one piece. */
  #whole: Buffer | undefined = undefined;
  #answerLength = -1;
  #timer: NodeJS.Timeout | undefined = undefined;
  #bodyBytes = 0;
  /** The request was written, at least in part, by the present attempt. */
  #isSent = false;
  #isSentWhole = false;
  /** Nothing more that undici says of the dispatch counts. */
  #isDone = false;
  /** The breaker waits for word of the request that it admitted in this round. */
  #admittedIn: number | undefined = undefined;

  forward(route: Route, upstream: Upstream): void {
    this.upstream = upstream;
    this.#admittedIn = upstream.breaker.round;
    if (this.isOver || this.isAnswered) {
      this.#releaseBreaker();
      return;
    }
    this.sendContinue();
    this.isBodyTaken = this.hasBody;
    this.#address(route, upstream);
    this.#dispatch(this.shared.clients.pool(upstream));
  }

  #address(route: Route, upstream: Upstream): void {
    this.#request = {
      ...this.upstreamRequest(route, upstream),
      method: this.method,
      body: this.hasBody ? this.body : null,
      upgrade: this.isUpgrade ? 'websocket' : null,
    };
  }

  #dispatch(dispatcher: Pick<Dispatcher, 'dispatch'>): void {
    this.#isSent = false;
    this.#isSentWhole = false;
    if (this.#request !== undefined) dispatcher.dispatch(this.#request, this);
  }

  /** undici is about to write the request. */
  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort;
    if (this.isOver || this.#isDone) {
      abort();
      return;
    }
    this.#isSent = true;
    if (this.hasBody) this.#timer = setTimeout(expire, STALLED_BODY_MS, this);
  }

  onBodySent(chunk: unknown): void {
    this.#bodyBytes += (chunk as Buffer).length;
    this.#timer?.refresh();
    const limit = this.maxBodyBytes;
    if (limit !== undefined && this.#bodyBytes > limit)
      this.end('payload_too_large', `The body of a request to this API has at most ${limit} bytes.`);
  }

  /** The answer timer starts when the request has been sent completely. */
  onRequestSent(): void {
    this.#isSentWhole = true;
    this.#stopTimer();
    if (!this.isAnswered && !this.#isDone) this.#timer = setTimeout(expire, this.route?.upstream.timeoutMs, this);
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
    this.#stopTimer();
    this.#settle(UPSTREAM_FAILURES.has(status));
    this.#resume = resume;
    this.#answerLength = head.length;
    const kept = this.visit?.receive(status, head.headers, head.isFramed);
    if (kept !== undefined) {
      this.#isDone = true;
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
    if (this.#isDone) return;
    this.#isDone = true;
    this.res.end(this.#whole);
    this.visit?.end();
  }

  onUpgrade(status: number, raw: Buffer[] | string[] | null, upstream: Duplex): void {
    this.#stopTimer();
    this.#isDone = true;
    this.#settle(false);
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
    this.#stopTimer();
    if (this.#isDone) return;
    if (!this.isOver && !this.isAnswered && this.#mayRetry(error)) {
      setImmediate(retry, this);
      return;
    }
    this.#isDone = true;
    if (this.isOver || this.socket.destroyed) this.#releaseBreaker();
    else if (this.isAnswered) this.#cutShort(error);
    else this.#answerFailure(error);
  }

  /** Gives the upstream request up; the client gets this error, or a broken connection when the answer has begun. */
  end(code: ErrorCode, message: string): void {
    const error = new Ended(code, message);
    if (this.#abort === undefined) this.onError(error);
    else this.#abort(error);
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

  /** Another try after `onError` has allowed it: by another server where there is one, else on a connection of its own when one has broken. */
  retry(): void {
    const { route, upstream } = this;
    if (route === undefined || upstream === undefined || this.isOver) {
      this.#releaseBreaker();
      return;
    }
    this.#attempts += 1;
    this.#abort = undefined;
    // A connection that broke may have been an idle one that the server closed: that says nothing of the server yet.
    const mayBeStale = this.#isSent && this.#attempts === 1;
    const other = mayBeStale ? undefined : route.upstreams.another(this.gateway.now(), upstream);
    if (other !== undefined) {
      this.#settle(true);
      this.upstream = other;
      this.#admittedIn = other.breaker.round;
      this.#address(route, other);
      this.#dispatch(this.shared.clients.pool(other));
      return;
    }
    const fresh = this.#isSent ? this.shared.clients.fresh(upstream) : undefined;
    this.#dispatch(fresh ?? this.shared.clients.pool(upstream));
    void fresh?.close();
  }

  /** The upstream did not answer, or the body made no progress, in time. */
  expire(): void {
    if (this.#isSentWhole) this.end('gateway_timeout', 'The upstream did not answer in time.');
    else if (this.req.isPaused() || this.req.complete) this.end('gateway_timeout', 'The upstream did not take the body in time.');
    else this.breakBody('request_timeout', 'The body of the request did not arrive in time.');
  }

  protected release(isComplete: boolean): void {
    this.#stopTimer();
    this.visit?.drop();
    this.#releaseBreaker();
    if (!isComplete) this.#abort?.();
  }

  #begin(status: number, headers: string[]): void {
    this.isAnswered = true;
    this.status = status;
    this.headers = headers;
    try {
      completeHead(this);
      this.writeHead();
    } catch (error) {
      this.#isDone = true;
      this.#abort?.();
      fail(this, error);
    }
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
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

  /** Only what cannot have been acted on: nothing was sent, or an idempotent request without a body met a dead connection. */
  #mayRetry(error: Error): boolean {
    const retries = this.route?.upstream.retries ?? 0;
    if (this.#attempts >= retries || error instanceof Ended || isFinal(error) || this.#bodyBytes > 0) return false;
    return !this.#isSent || (IDEMPOTENT.has(this.method) && !this.hasBody);
  }

  #cutShort(error: Error): void {
    this.isCutShort = true;
    reportFailure(this, error, this.status);
    this.breakOff();
  }

  #answerFailure(error: Error): void {
    const code = error instanceof Ended ? error.errorCode : 'bad_gateway';
    const isUpstreams = code === 'bad_gateway' || code === 'gateway_timeout';
    if (isUpstreams) {
      this.#settle(true);
      reportFailure(this, error, code === 'bad_gateway' ? 502 : 504);
    }
    this.#releaseBreaker();
    answer(this, errorReply(code, code === 'bad_gateway' ? undefined : error.message));
  }

  #settle(isFailure: boolean): void {
    const breaker = this.upstream?.breaker;
    const round = this.#admittedIn;
    if (round === undefined || breaker === undefined) return;
    this.#admittedIn = undefined;
    if (isFailure) breaker.failure(this.gateway.now(), round);
    else breaker.success(this.gateway.now(), round);
  }

  #releaseBreaker(): void {
    if (this.#admittedIn !== undefined) this.upstream?.breaker.release(this.#admittedIn);
    this.#admittedIn = undefined;
  }
}

const expire = (exchange: ProxiedExchange): void => exchange.expire();
function retry(exchange: ProxiedExchange): void {
  try {
    exchange.retry();
  } catch (error) {
    fail(exchange, error);
  }
}
