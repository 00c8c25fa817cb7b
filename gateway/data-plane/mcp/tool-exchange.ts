/** A call of a tool as an exchange of its own: it goes through the pipeline like any request, and its answer is collected instead of sent. */
import type { Dispatcher } from 'undici';
import type { ErrorCode } from '../../../schema/error.js';
import type { Presented } from '../client-certificate.js';
import { Exchange } from '../exchange.js';
import { errorReply } from '../own-routes.js';
import { answer, completeHead, fail, finish, serve } from '../pipeline.js';
import { isProblem, readHead, type RequestHead } from '../request-head.js';
import type { Route, Upstream } from '../snapshot.js';
import { readAnswer } from '../upstream-answer.js';
import { Ended, isFinal, reportFailure } from '../upstream-failure.js';
import { upstreamHead } from '../upstream-request.js';
import { headersOf } from './call-headers.js';
import type { McpCarrier, McpRequest } from './carrier.js';
import type { ToolRequest } from './tool-request.js';

/** More of an answer is not read: a model could not read it either. */
export const MAX_TOOL_ANSWER = 1024 * 1024;
const UPSTREAM_FAILURES: ReadonlySet<number> = new Set([502, 503, 504]);
const CLIENT_CLOSED = 499;

export interface ToolAnswer {
  readonly status: number;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

export interface ToolCall {
  /** Settles with what any client of the API would have been answered; never rejects. */
  readonly answer: Promise<ToolAnswer>;
  /** Gives the call up: nobody waits for its answer any more. */
  abort(): void;
}

/** Calls an API for whoever made a request to the MCP endpoint: with its key, from its address, under its request id. */
export function callTool(asker: McpRequest, carrier: McpCarrier, route: Route, request: ToolRequest): ToolCall {
  let exchange: ToolExchange | undefined;
  const answered = new Promise<ToolAnswer>((resolve) => {
    exchange = new ToolExchange(asker, carrier, route, request, resolve);
    serve(exchange);
  });
  return { answer: answered, abort: () => exchange?.abandon() };
}

const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'PUT', 'DELETE']);

class ToolExchange extends Exchange {
  readonly head: RequestHead;
  readonly hasBody: boolean;

  readonly #asker: McpRequest;
  readonly #carrier: McpCarrier;
  readonly #body: string | undefined;
  readonly #resolve: (answer: ToolAnswer) => void;
  readonly #chunks: Buffer[] = [];
  #size = 0;
  #dispatched: Dispatcher.DispatchOptions | undefined = undefined;
  #attempts = 0;
  #abort: ((error?: Error) => void) | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #isSent = false;
  /** The upstream has answered, or nothing more that undici says counts. */
  #isDone = false;
  #isOver = false;
  #admittedIn: number | undefined = undefined;

  constructor(asker: McpRequest, carrier: McpCarrier, route: Route, request: ToolRequest, resolve: (answer: ToolAnswer) => void) {
    super(carrier.gateway);
    this.#asker = asker;
    this.#carrier = carrier;
    this.#resolve = resolve;
    this.#body = request.body?.text;
    this.hasBody = request.body !== undefined;
    this.method = request.method;
    this.path = (route.prefixes[0] ?? '') + request.path;
    this.query = request.query;
    this.clientIp = asker.clientIp;
    this.requestId = asker.requestId;
    this.rawHeaders = headersOf(asker, route, request);
    const head = readHead(this.rawHeaders, false);
    if (isProblem(head)) throw new TypeError(head.message);
    this.head = head;
    const ttl = route.tools?.mcp?.cache_ttl_secs;
    // A cache policy of the API says otherwise when it runs.
    // What an argument says in a header may tell answers apart, and so may the language that is passed on.
    const keyHeaders = ['accept-language', ...request.headers.filter((_text, index) => index % 2 === 0).map((name) => name.toLowerCase())];
    if (ttl !== undefined) this.cache = { ttlMs: ttl * 1000, maxBodyBytes: MAX_TOOL_ANSWER, sharePublic: false, keyHeaders };
  }

  presentedCertificate(): Presented {
    return this.#asker.presentedCertificate();
  }

  upstreamRequest(route: Route, upstream: Upstream): { readonly path: string; readonly headers: string[] } {
    const { forwardedFor } = this.#asker;
    if (forwardedFor === undefined) throw new TypeError('An exchange is forwarded after its client is known.');
    return upstreamHead(this, route, upstream, this.#carrier, forwardedFor);
  }

  respond(body: string | Buffer): void {
    this.#chunks.splice(0, this.#chunks.length, Buffer.from(body));
    this.#end(true);
  }

  forward(route: Route, upstream: Upstream): void {
    this.upstream = upstream;
    this.#admittedIn = upstream.breaker.round;
    if (this.#isOver) this.#releaseBreaker();
    else this.#send(route, upstream);
  }

  /** Whoever asked is gone. */
  abandon(): void {
    if (this.#isOver) return;
    this.status = CLIENT_CLOSED;
    this.#end(false);
    this.#abort?.();
  }

  #send(route: Route, upstream: Upstream): void {
    this.#dispatched = { ...this.upstreamRequest(route, upstream), method: this.method, body: this.#body ?? null };
    this.#dispatch(this.#carrier.clients.pool(upstream));
  }

  #dispatch(dispatcher: Pick<Dispatcher, 'dispatch'>): void {
    this.#isSent = false;
    this.#abort = undefined;
    if (this.#dispatched !== undefined) dispatcher.dispatch(this.#dispatched, this);
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort;
    if (this.#isOver) {
      abort();
      return;
    }
    this.#isSent = true;
  }

  onRequestSent(): void {
    this.#startTimer();
  }

  onHeaders(status: number, raw: Buffer[]): boolean {
    const head = status === 101 ? 'unsolicited upgrade' : readAnswer(status, raw, this.#carrier, this.limit !== undefined);
    if (typeof head === 'string') {
      this.#giveUp('bad_gateway', head);
      return false;
    }
    if (status < 200) return true;
    this.#settle(UPSTREAM_FAILURES.has(status));
    // A body gets as long as the head: a stream of events that never ends is no answer to a tool.
    this.#startTimer();
    const kept = this.visit?.receive(status, head.headers, head.isFramed);
    if (kept !== undefined) {
      this.#isDone = true;
      answer(this, kept);
      return true;
    }
    this.status = status;
    this.headers = head.headers;
    if (status === 304 || status === 204) this.onComplete();
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.visit?.take(chunk);
    this.#size += chunk.length;
    this.#chunks.push(chunk);
    if (this.#size <= MAX_TOOL_ANSWER) return true;
    this.#isDone = true;
    this.#abort?.();
    answer(this, errorReply('payload_too_large', `The answer has more than ${MAX_TOOL_ANSWER} bytes: ask for less of it.`));
    return false;
  }

  onComplete(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.visit?.end();
    try {
      completeHead(this);
      this.#end(true);
    } catch (error) {
      fail(this, error);
    }
  }

  onError(error: Error): void {
    this.#stopTimer();
    if (this.#isDone || this.#isOver) return;
    if (this.#mayRetry(error)) {
      setImmediate(retry, this);
      return;
    }
    this.#isDone = true;
    this.#answerFailure(error);
  }

  /** Another try: by another server where there is one, else on a connection of its own when one has broken. */
  retry(): void {
    const { route, upstream } = this;
    if (route === undefined || upstream === undefined || this.#isOver) return;
    this.#attempts += 1;
    // A connection that broke may have been an idle one that the server closed: that says nothing of the server yet.
    const mayBeStale = this.#isSent && this.#attempts === 1;
    const other = mayBeStale ? undefined : route.upstreams.another(this.gateway.now(), upstream);
    if (other !== undefined) {
      this.#settle(true);
      this.upstream = other;
      this.#admittedIn = other.breaker.round;
      this.#send(route, other);
      return;
    }
    const fresh = this.#isSent ? this.#carrier.clients.fresh(upstream) : undefined;
    this.#dispatch(fresh ?? this.#carrier.clients.pool(upstream));
    void fresh?.close();
  }

  expire(): void {
    this.#giveUp('gateway_timeout', 'The upstream did not answer in time.');
  }

  #mayRetry(error: Error): boolean {
    const isUntouched = !this.#isSent || (IDEMPOTENT.has(this.method) && !this.hasBody && this.status === 0);
    return isUntouched && this.#attempts < (this.route?.upstream.retries ?? 0) && !(error instanceof Ended) && !isFinal(error);
  }

  #giveUp(code: ErrorCode, message: string): void {
    const error = new Ended(code, message);
    if (this.#abort === undefined) this.onError(error);
    else this.#abort(error);
  }

  #answerFailure(error: Error): void {
    const code = error instanceof Ended ? error.errorCode : 'bad_gateway';
    this.#settle(true);
    reportFailure(this, error, code === 'gateway_timeout' ? 504 : 502);
    answer(this, errorReply(code, error instanceof Ended ? error.message : undefined));
  }

  #startTimer(): void {
    this.#stopTimer();
    if (!this.#isDone && !this.#isOver) this.#timer = setTimeout(expire, this.route?.upstream.timeoutMs, this);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #end(isComplete: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopTimer();
    this.visit?.drop();
    this.#releaseBreaker();
    finish(this, isComplete);
    this.#resolve({ status: this.status, headers: this.headers, body: Buffer.concat(this.#chunks) });
  }

  #settle(isFailure: boolean): void {
    const { breaker } = this.upstream ?? {};
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

const expire = (exchange: ToolExchange): void => exchange.expire();
function retry(exchange: ToolExchange): void {
  try {
    exchange.retry();
  } catch (error) {
    fail(exchange, error);
  }
}
