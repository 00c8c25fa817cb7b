/** From node's messages to exchanges: each request is checked, identified, and handed to the pipeline or to the gateway's own routes. */
import { randomUUID } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { type Socket } from 'node:net';
import { ERRORS, errorBody, StoaError } from '../../schema/error.js';
import type { ForwardedFor } from '../client-address.js';
import { connectionState, linger, refuseRaw, type ConnectionState } from './connection.js';
import type { Shared } from './http-exchange.js';
import { isMcpPath, isOwnPath, jsonReply, type OwnAnswers } from './own-routes.js';
import { parseTarget } from './path.js';
import { answer, fail, serve } from './pipeline.js';
import { ProxiedExchange } from './proxy.js';
import { codeOf, parseProblem, requestProblem, type Circumstances, type Refusal } from './request-checks.js';
import { emptyHead, isProblem, readHead } from './request-head.js';

/** So many pipelined requests are served at a time: one client cannot flood an upstream through one socket. */
const MAX_PIPELINED = 16;
const MAX_OWN_BODY = 1024 * 1024;

/** An `Upgrade` to anything but websocket is ignored, as RFC 9110 (7.8) allows: the request is served as if it had none. h2c never gets through. */
export class Request extends IncomingMessage {
  // Declared only: node's constructor assigns `upgrade` before a field of this class could be initialised.
  declare asksForUpgrade: boolean;

  get upgrade(): boolean {
    return (
      this.asksForUpgrade && (this.method === 'CONNECT' || (this.method === 'GET' && this.headers.upgrade?.toLowerCase() === 'websocket'))
    );
  }
  set upgrade(value: boolean | null) {
    this.asksForUpgrade = value === true;
  }
}

/** Whose a connection is, by what its requests say of it. */
export type Clients = (socket: Socket, inbound: string | undefined) => ForwardedFor;

export const PLAIN_REQUEST: Circumstances = {};
const REQUEST_ID = /^[A-Za-z0-9._:+/=@-]{1,128}$/;
export const ignore = (): void => undefined;

/** Takes requests from node, checks them, and makes exchanges of them. */
export class Intake {
  readonly #shared: Shared;
  readonly #own: OwnAnswers;
  readonly #clients: Clients;
  /** The exchange that came last on a connection: the one whose body may still arrive. */
  readonly #latest = new WeakMap<Socket, ProxiedExchange>();

  constructor(shared: Shared, own: OwnAnswers, clients: Clients) {
    this.#shared = shared;
    this.#own = own;
    this.#clients = clients;
  }

  accept(req: IncomingMessage, res: ServerResponse, circumstances = PLAIN_REQUEST): void {
    const { socket } = req;
    const connection = connectionState(socket);
    if (connection.inFlight < MAX_PIPELINED) {
      this.#take(connection, req, res, circumstances);
      return;
    }
    connection.waiting.push(() => this.#take(connection, req, res, circumstances));
    socket.pause();
  }

  #take(connection: ConnectionState, req: IncomingMessage, res: ServerResponse, circumstances: Circumstances): void {
    const { socket } = req;
    if (connection.isClosing || socket.destroyed) return;
    const head = readHead(req.rawHeaders, req.httpVersionMinor === 0);
    const exchange = new ProxiedExchange(this.#shared, req, res, isProblem(head) ? emptyHead() : head, req);
    this.#latest.set(socket, exchange);
    connection.inFlight += 1;
    res.on('error', ignore);
    res.on('close', () => {
      exchange.over();
      answered(socket, connection);
    });
    // llhttp stops at any upgrade and node then drops what came behind it: after an upgrade that is ignored the connection ends.
    if (circumstances.isUpgrade !== true && req instanceof Request && req.asksForUpgrade) exchange.closeConnection();
    try {
      identify(exchange, this.#clients(socket, exchange.head.forwardedFor), circumstances);
      const problem: Refusal | undefined = isProblem(head) ? head : requestProblem(exchange, req, circumstances, this.#shared);
      if (problem !== undefined) refuse(exchange, problem, req.url);
      else if (isForPipeline(exchange.path)) serve(exchange);
      else void this.#answerOwn(exchange);
    } catch (error) {
      fail(exchange, error);
    }
  }

  /** A websocket handshake: node has let go of the connection, so its answer, if it is none, ends it. */
  upgrade(req: IncomingMessage, socket: Socket, firstBytes: Buffer): void {
    socket.on('error', ignore);
    if (connectionState(socket).isClosing) return;
    if (connectionState(socket).inFlight > 0) {
      refuseRaw(socket, 'bad_request', 'An upgrade waits for the answers before it.');
      return;
    }
    if (firstBytes.length > 0) socket.unshift(firstBytes);
    const res = new ServerResponse(req);
    res.shouldKeepAlive = false;
    res.assignSocket(socket);
    res.on('finish', () => linger(socket));
    socket.on('close', () => res.emit('close'));
    this.accept(req, res, { isUpgrade: true });
  }

  /** Nothing came on a new connection in the time that a head may take. */
  silent(socket: Socket): void {
    this.clientError(Object.assign(new Error('Nothing came in time.'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket);
  }

  clientError(error: Error, socket: Socket): void {
    if (socket.destroyed || codeOf(error) === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const { code, message } = parseProblem(codeOf(error));
    if (this.#latest.get(socket)?.breakBody(code, message) === true) return;
    if (!connectionState(socket).isClosing) {
      const { clientIp } = this.#clients(socket, undefined);
      this.#shared.gateway.log.event('info', 'request completed', {
        status: ERRORS[code].status,
        latency_ms: 0,
        client_ip: clientIp,
        error: code,
      });
    }
    refuseRaw(socket, code, message);
  }

  async #answerOwn(exchange: ProxiedExchange): Promise<void> {
    const { method, path, query, head } = exchange;
    const authorization = head.authorizations === 1 ? head.authorization : undefined;
    const readBody = (): Promise<string> => exchange.readBody(MAX_OWN_BODY);
    try {
      if (isMcpPath(path) && this.#own.mcp !== undefined) await this.#own.mcp.serve(exchange, this.#shared);
      else answer(exchange, await this.#own.answer({ method, path, query, authorization, readBody }, this.#shared.isDraining));
    } catch (error) {
      if (error instanceof StoaError) answer(exchange, jsonReply(ERRORS[error.code].status, errorBody(error)));
      else fail(exchange, error);
    }
  }
}

/** Whether a path is an API's; all others are the gateway's own. */
export const isForPipeline = (path: string): boolean => !isOwnPath(path);

/** Who asks, and the id under which that is known from now on. */
export function identify(
  exchange: ProxiedExchange,
  from: ForwardedFor,
  { expectsContinue = false, isUpgrade = false }: Circumstances,
): void {
  const { requestId } = exchange.head;
  exchange.requestId = requestId !== undefined && REQUEST_ID.test(requestId) ? requestId : randomUUID();
  exchange.forwardedFor = from;
  exchange.clientIp = from.clientIp;
  exchange.expectsContinue = expectsContinue;
  exchange.isUpgrade = isUpgrade;
}

/** The log names the path also where the target was not looked at any more, and never its query. */
function refuse(exchange: ProxiedExchange, { code, message, headers }: Refusal, url = ''): void {
  if (exchange.path === '') exchange.path = parseTarget(url.replace(/#.*/s, ''))?.path ?? '';
  exchange.refuse(code, message, headers);
}

/** After an answer: the next request that waits, or reading on. */
function answered(socket: Socket, connection: ConnectionState): void {
  connection.inFlight -= 1;
  const next = connection.waiting.shift();
  if (next !== undefined) next();
  if (next !== undefined && connection.waiting.length === 0) socket.resume();
  if (connection.inFlight === 0) connection.whenIdle?.();
}
