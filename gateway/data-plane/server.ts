/** The listener of the gateway: unambiguous HTTP/1.1 only, timeouts, graceful stop. With `proxy.ts` the only file that knows node's request and response. */
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, IncomingMessage, ServerResponse, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Socket, type AddressInfo } from 'node:net';
import { ERRORS, errorBody, StoaError } from '../../schema/error.js';
import { clientAddresses, isAmong } from './client-address.js';
import { connectionState, joinSmallWrites, linger, refuseRaw, type ConnectionState } from './connection.js';
import { drain, type HttpServer } from './drain.js';
import type { Gateway } from './exchange.js';
import { isOwnPath, jsonReply, ownReply, type OwnState } from './own-routes.js';
import { parseTarget } from './path.js';
import { answer, fail, serve } from './pipeline.js';
import type { Shared } from './http-exchange.js';
import { ProxiedExchange } from './proxy.js';
import { codeOf, MAX_HEAD, parseProblem, requestProblem, type Circumstances, type Refusal } from './request-checks.js';
import { emptyHead, isProblem, readHead } from './request-head.js';
import type { ListenerTls } from './tls.js';
import { expectProxyHeaders, type ProxyHeaders } from './proxy-protocol.js';
import type { ForwardedFor } from './upstream-request.js';
import { createUpstreamClients } from './upstream-clients.js';

export interface ListenerOptions {
  readonly gateway: Gateway;
  readonly own: OwnState;
  /** Addresses or networks (`10.0.0.0/8`) of proxies whose `X-Forwarded-*` are believed. */
  readonly trustedProxies?: readonly string[];
  /** Whether every connection begins with a header of the PROXY protocol, from a trusted proxy. */
  readonly proxyProtocol?: boolean | undefined;
  /** Whether upstreams may be on loopback and private addresses. */
  readonly allowPrivateUpstreams: boolean;
  /** Undefined: plain HTTP. */
  readonly tls?: ListenerTls | undefined;
}

export interface Listener {
  /** Resolves to the port; rejects when it cannot be had. */
  listen(port: number, host: string): Promise<number>;
  /** Stops accepting, lets what is in flight finish, cuts what is left after `graceMs` (at most 10 s). */
  stop(graceMs?: number): Promise<void>;
  /** Client connections that are open. */
  connections(): number;
  /** Serves new connections from the certificates that the files hold now; says whether they had changed. Throws `usage_error` and goes on as before. */
  reloadTls(): boolean;
}

const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 65_000;
const MAX_GRACE_MS = 10_000;
/** So many pipelined requests are served at a time: one client cannot flood an upstream through one socket. */
const MAX_PIPELINED = 16;
const MAX_OWN_BODY = 1024 * 1024;

/** An `Upgrade` to anything but websocket is ignored, as RFC 9110 (7.8) allows: the request is served as if it had none. h2c never gets through. */
class Request extends IncomingMessage {
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

/** Builds the listener; nothing is open before `listen`. */
export function createListener(options: ListenerOptions): Listener {
  const clients = createUpstreamClients({ allowPrivate: options.allowPrivateUpstreams });
  const shared: Shared & { port: string } = {
    gateway: options.gateway,
    clients,
    tunnels: new Set(),
    isDraining: false,
    viaName: `stoa-${randomBytes(6).toString('hex')}`,
    port: '',
    scheme: options.tls === undefined ? 'http' : 'https',
  };
  const sockets = new Map<Socket, number>();
  const server = buildServer(options.tls, sockets);
  const peers = options.proxyProtocol === true ? proxyHeaders(server, sockets, options) : undefined;
  const peerOf = (socket: Socket): string | undefined => (peers === undefined ? socket.remoteAddress : peers.peerOf(socket));
  connect(server, new Intake(shared, options.own, clientsOf(peerOf, options.trustedProxies ?? [])));
  return {
    async listen(port, host) {
      await listening(server, port, host);
      shared.port = String((server.address() as AddressInfo).port);
      return Number(shared.port);
    },
    async stop(graceMs = MAX_GRACE_MS) {
      shared.isDraining = true;
      await drain(server, sockets, shared.tunnels, Math.min(graceMs, MAX_GRACE_MS));
      await clients.close();
    },
    connections: () => sockets.size,
    reloadTls: () => (options.tls !== undefined && 'setSecureContext' in server ? options.tls.reload(server) : false),
  };
}

const proxyHeaders = (server: HttpServer, sockets: Map<Socket, number>, { gateway, trustedProxies = [] }: ListenerOptions): ProxyHeaders =>
  expectProxyHeaders(server, {
    sockets,
    isTrusted: isAmong(trustedProxies),
    onRefused: (peer, reason) => gateway.log.event('warn', 'proxy_header_refused', { client_ip: peer, reason }),
  });

/** Whose a connection is, by what its requests say of it. */
type Clients = (socket: Socket, inbound: string | undefined) => ForwardedFor;

function clientsOf(peerOf: (socket: Socket) => string | undefined, trusted: readonly string[]): Clients {
  const addresses = clientAddresses(trusted);
  return (socket, inbound) => addresses(peerOf(socket), inbound);
}

const HTTP_OPTIONS: ServerOptions<typeof Request> = {
  IncomingMessage: Request,
  maxHeaderSize: MAX_HEAD,
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: 0,
  connectionsCheckingInterval: 1000,
  keepAliveTimeout: KEEP_ALIVE_MS,
  requireHostHeader: false,
  insecureHTTPParser: false,
};

/** `sockets` are the connections that requests come in on, with what was read of them before any request could come. */
function buildServer(tls: ListenerTls | undefined, sockets: Map<Socket, number>): HttpServer {
  const server = tls === undefined ? createServer(HTTP_OPTIONS) : createTlsServer({ ...HTTP_OPTIONS, ...tls.options() });
  // 0 is no limit of node's own, which would drop fields silently; readHead counts.
  server.maxHeadersCount = 0;
  const follow = (socket: Socket): void => {
    sockets.set(socket, socket.bytesRead);
    joinSmallWrites(socket);
    // node takes its own listener away when a connection asks for a tunnel or an upgrade; the client may reset it all the same.
    socket.on('error', ignore);
    socket.on('close', () => sockets.delete(socket));
  };
  if (tls === undefined) server.on('connection', follow);
  else server.on('secureConnection', follow);
  return server;
}

function listening(server: HttpServer, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function connect(server: HttpServer, intake: Intake): void {
  server.on('request', (req, res) => intake.accept(req, res));
  server.on('checkContinue', (req, res) => intake.accept(req, res, { expectsContinue: true }));
  server.on('checkExpectation', (req, res) => intake.accept(req, res, { refusal: 'expectation_failed' }));
  server.on('upgrade', (req, socket, head) => {
    if (socket instanceof Socket) intake.upgrade(req, socket, head);
  });
  server.on('connect', (_req, socket) => {
    if (socket instanceof Socket) refuseRaw(socket, 'method_not_allowed', 'The gateway opens no tunnels.');
  });
  server.on('clientError', (error, socket) => {
    if (socket instanceof Socket) intake.clientError(error, socket);
  });
}

const PLAIN_REQUEST: Circumstances = {};
const REQUEST_ID = /^[A-Za-z0-9._:+/=@-]{1,128}$/;
const ignore = (): void => undefined;

/** Takes requests from node, checks them, and makes exchanges of them. */
class Intake {
  readonly #shared: Shared;
  readonly #own: OwnState;
  readonly #clients: Clients;
  /** The exchange that came last on a connection: the one whose body may still arrive. */
  readonly #latest = new WeakMap<Socket, ProxiedExchange>();

  constructor(shared: Shared, own: OwnState, clients: Clients) {
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
    const exchange = new ProxiedExchange(this.#shared, req, res, isProblem(head) ? emptyHead() : head);
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
      this.#identify(exchange, req, circumstances);
      const problem: Refusal | undefined = isProblem(head) ? head : requestProblem(exchange, req, circumstances, this.#shared);
      if (problem !== undefined) refuse(exchange, problem, req.url);
      else if (isOwnPath(exchange.path)) void this.#answerOwn(exchange);
      else serve(exchange);
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

  #identify(exchange: ProxiedExchange, req: IncomingMessage, { expectsContinue = false, isUpgrade = false }: Circumstances): void {
    const { head } = exchange;
    exchange.requestId = head.requestId !== undefined && REQUEST_ID.test(head.requestId) ? head.requestId : randomUUID();
    exchange.forwardedFor = this.#clients(req.socket, head.forwardedFor);
    exchange.clientIp = exchange.forwardedFor.clientIp;
    exchange.expectsContinue = expectsContinue;
    exchange.isUpgrade = isUpgrade;
  }

  async #answerOwn(exchange: ProxiedExchange): Promise<void> {
    const { method, path, query, head } = exchange;
    const authorization = head.authorizations === 1 ? head.authorization : undefined;
    const readBody = (): Promise<string> => exchange.readBody(MAX_OWN_BODY);
    try {
      answer(exchange, await ownReply(this.#own, { method, path, query, authorization, readBody }, this.#shared.isDraining));
    } catch (error) {
      if (error instanceof StoaError) answer(exchange, jsonReply(ERRORS[error.code].status, errorBody(error)));
      else fail(exchange, error);
    }
  }
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
