/** The control plane's HTTP server, assembled: everything that holds for all routes, and the slices. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { fastify, LogController, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { errorBody, StoaError } from '../../schema/error.js';
import { clientAddresses } from '../client-address.js';
import { authenticate } from './auth/bearer.js';
import { issuerRoutes, type IssuerOptions } from './auth/issuer.js';
import { createTierLimits } from './auth/tier-limits.js';
import type { ExternalIssuer } from './auth/external-issuer.js';
import { createVerifier } from './auth/verifier.js';
import type { ControlPlane } from './context.js';
import { gatewayRoutes } from './gateways/routes.js';
import { metricsRoutes } from './health/metrics.js';
import { healthRoutes } from './health/routes.js';
import { endpoints } from './endpoints.js';
import { consoleRoutes } from './console/routes.js';
import { portalRoutes } from './portal/routes.js';
import { documentationRoutes } from './openapi/routes.js';
import { requireAllowed, type Standing } from './hourly-counts.js';
import { addJsonParser } from './http/body.js';
import { addEndpoint } from './http/endpoint.js';
import { answerError, pathOf } from './http/errors.js';
import { MAX_SET_BYTES, requireReadableEncoding } from './http/gzip.js';
import { addIdempotency } from './http/idempotency.js';
import { addNotFound } from './http/not-found.js';
import { startJobs } from './jobs.js';
import { acceptEmptyBody } from './http/optional-body.js';

const MAX_BODY_BYTES = 1024 * 1024;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 120_000;
const KEEP_ALIVE_MS = 15_000;
/** Of the alias ports the one on which document A has the portal (decision K17). */
const PORTAL_PORT = 3002;
const REQUEST_ID = /^[A-Za-z0-9._:/+=-]{1,128}$/;

export interface ServerDeps {
  readonly cp: ControlPlane;
  /** The embedded issuer; undefined where it is switched off. */
  readonly embeddedIssuer: Omit<IssuerOptions, 'cp'> | undefined;
  readonly externalIssuers?: readonly ExternalIssuer[] | undefined;
  readonly version: string;
  /** Calls an hour of clients without a tenant; 100 000 when absent. */
  readonly platformLimit?: number | undefined;
  /** Addresses and networks of proxies that are believed when they say who the client is; nobody when absent. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Where `/` leads to the portal; 3002 when absent. */
  readonly portalPort?: number | undefined;
  /** Whether the server is about to stop: readiness says so. */
  readonly isStopping?: () => boolean;
}

/** Assembles the server; tests inject into it, `main.ts` listens with it. */
export async function buildServer(deps: ServerDeps): Promise<FastifyInstance> {
  const app = createApp(deps.cp);
  addNotFound(app);
  addJsonParser(app);
  addRequestLog(app, deps);
  await app.register(metricsRoutes, { cp: deps.cp });
  app.decorateRequest('actor');
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply));
  await app.register(healthRoutes, { cp: deps.cp, version: deps.version, isStopping: deps.isStopping ?? (() => false) });
  if (deps.embeddedIssuer !== undefined) await app.register(issuerRoutes, { cp: deps.cp, ...deps.embeddedIssuer });
  await app.register(documentationRoutes, { cp: deps.cp, version: deps.version });
  await app.register(consoleRoutes, { cp: deps.cp, portalPort: deps.portalPort ?? PORTAL_PORT });
  if (deps.cp.hasPortal) await app.register(portalRoutes, { cp: deps.cp });
  await app.register(v1Routes, { ...deps, prefix: '/v1' });
  return app;
}

function createApp({ log }: ControlPlane): FastifyInstance {
  return fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // Lines name the request themselves, where their readers look for it.
    childLoggerFactory: (logger) => logger,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: 1000 },
    genReqId: requestId,
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
    clientErrorHandler: refuseUnreadable,
    routerOptions: { maxParamLength: 500, ignoreTrailingSlash: true },
  });
}

function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** What node cannot read is refused with the documented body, and the connection closed. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const code =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'headers_too_large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 'request_timeout'
        : 'bad_request';
  const body = JSON.stringify(errorBody(new StoaError(code)));
  const status = {
    headers_too_large: '431 Request Header Fields Too Large',
    request_timeout: '408 Request Timeout',
    bad_request: '400 Bad Request',
  }[code];
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** One line a request, and the request's id on every answer. */
function addRequestLog(app: FastifyInstance, { cp, isStopping, trustedProxies = [] }: ServerDeps): void {
  const whose = clientAddresses(trustedProxies);
  app.decorateRequest('clientIp', '');
  app.addHook('onRequest', (request, reply, done) => {
    request.clientIp = whose(request.socket.remoteAddress, [request.headers['x-forwarded-for'] ?? []].flat().join(',')).clientIp;
    void reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (isStopping?.() === true) void reply.header('connection', 'close');
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    // As with gateways: failures are written also where only what wants a look is.
    request.log[reply.statusCode >= 500 ? 'warn' : 'info'](requestLine(request, reply));
    const route = request.routeOptions.url ?? 'none';
    cp.telemetry.answered({ route, method: request.method, status: reply.statusCode, seconds: reply.elapsedTime / 1000 });
    done();
  });
}

function requestLine(request: FastifyRequest, reply: FastifyReply): Record<string, unknown> {
  const { method, id, clientIp } = request;
  const actor = request.actor as typeof request.actor | undefined;
  const latency_ms = Math.round(reply.elapsedTime * 10) / 10;
  return {
    event: 'request completed',
    path: pathOf(request).slice(0, 1000),
    status: reply.statusCode,
    latency_ms,
    method,
    client_ip: clientIp,
    user: actor?.name,
    request_id: id,
  };
}

/** The three headers on every answer of a known caller (rows CV27 to CV29). Throws `rate_limited`. */
function holdToLimit(standing: Standing, reply: FastifyReply, now: number): void {
  const { limit, remaining, resetsAt } = standing;
  void reply.headers({ 'x-ratelimit-limit': limit, 'x-ratelimit-remaining': remaining, 'x-ratelimit-reset': Math.ceil(resetsAt / 1000) });
  requireAllowed(standing, now, `The limit of ${limit} requests an hour is used up.`);
}

async function v1Routes(app: FastifyInstance, { cp, embeddedIssuer, externalIssuers = [], platformLimit }: ServerDeps): Promise<void> {
  const verifier = createVerifier(embeddedIssuer?.tokens, externalIssuers);
  const limits = createTierLimits(cp.now, platformLimit);
  app.addHook('onRequest', async (request, reply) => {
    const { actor, tenant } = await authenticate(cp, verifier, request);
    request.actor = actor;
    holdToLimit(limits.take(actor, tenant), reply, cp.now());
    const isSet = request.routeOptions.bodyLimit === MAX_SET_BYTES;
    requireReadableEncoding(request.headers['content-encoding'], isSet);
  });
  addIdempotency(app, cp);
  const jobs = startJobs(cp);
  app.addHook('onClose', () => jobs.stop());
  acceptEmptyBody(app);
  for (const operation of endpoints) addEndpoint(app, cp, operation);
  await app.register(gatewayRoutes, { cp });
}
