/** Snapshot and exchange to reply, in the order of behaviour.md "Forwarding". Synchronous unless a policy answers with a promise. */
import { ERRORS } from '../../schema/error.js';
import type { Hooks, Reply } from '../policies/contract.js';
import { logPanic } from './access-log.js';
import { authenticate, checkCertificate } from './authenticate.js';
import { lookUp, watchForChange } from './cache-lookup.js';
import type { KeptReply } from './cache-visit.js';
import type { Exchange } from './exchange.js';
import { errorReply } from './own-routes.js';
import { addRateLimitHeaders } from './rate-limit-headers.js';
import { hopsLeft } from './upstream-request.js';
import type { AuthFailure, Route } from './snapshot.js';

type Answer = Reply | undefined;

export const OVERLOADED = errorReply('service_unavailable', 'The gateway has more to do than it can. Try again in a few seconds.', [
  'Retry-After',
  '2',
]);
const NOT_PUBLISHED = errorReply('not_found', 'No API is published at this path.');
const NOT_READY = errorReply('service_unavailable', 'The gateway has no configuration yet.', ['Retry-After', '1']);
type Step = (exchange: Exchange, route: Route, reply: Answer) => void;

/** Serves one request. It ends in exactly one call of `exchange.respond` or `exchange.forward`. */
export function serve(exchange: Exchange): void {
  try {
    if (exchange.gateway.load.refuses()) {
      answer(exchange, OVERLOADED);
      return;
    }
    const match = exchange.gateway.snapshot().match(exchange.path);
    if (match === undefined) {
      answer(exchange, exchange.gateway.isReady() ? NOT_PUBLISHED : NOT_READY);
      return;
    }
    exchange.route = match.route;
    exchange.prefixLength = match.prefixLength;
    proceed(exchange, match.route, enterPreflight(exchange, match.route.preflight, 0), afterPreflight);
  } catch (error) {
    fail(exchange, error);
  }
}

/** Goes on with the next step: at once, or when the promise of a policy is settled. */
function proceed(exchange: Exchange, route: Route, reply: Answer | Promise<Answer>, next: Step): void {
  if (!(reply instanceof Promise)) {
    next(exchange, route, reply);
    return;
  }
  reply.then((settled) => next(exchange, route, settled)).catch((error: unknown) => fail(exchange, error));
}

/** Request hooks in order from `from`; the first reply wins. What was entered is counted, for the response hooks. */
function enterPreflight(exchange: Exchange, hooks: readonly Hooks[], from: number): Answer | Promise<Answer> {
  for (let index = from; index < hooks.length; index += 1) {
    exchange.preflightEntered = index + 1;
    const reply = hooks[index]?.request?.(exchange);
    if (reply instanceof Promise) return reply.then((settled) => settled ?? enterPreflight(exchange, hooks, index + 1));
    if (reply !== undefined) return reply;
  }
  return undefined;
}

function enterHooks(exchange: Exchange, hooks: readonly Hooks[], from: number): Answer | Promise<Answer> {
  for (let index = from; index < hooks.length; index += 1) {
    exchange.hooksEntered = index + 1;
    const reply = hooks[index]?.request?.(exchange);
    if (reply instanceof Promise) return reply.then((settled) => settledReply(exchange, hooks, index, settled));
    if (reply !== undefined) return refused(exchange, hooks, index, reply);
  }
  return undefined;
}

const settledReply = (exchange: Exchange, hooks: readonly Hooks[], index: number, reply: Answer): Answer | Promise<Answer> =>
  reply === undefined ? enterHooks(exchange, hooks, index + 1) : refused(exchange, hooks, index, reply);

/** What one limit refuses is not counted by the limits before it. */
function refused(exchange: Exchange, hooks: readonly Hooks[], by: number, reply: Reply): Reply {
  if (reply.status !== 429) return reply;
  for (let index = 0; index < by; index += 1) hooks[index]?.giveBack?.(exchange);
  return reply;
}

function afterPreflight(exchange: Exchange, route: Route, reply: Answer): void {
  const refusal = reply ?? admit(exchange, route);
  if (refusal !== undefined) {
    answer(exchange, refusal);
    return;
  }
  exchange.hooks = route.hooksFor(exchange.credential);
  proceed(exchange, route, enterHooks(exchange, exchange.hooks, 0), afterHooks);
}

/** State of the route, method, caller. */
function admit(exchange: Exchange, route: Route): Answer {
  if (route.state === 'inactive') return errorReply('api_not_activated');
  if (route.state === 'broken')
    return errorReply('service_unavailable', 'This API is not served at the moment: its configuration has an error.');
  if (!route.methods.has(exchange.method)) return errorReply('method_not_allowed', undefined, ['Allow', route.allow]);
  const failure = authenticate(exchange, route);
  if (failure !== undefined) return refuseCaller(exchange, route, failure, 'unauthorized');
  const certificateFailure = checkCertificate(exchange, route);
  return certificateFailure === undefined ? undefined : refuseCaller(exchange, route, certificateFailure, 'forbidden');
}

/** One body for every reason of its kind; the reason is in the log. */
function refuseCaller(exchange: Exchange, route: Route, reason: AuthFailure, code: 'unauthorized' | 'forbidden'): Reply {
  reportRefusal(exchange, route, reason, ERRORS[code].status);
  if (code === 'forbidden') return errorReply(code, 'A valid client certificate for this API is needed.');
  return errorReply('unauthorized', 'A valid API key for this API is needed in the X-API-Key header.', [
    'WWW-Authenticate',
    'Bearer realm="stoa"',
  ]);
}

/** Tells log and events of a caller who was refused; without a route there is nobody whose event it would be. */
export function reportRefusal(exchange: Exchange, route: Route | undefined, reason: AuthFailure, status: number): void {
  const { gateway, path, requestId } = exchange;
  const { tenant, label: api } = route ?? {};
  const { consumerName: consumer, subscriptionId: subscription } = exchange.credential ?? exchange.refusedCredential ?? {};
  exchange.refusal = reason;
  gateway.log.event('error', 'auth_failed', { path, reason, consumer, tenant, api, request_id: requestId });
  if (route !== undefined) gateway.events.record({ type: 'auth_failed', route, consumer, subscription, path, status, reason, requestId });
}

function afterHooks(exchange: Exchange, route: Route, reply: Answer): void {
  reportLimit(exchange, route, reply);
  if (reply !== undefined && exchange.tokenFailure !== undefined) reportRefusal(exchange, route, exchange.tokenFailure, reply.status);
  const refusal = reply ?? tooLarge(exchange, route) ?? lastHop(exchange, route);
  const own = refusal ?? (exchange.cache === undefined ? undefined : lookUp(exchange, route, exchange.cache));
  if (own !== undefined) {
    answer(exchange, own);
    return;
  }
  if (exchange.cache === undefined) watchForChange(exchange, route);
  const asked = route.upstreams.ask?.(exchange.gateway.now());
  if (asked === undefined) send(exchange, route);
  else asked.then(() => send(exchange, route)).catch((error: unknown) => fail(exchange, error));
}

function send(exchange: Exchange, route: Route): void {
  const picked = route.upstreams.pick(exchange.gateway.now());
  if (typeof picked === 'number') answer(exchange, heldBack(picked));
  else exchange.forward(route, picked);
}

function reportLimit(exchange: Exchange, route: Route, reply: Answer): void {
  const { gateway, path, limit } = exchange;
  if (limit === undefined) return;
  const { consumerName: consumer, subscriptionId: subscription } = exchange.credential ?? {};
  if (reply?.status === 429) {
    exchange.refusal = 'rate_limit_exceeded';
    gateway.log.event('warn', 'rate_limit_exceeded', {
      consumer,
      path,
      tenant: route.tenant,
      api: route.label,
      request_id: exchange.requestId,
    });
    gateway.events.record({ type: 'rate_limit_exceeded', route, consumer, subscription, path, status: 429, requestId: exchange.requestId });
    return;
  }
  if (gateway.log.has('debug'))
    gateway.log.event('debug', 'rate_limit_check', { consumer, remaining: `${limit.remaining}/${limit.limit}`, path });
}

/** An OPTIONS request that may go no further is answered for the API (RFC 9110, 7.6.2). */
const lastHop = (exchange: Exchange, { allow }: Route): Answer =>
  (hopsLeft(exchange) ?? 0) < 0 ? { status: 204, headers: ['Allow', allow], body: '' } : undefined;

function tooLarge(exchange: Exchange, { upstream }: Route): Answer {
  const maxBodyBytes = smaller(exchange.maxBodyBytes, upstream.maxBodyBytes);
  // What is counted while it passes.
  exchange.maxBodyBytes = maxBodyBytes;
  if (maxBodyBytes === undefined || Number(exchange.head.contentLength ?? 0) <= maxBodyBytes) return undefined;
  return errorReply('payload_too_large', `The body of a request to this API has at most ${maxBodyBytes} bytes.`);
}

const smaller = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || (b !== undefined && b < a) ? b : a;

function heldBack(waitMs: number): Reply {
  return errorReply('circuit_open', undefined, ['Retry-After', String(Math.max(1, Math.ceil(waitMs / 1000)))]);
}

/** Sends an answer of the gateway itself, or one that it has kept. The response hooks of the policies that were entered see it, and a fault in one of them is a 500. */
export function answer(exchange: Exchange, reply: KeptReply): void {
  exchange.status = reply.status;
  exchange.headers = [...reply.headers];
  exchange.refusal ??= reply.reason;
  try {
    completeHead(exchange);
  } catch (error) {
    fail(exchange, error);
    return;
  }
  exchange.respond(reply.body);
}

/** A fault of ours: logged with its stack, shown without. No policy runs any more. */
export function fail(exchange: Exchange, error: unknown): void {
  logPanic(exchange.gateway.log, error);
  const reply = errorReply('internal_error', `The gateway failed on this request. Its id is ${exchange.requestId}.`);
  exchange.status = reply.status;
  exchange.refusal = reply.reason;
  exchange.headers = [...reply.headers, 'X-Request-Id', exchange.requestId, 'X-Stoa-Request-Id', exchange.requestId];
  exchange.respond(reply.body);
}

/** Response hooks in reverse order, then the headers that every answer carries. Throws what a hook throws. */
export function completeHead(exchange: Exchange): void {
  const { route, headers } = exchange;
  if (route !== undefined) {
    // Whoever was refused before it was known who asks gets what every caller gets.
    const hooks = exchange.hooksEntered === 0 ? route.hooksFor(exchange.credential) : exchange.hooks;
    for (let index = hooks.length - 1; index >= 0; index -= 1) {
      const one = hooks[index];
      if (index < exchange.hooksEntered || one?.seesRefusals === true) one?.response?.(exchange, exchange);
    }
    for (let index = exchange.preflightEntered - 1; index >= 0; index -= 1) route.preflight[index]?.response?.(exchange, exchange);
  }
  if (exchange.limit !== undefined) addRateLimitHeaders(exchange, exchange.limit, exchange.gateway.now());
  headers.push('X-Request-Id', exchange.requestId, 'X-Stoa-Request-Id', exchange.requestId);
}

/** A failure is written also where only what wants a look is: who counts failures by the lines of requests counts them all. */
const lineLevel = (status: number): 'info' | 'warn' => (status >= 500 ? 'warn' : 'info');

/** The line and the measurement of a request that is over. `complete` is false when the answer did not reach its end. */
export function finish(exchange: Exchange, complete: boolean): void {
  const { route, gateway, credential } = exchange;
  const latencyMs = performance.now() - exchange.startedAt;
  if (route !== undefined) {
    route.metrics.observe(exchange.status, latencyMs, exchange.method, credential?.consumer);
    // Its status went out before the upstream broke off: what it comes to is a bad gateway.
    const status = exchange.isCutShort ? 502 : exchange.status;
    gateway.usage.observe(route, { credential, status, latencyMs, isCounted: exchange.isCounted }, gateway.now());
  }
  const level = lineLevel(exchange.status);
  if (!gateway.log.has(level)) return;
  gateway.log.event(level, 'request completed', {
    consumer: credential?.consumerName,
    path: exchange.path,
    status: exchange.status,
    reason: exchange.refusal,
    latency_ms: Math.round(latencyMs),
    error: exchange.failure,
    method: exchange.method,
    tenant: route?.tenant,
    api: route?.label,
    client_ip: exchange.clientIp,
    key: (credential ?? exchange.refusedCredential)?.keyId,
    request_id: exchange.requestId,
    aborted: complete ? undefined : true,
  });
}
