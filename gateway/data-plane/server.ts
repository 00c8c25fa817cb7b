/** The listener of the gateway: unambiguous HTTP/1.1 only, timeouts, graceful stop. */
import { randomBytes } from 'node:crypto';
import { createServer, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Socket, type AddressInfo } from 'node:net';
import { clientAddresses, isAmong } from '../client-address.js';
import { joinSmallWrites, refuseRaw } from './connection.js';
import { drain, type HttpServer } from './drain.js';
import type { Gateway } from './exchange.js';
import { addFastLane } from './fast-lane/lane.js';
import type { Shared } from './http-exchange.js';
import { ignore, Intake, Request, type Clients } from './intake.js';
import type { OwnAnswers } from './own-routes.js';
import { expectProxyHeaders, type ProxyHeaders } from './proxy-protocol.js';
import { MAX_HEAD } from './request-checks.js';
import type { ListenerTls } from './tls.js';
import { createUpstreamClients } from './upstream-clients.js';

export interface ListenerOptions {
  readonly gateway: Gateway;
  /** Answers requests to the gateway's own routes; `isDraining`: it takes no new work. */
  readonly own: OwnAnswers;
  /** Passes when whoever hands connections to this process has handed over all that he has accepted; a turn of the event loop when absent. */
  turn?: (() => Promise<unknown>) | undefined;
  /** Addresses or networks (`10.0.0.0/8`) of proxies whose `X-Forwarded-*` are believed. */
  readonly trustedProxies?: readonly string[];
  /** Whether every connection begins with a header of the PROXY protocol, from a trusted proxy. */
  readonly proxyProtocol?: boolean | undefined;
  /** Whether upstreams may be on loopback and private addresses. */
  readonly allowPrivateUpstreams: boolean;
  /** Whether plain messages are read by the gateway itself; all of them are node's where it is false, and with TLS. */
  readonly fastLane?: boolean | undefined;
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

/** Builds the listener; nothing is open before `listen`. */
export function createListener(options: ListenerOptions): Listener {
  const clients = createUpstreamClients({ allowPrivate: options.allowPrivateUpstreams, snapshot: options.gateway.snapshot });
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
  const peerOf = (socket: Socket): string | undefined => (peers === undefined ? socket.remoteAddress : peers.peerOf(socket));
  const whose = clientsOf(peerOf, options.trustedProxies ?? []);
  const intake = new Intake(shared, options.own, whose);
  connect(server, intake);
  if (options.fastLane !== false && options.tls === undefined) {
    const timeouts = { headersTimeoutMs: HEADERS_TIMEOUT_MS, keepAliveMs: KEEP_ALIVE_MS };
    addFastLane(server, { shared, clients: whose, ...timeouts, onSilent: (socket) => intake.silent(socket) });
  }
  const peers = options.proxyProtocol === true ? proxyHeaders(server, sockets, options) : undefined;
  return {
    async listen(port, host) {
      await listening(server, port, host);
      shared.port = String((server.address() as AddressInfo).port);
      return Number(shared.port);
    },
    async stop(graceMs = MAX_GRACE_MS) {
      shared.isDraining = true;
      await drain(server, sockets, shared.tunnels, Math.min(graceMs, MAX_GRACE_MS), options.turn);
      clients.close();
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
