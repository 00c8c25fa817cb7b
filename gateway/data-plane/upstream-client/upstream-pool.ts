/** The connections to one server, as many as are needed at once: the last one that became free is the next one to be used, and those that nobody needs are closed. */
import { Connector, type Server } from './connect.js';
import type { AnswerHandler, UpstreamRequest } from './exchange-handler.js';
import { UpstreamError } from './upstream-error.js';
import { UpstreamConnection, type ConnectionOwner } from './upstream-connection.js';

/** Below what servers use (node 5 s, nginx 75 s), so that a connection is rarely closed under a request. */
const REST_MS = 4000;
/** So much earlier than a server says. */
const MARGIN_MS = 1000;
const SWEEP_MS = 1000;

interface Waiting {
  readonly request: UpstreamRequest;
  readonly handler: AnswerHandler;
}

export class UpstreamPool implements ConnectionOwner {
  readonly #connector: Connector;
  readonly #all = new Set<UpstreamConnection>();
  /** The one that has rested for the shortest time is the last. */
  readonly #free: UpstreamConnection[] = [];
  #waiting: Waiting[] = [];
  #sweeper: NodeJS.Timeout | undefined = undefined;
  /** Why no connection is made. */
  #problem: Error | undefined;

  constructor(server: Server) {
    this.#connector = new Connector(server);
    this.#problem = this.#connector.problem;
  }

  /** Connections, in use or not. */
  get size(): number {
    return this.#all.size;
  }

  /**
   * Sends a request on a connection that is free, or on a new one. Written is when all that has come by now was looked at: a connection on which something
   * came that nobody has asked for, or that was closed, is not used.
   */
  dispatch(request: UpstreamRequest, handler: AnswerHandler): void {
    if (request.isUpgrade === true || this.#free.length <= this.#waiting.length) {
      this.dispatchFresh(request, handler);
      return;
    }
    if (this.#waiting.length === 0) setImmediate(flush, this);
    this.#waiting.push({ request, handler });
  }

  /** Sends a request on a new connection: a retry never meets another dead one. */
  dispatchFresh(request: UpstreamRequest, handler: AnswerHandler): void {
    const problem = this.#problem;
    if (problem === undefined) this.#all.add(new UpstreamConnection(this, this.#connector, request, handler));
    else setImmediate(() => handler.onError(problem));
  }

  /** Breaks off what is in flight, and refuses what comes: each handler is told. */
  destroy(): void {
    const problem = new UpstreamError('STOA_CONNECTION_CLOSED', 'The connections to this server are closed.');
    this.#problem = problem;
    clearInterval(this.#sweeper);
    for (const connection of this.#all) connection.fail(problem);
  }

  /** Sends what waits. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const nowMs = performance.now();
    for (const { request, handler } of waiting) {
      const connection = this.#takeFree(nowMs);
      if (connection === undefined) this.dispatchFresh(request, handler);
      else connection.send(request, handler);
    }
  }

  rested(connection: UpstreamConnection, restMs: number | undefined): void {
    const usableMs = restMs === undefined ? REST_MS : Math.min(REST_MS, restMs - MARGIN_MS);
    if (usableMs <= 0) {
      connection.destroy();
      return;
    }
    connection.usableUntil = performance.now() + usableMs;
    this.#free.push(connection);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  closed(connection: UpstreamConnection): void {
    this.#all.delete(connection);
    const index = this.#free.lastIndexOf(connection);
    if (index !== -1) this.#free.splice(index, 1);
  }

  #takeFree(nowMs: number): UpstreamConnection | undefined {
    for (;;) {
      const connection = this.#free.pop();
      if (connection === undefined || (connection.isOpen && connection.usableUntil > nowMs)) return connection;
      connection.destroy();
    }
  }

  /** Closes what has rested for too long. */
  #sweep(): void {
    const nowMs = performance.now();
    const late = this.#free.filter(({ usableUntil }) => usableUntil <= nowMs);
    for (const connection of late) connection.destroy();
    if (this.#free.length > late.length) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }
}

const flush = (pool: UpstreamPool): void => pool.flush();
