/** The connections to one server, as many as are needed at once: the last one that became free is the next one to be used, and those that nobody needs are closed. */
import { Connector, type Server } from './connect.js';
import { tellError, tellFault, UNSENT, type AnswerHandler, type UpstreamRequest } from './exchange-handler.js';
import { UpstreamError } from './upstream-error.js';
import { UpstreamConnection, type ConnectionOwner } from './upstream-connection.js';

/** Below what servers use (node 5 s, nginx 75 s), so that a connection is rarely closed under a request. */
const REST_MS = 4000;
/** So much earlier than a server says. */
const MARGIN_MS = 1000;
const SWEEP_MS = 1000;
/** To close a connection takes a tenth of a millisecond, and others wait for the same turn of the loop. */
const CLOSED_AT_ONCE = 50;

interface Waiting {
  readonly request: UpstreamRequest;
  readonly handler: AnswerHandler;
}

/** What has come up in one turn of the event loop. */
interface Turn {
  readonly rested: UpstreamConnection[];
  readonly waiting: Waiting[];
}

export class UpstreamPool implements ConnectionOwner {
  readonly #connector: Connector;
  readonly #all = new Set<UpstreamConnection>();
  /** The one that has rested for the shortest time is the last. */
  readonly #free: UpstreamConnection[] = [];
  #turn: Turn | undefined = undefined;
  /** Of this turn and the one before: connections that will be free, and requests that wait for one. */
  #resting = 0;
  #waiting = 0;
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

  /** Nobody waits for anything, and there is nothing to be closed. */
  get isIdle(): boolean {
    return this.#all.size === 0 && this.#waiting === 0;
  }

  /**
   * Sends a request on a connection that is free, or on a new one. Written is after the event loop has polled once more: all that had reached this machine
   * when the request was handed over is read by then, however long the turn was, and a connection on which something came that nobody has asked for,
   * or that was closed, is not used.
   */
  dispatch(request: UpstreamRequest, handler: AnswerHandler): void {
    if (request.isUpgrade === true || this.#free.length + this.#resting <= this.#waiting) {
      this.dispatchFresh(request, handler);
      return;
    }
    this.#waiting += 1;
    this.#thisTurn().waiting.push({ request, handler });
  }

  /** Sends a request on a new connection: a retry never meets another dead one. */
  dispatchFresh(request: UpstreamRequest, handler: AnswerHandler): void {
    if (this.#problem !== undefined) {
      setImmediate(tellError, handler, this.#problem, UNSENT);
      return;
    }
    try {
      this.#all.add(new UpstreamConnection(this, this.#connector, request, handler));
    } catch (thrown) {
      setImmediate(tellFault, handler, thrown);
    }
  }

  /** Breaks off what is in flight, and refuses what comes: each handler is told. */
  destroy(): void {
    const problem = new UpstreamError('STOA_CONNECTION_CLOSED', 'The connections to this server are closed.');
    this.#problem = problem;
    clearInterval(this.#sweeper);
    for (const connection of this.#all) connection.fail(problem);
  }

  /** The turn is over in which these have come up. */
  look(): void {
    const turn = this.#turn;
    this.#turn = undefined;
    // Bytes that came while the turn was under way are read by the next poll: an immediate that is made by one runs behind it.
    if (turn !== undefined) setImmediate(flush, this, turn);
  }

  /** Another poll is over since: what has rested is free, and what waits is sent. */
  flush({ rested, waiting }: Turn): void {
    this.#resting -= rested.length;
    this.#waiting -= waiting.length;
    for (const connection of rested) if (connection.isOpen) this.#free.push(connection);
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
    // Not free at once: some servers close a connection behind an answer without having said so.
    this.#resting += 1;
    this.#thisTurn().rested.push(connection);
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

  #thisTurn(): Turn {
    if (this.#turn === undefined) setImmediate(look, this);
    return (this.#turn ??= { rested: [], waiting: [] });
  }

  /** Closes what has rested for too long or cannot be used any more, some in each turn. */
  #sweep(): void {
    const nowMs = performance.now();
    const late = this.#free.filter(({ usableUntil, isOpen }) => usableUntil <= nowMs || !isOpen);
    for (const connection of late.slice(0, CLOSED_AT_ONCE)) connection.destroy();
    if (late.length > CLOSED_AT_ONCE) setImmediate(() => this.#sweep());
    if (this.#free.length + this.#resting > late.length) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }
}

const look = (pool: UpstreamPool): void => pool.look();
const flush = (pool: UpstreamPool, turn: Turn): void => pool.flush(turn);
