/** The fast lane in front of a server of node: plain messages are served from the socket, everything else goes to node as it came. */
import type { Socket } from 'node:net';
import type { HttpServer } from '../drain.js';
import type { Shared } from '../http-exchange.js';
import { identify, isForPipeline, PLAIN_REQUEST, type Clients } from '../intake.js';
import { fail, serve } from '../pipeline.js';
import { ProxiedExchange } from '../proxy.js';
import { requestProblem } from '../request-checks.js';
import { isProblem, readHead } from '../request-head.js';
import type { CanonicalMessage } from './canonical.js';
import { LaneConnection, type LaneOwner } from './connection.js';
import type { LaneMessage } from './message.js';

export interface LaneOptions {
  readonly shared: Shared;
  readonly clients: Clients;
  /** A new connection says something within this time. */
  readonly headersTimeoutMs: number;
  /** A used connection may be idle for so long. */
  readonly keepAliveMs: number;
  /** Told of a connection on which nothing came in time. */
  onSilent(socket: Socket): void;
}

const CHECK_MS = 1000;
/** node waits so much longer than it says, so that a client that keeps to it never meets a closing connection. */
const KEEP_ALIVE_BUFFER_MS = 1000;

/** Takes the connections of a server in place of node, whose own listener is the first one. What else listens to `connection` goes on to. */
export function addFastLane(server: HttpServer, options: LaneOptions): void {
  const [toNode, ...others] = server.listeners('connection') as ((socket: Socket) => void)[];
  if (toNode === undefined) throw new TypeError('A server of node listens to its connections.');
  server.removeAllListeners('connection');
  const lane = new FastLane(options, (socket) => toNode.call(server, socket));
  for (const listener of others) server.on('connection', listener);
  server.on('connection', (socket: Socket) => lane.accept(socket));
  const closeIdle = server.closeIdleConnections.bind(server);
  server.closeIdleConnections = () => {
    closeIdle();
    lane.closeIdle();
  };
  const timer = setInterval(() => lane.endLate(), CHECK_MS).unref();
  server.on('close', () => clearInterval(timer));
}

class FastLane implements LaneOwner {
  readonly keepAliveSeconds: number;
  readonly toNode: (socket: Socket) => void;
  readonly #options: LaneOptions;
  readonly #connections = new Set<LaneConnection>();

  constructor(options: LaneOptions, toNode: (socket: Socket) => void) {
    this.#options = options;
    this.toNode = toNode;
    this.keepAliveSeconds = Math.floor(options.keepAliveMs / 1000);
  }

  accept(socket: Socket): void {
    this.#connections.add(new LaneConnection(this, socket));
  }

  left(connection: LaneConnection): void {
    this.#connections.delete(connection);
  }

  /** Ends the connections on which nobody waits for an answer. */
  closeIdle(): void {
    for (const { isIdle, isUsed, socket } of this.#connections) if (isIdle && isUsed) socket.destroy();
  }

  /** Ends what has been silent for too long. */
  endLate(): void {
    const { headersTimeoutMs, keepAliveMs, onSilent } = this.#options;
    const nowMs = performance.now();
    for (const { isIdle, isUsed, idleSince, socket } of this.#connections) {
      const silentMs = isIdle ? nowMs - idleSince : 0;
      if (isUsed && silentMs >= keepAliveMs + KEEP_ALIVE_BUFFER_MS) socket.destroy();
      else if (!isUsed && silentMs >= headersTimeoutMs) onSilent(socket);
    }
  }

  serve(message: LaneMessage, { target, rest }: CanonicalMessage): ProxiedExchange | undefined {
    const { shared, clients } = this.#options;
    const head = readHead(message.rawHeaders, false);
    if (isProblem(head) || Number(head.contentLength ?? 0) !== rest.length) return undefined;
    const exchange = new ProxiedExchange(shared, message, message, head, rest);
    try {
      identify(exchange, clients(message.socket, head.forwardedFor), PLAIN_REQUEST);
      const problem = requestProblem(exchange, { url: target, httpVersionMajor: 1 }, PLAIN_REQUEST, shared);
      if (problem !== undefined || !isForPipeline(exchange.path)) return undefined;
      serve(exchange);
    } catch (error) {
      fail(exchange, error);
    }
    return exchange;
  }
}
