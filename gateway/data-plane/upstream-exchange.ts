/** The upstream's side of an exchange, whoever asked: the breaker that admitted it, its time limit, other tries, and what is said when there is no answer. */
import type { Duplex } from 'node:stream';
import type { ErrorCode } from '../../schema/error.js';
import type { ForwardedFor } from '../client-address.js';
import { Exchange } from './exchange.js';
import { errorReply } from './own-routes.js';
import { answer, fail } from './pipeline.js';
import type { Route, Upstream } from './snapshot.js';
import { UNSENT, type AnswerHandler, type AnswerSource, type Progress, type UpstreamRequest } from './upstream-client/exchange-handler.js';
import { Ended, isFinal, isOurs, reportFailure } from './upstream-failure.js';
import { upstreamHead, type UpstreamAccess } from './upstream-request.js';

const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
/** Answers by which an upstream says that it could not do its part. */
const UPSTREAM_FAILURES: ReadonlySet<number> = new Set([502, 503, 504]);

export abstract class UpstreamExchange<Access extends UpstreamAccess = UpstreamAccess> extends Exchange implements AnswerHandler {
  forwardedFor: ForwardedFor | undefined = undefined;

  /** The answer has ended, or nobody waits for it any more. */
  protected isOver = false;
  /** The head of the answer is decided. */
  protected isAnswered = false;
  /** Nothing more that is said of the request counts. */
  protected isDone = false;
  /** The request was written, at least in part, by the present attempt. */
  protected isSent = false;
  /** Where the answer to the present attempt comes from. */
  protected source: AnswerSource | undefined = undefined;
  protected request: UpstreamRequest | undefined = undefined;
  protected timer: NodeJS.Timeout | undefined = undefined;
  protected readonly shared: Access;
  #attempts = 0;
  /** The present attempt broke on a connection that had served others before. */
  #wasReused = false;
  /** The breaker waits for word of the request that it admitted in this round. */
  #admittedIn: number | undefined = undefined;

  constructor(shared: Access) {
    super(shared.gateway);
    this.shared = shared;
  }

  upstreamRequest(route: Route, upstream: Upstream): { readonly path: string; readonly headers: string[] } {
    const { forwardedFor } = this;
    if (forwardedFor === undefined) throw new TypeError('An exchange is forwarded after its client is known.');
    return upstreamHead(this, route, upstream, this.shared, forwardedFor);
  }

  forward(route: Route, upstream: Upstream): void {
    this.admittedBy(upstream);
    if (this.isOver || this.isAnswered) {
      this.releaseBreaker();
      return;
    }
    this.address(route, upstream);
    this.send(upstream);
  }

  onConnect(source: AnswerSource): boolean {
    if (this.isOver || this.isDone) return false;
    this.source = source;
    this.isSent = true;
    return true;
  }

  onError(error: Error, progress: Progress): void {
    this.stopTimer();
    if (isOurs(error)) {
      this.fault(error.cause ?? error);
      return;
    }
    if (this.isDone) return;
    if (!this.isOver && this.mayRetry(error, progress)) {
      this.#wasReused = progress.isReused;
      setImmediate(retry, this);
      return;
    }
    this.isDone = true;
    this.broken(error, progress);
  }

  /** A fault of ours, at whatever point of the exchange: it says nothing of the upstream, and nothing more is heard of that. */
  fault(thrown: unknown): void {
    this.isDone = true;
    this.stopTimer();
    this.releaseBreaker();
    this.abort();
    this.showFault(thrown);
  }

  /** Gives the upstream request up, or what is left of it. */
  end(code: ErrorCode, message: string): void {
    this.abort();
    this.onError(new Ended(code, message), UNSENT);
  }

  /** Another try after `mayRetry` has allowed it: by another server where there is one, else on a connection of its own where one has broken. */
  retry(): void {
    const { route, upstream } = this;
    if (route === undefined || upstream === undefined || this.isOver) {
      this.releaseBreaker();
      return;
    }
    this.#attempts += 1;
    this.source = undefined;
    // A kept connection that its server has closed says nothing of the server: it is asked again.
    const other = this.#wasReused ? undefined : route.upstreams.another(this.gateway.now(), upstream);
    if (other !== undefined) {
      this.settle(true);
      this.admittedBy(other);
      this.address(route, other);
      this.send(other);
      return;
    }
    this.send(upstream, this.isSent);
  }

  /** Nothing came in time. */
  abstract expire(): void;
  abstract onBodySent(chunk: Buffer): void;
  abstract onRequestSent(): void;
  abstract onHeaders(status: number, fields: string[], isFramed: boolean): void;
  abstract onData(chunk: Buffer, isLast: boolean): boolean;
  abstract onComplete(): void;
  abstract onUpgrade(status: number, fields: string[], socket: Duplex): void;

  /** Makes the request for this server. */
  protected abstract address(route: Route, upstream: Upstream): void;

  /** The upstream has not answered, or not to the end, and is not asked again. */
  protected broken(error: Error, progress: Progress): void {
    if (this.isOver) this.releaseBreaker();
    else this.answerFailure(error, progress);
  }

  /** Says that the gateway has failed. */
  protected showFault(thrown: unknown): void {
    fail(this, thrown);
  }

  /** Hands the request over; on a connection of its own where it has to be a fresh one. */
  protected send(upstream: Upstream, isFresh = false): void {
    this.isSent = false;
    if (this.request === undefined) return;
    const pool = this.shared.clients.pool(upstream);
    if (isFresh) pool.dispatchFresh(this.request, this);
    else pool.dispatch(this.request, this);
  }

  /** Hears no more of the request, and closes its connection. */
  protected abort(): void {
    this.source?.abort(this);
  }

  protected admittedBy(upstream: Upstream): void {
    this.upstream = upstream;
    this.#admittedIn = upstream.breaker.round;
  }

  /** Only what cannot have been acted on: nothing was sent, or an idempotent request without a body met a connection that died without a word. */
  protected mayRetry(error: Error, { isAnswered }: Progress): boolean {
    if (isAnswered || this.#attempts >= (this.route?.upstream.retries ?? 0) || error instanceof Ended || isFinal(error)) return false;
    return !this.isSent || (IDEMPOTENT.has(this.method) && !this.hasBody);
  }

  /** Answers in place of the upstream. */
  protected answerFailure(error: Error, { isReused, isAnswered }: Progress): void {
    const code = error instanceof Ended ? error.errorCode : 'bad_gateway';
    const isUpstreams = code === 'bad_gateway' || code === 'gateway_timeout';
    if (isUpstreams) {
      // A kept connection that its server has closed says nothing of the server: the next one will tell.
      if (!isReused || isAnswered) this.settle(true);
      reportFailure(this, error, code === 'bad_gateway' ? 502 : 504);
    }
    this.releaseBreaker();
    answer(this, errorReply(code, code === 'bad_gateway' ? undefined : error.message));
  }

  protected startTimer(ms: number | undefined): void {
    this.stopTimer();
    this.timer = setTimeout(expire, ms, this);
  }

  protected stopTimer(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Tells the breaker of the status of an answer. */
  protected settleBy(status: number): void {
    this.settle(UPSTREAM_FAILURES.has(status));
  }

  protected settle(isFailure: boolean): void {
    const breaker = this.upstream?.breaker;
    const round = this.#admittedIn;
    if (round === undefined || breaker === undefined) return;
    this.#admittedIn = undefined;
    if (isFailure) breaker.failure(this.gateway.now(), round);
    else breaker.success(this.gateway.now(), round);
  }

  /** Lets the breaker know that nothing was found out. */
  protected releaseBreaker(): void {
    if (this.#admittedIn !== undefined) this.upstream?.breaker.release(this.#admittedIn);
    this.#admittedIn = undefined;
  }
}

function expire(exchange: UpstreamExchange): void {
  try {
    exchange.expire();
  } catch (thrown) {
    exchange.fault(thrown);
  }
}

function retry(exchange: UpstreamExchange): void {
  try {
    exchange.retry();
  } catch (thrown) {
    exchange.fault(thrown);
  }
}
