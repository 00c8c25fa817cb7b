/** A call of a tool as an exchange of its own: it goes through the pipeline like any request, and its answer is collected instead of sent. */
import type { Duplex } from 'node:stream';
import type { Presented } from '../client-certificate.js';
import { errorReply } from '../own-routes.js';
import { answer, completeHead, finish, serve } from '../pipeline.js';
import { isProblem, readHead, type RequestHead } from '../request-head.js';
import type { Route, Upstream } from '../snapshot.js';
import { readAnswer } from '../upstream-answer.js';
import { UpstreamExchange } from '../upstream-exchange.js';
import { headersOf } from './call-headers.js';
import type { McpCarrier, McpRequest } from './carrier.js';
import type { ToolRequest } from './tool-request.js';

/** More of an answer is not read: a model could not read it either. */
export const MAX_TOOL_ANSWER = 1024 * 1024;
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

class ToolExchange extends UpstreamExchange {
  readonly head: RequestHead;
  readonly hasBody: boolean;

  readonly #asker: McpRequest;
  readonly #body: Buffer | undefined;
  readonly #resolve: (answer: ToolAnswer) => void;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  constructor(asker: McpRequest, carrier: McpCarrier, route: Route, request: ToolRequest, resolve: (answer: ToolAnswer) => void) {
    super(carrier);
    this.#asker = asker;
    this.forwardedFor = asker.forwardedFor;
    this.#resolve = resolve;
    this.#body = request.body && Buffer.from(request.body.text);
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

  respond(body: string | Buffer): void {
    this.#chunks.splice(0, this.#chunks.length, Buffer.from(body));
    this.#finish(true);
  }

  /** Whoever asked is gone. */
  abandon(): void {
    if (this.isOver) return;
    this.status = CLIENT_CLOSED;
    this.#finish(false);
    this.abort();
  }

  onBodySent(): void {
    return undefined;
  }

  onRequestSent(): void {
    this.#waitForAnswer();
  }

  onHeaders(status: number, fields: string[], isFramed: boolean): void {
    if (status < 200) return;
    const headers = readAnswer(status, fields, this.shared, this.limit !== undefined);
    this.settleBy(status);
    // A body gets as long as the head: a stream of events that never ends is no answer to a tool.
    this.#waitForAnswer();
    const kept = this.visit?.receive(status, headers, isFramed);
    if (kept !== undefined) {
      this.isDone = true;
      answer(this, kept);
      return;
    }
    this.status = status;
    this.headers = headers;
  }

  onData(chunk: Buffer): boolean {
    if (this.isDone) return true;
    this.visit?.take(chunk);
    this.#size += chunk.length;
    this.#chunks.push(chunk);
    if (this.#size <= MAX_TOOL_ANSWER) return true;
    this.isDone = true;
    this.abort();
    answer(this, errorReply('payload_too_large', `The answer has more than ${MAX_TOOL_ANSWER} bytes: ask for less of it.`));
    return false;
  }

  onComplete(): void {
    if (this.isDone) return;
    this.isDone = true;
    this.visit?.end();
    completeHead(this);
    this.#finish(true);
  }

  /** A tool is called without asking for another protocol: there is none. */
  onUpgrade(_status: number, _fields: string[], socket: Duplex): void {
    socket.destroy();
  }

  expire(): void {
    this.end('gateway_timeout', 'The upstream did not answer in time.');
  }

  protected address(route: Route, upstream: Upstream): void {
    this.request = { ...this.upstreamRequest(route, upstream), method: this.method, body: this.#body };
  }

  #waitForAnswer(): void {
    if (!this.isDone && !this.isOver) this.startTimer(this.route?.upstream.timeoutMs);
  }

  #finish(isComplete: boolean): void {
    if (this.isOver) return;
    this.isOver = true;
    this.stopTimer();
    this.visit?.drop();
    this.releaseBreaker();
    finish(this, isComplete);
    this.#resolve({ status: this.status, headers: this.headers, body: Buffer.concat(this.#chunks) });
  }
}
