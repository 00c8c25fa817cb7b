/** What is sent to an upstream: the path and fields that were received, without ours and without those of the connection, plus those we set. */
import { randomBytes } from 'node:crypto';
import { HTTP_METHODS } from '../../schema/kinds/api.js';
import type { ForwardedFor } from '../client-address.js';
import type { UpstreamHead } from '../policies/contract.js';
import type { ClientCertificate } from './client-certificate.js';
import type { Exchange, Gateway } from './exchange.js';
import { isMethodOverride } from './request-head.js';
import type { Route, Upstream } from './snapshot.js';
import type { UpstreamClients } from './upstream-clients.js';

/** What the listener knows of itself. */
export interface Edge {
  /** How the gateway calls itself in `Via`; unique, so that a loop is noticed. */
  readonly viaName: string;
  /** Value of `X-Forwarded-Port`. */
  readonly port: string;
  /** How clients come in, for `X-Forwarded-Proto`. */
  readonly scheme: 'http' | 'https';
}

/** What exchanges share: one object per listener. */
export interface UpstreamAccess extends Edge {
  readonly gateway: Gateway;
  readonly clients: UpstreamClients;
}

/** Path and headers on the upstream: what was matched is cut off, the rest is sent byte for byte, unless a policy transforms it. */
export function upstreamHead(
  exchange: Exchange,
  route: Route,
  upstream: Upstream,
  edge: Edge,
  from: ForwardedFor,
): { readonly path: string; readonly headers: string[] } {
  const head: UpstreamHead = {
    path: exchange.path.slice(exchange.prefixLength),
    headers: upstreamHeaders(exchange, route, upstream, edge, from),
  };
  for (const hooks of exchange.hooks) hooks.upstream?.(head, exchange);
  exchange.visit?.revalidate(head.headers);
  const path = upstream.basePath + head.path;
  return { path: (path.startsWith('/') ? path : `/${path}`) + exchange.query, headers: head.headers };
}

/** Name, value, name, value. */
function upstreamHeaders(exchange: Exchange, route: Route, upstream: Upstream, edge: Edge, from: ForwardedFor): string[] {
  const { head, credential } = exchange;
  const headers = ['host', upstream.host, ...forwardedFields(exchange, route)];
  if (head.maxForwards !== undefined) headers.push('max-forwards', String(hopsLeft(exchange) ?? head.maxForwards));
  headers.push(
    'x-forwarded-for',
    from.chain,
    'x-forwarded-proto',
    (from.isTrusted ? oneOf(head.forwardedProto, PROTO) : undefined) ?? edge.scheme,
  );
  const host = (from.isTrusted ? oneOf(head.forwardedHost, HOST) : undefined) ?? head.host;
  if (host !== undefined) headers.push('x-forwarded-host', host);
  headers.push('x-forwarded-port', (from.isTrusted ? oneOf(head.forwardedPort, PORT) : undefined) ?? edge.port);
  headers.push('via', appendVia(head.via, edge), 'x-request-id', exchange.requestId, 'x-tenant-id', route.tenant);
  pushTrace(headers, exchange);
  if (exchange.certificate !== undefined) pushCertificate(headers, exchange.certificate);
  if (credential === undefined) return headers;
  headers.push('x-subscription-id', credential.subscriptionId);
  if (credential.consumerId !== undefined) headers.push('x-consumer-id', credential.consumerId);
  return headers;
}

/** How often an OPTIONS request may still be forwarded behind this gateway (RFC 9110, 7.6.2); negative: not even by it. Undefined: it does not say. */
export function hopsLeft({ method, head: { maxForwards } }: Exchange): number | undefined {
  return method === 'OPTIONS' && maxForwards !== undefined && /^\d{1,9}$/.test(maxForwards) ? Number(maxForwards) - 1 : undefined;
}

const PROTO = /^https?$/;
const HOST = /^[A-Za-z0-9._:[\]-]{1,255}$/;
const PORT = /^[0-9]{1,5}$/;
const oneOf = (value: string | undefined, form: RegExp): string | undefined =>
  value !== undefined && form.test(value) ? value : undefined;

/**
 * What goes on as it came. Where an API takes some methods alone, what asks for another one stays here: a server that listens to it would do what the list
 * forbids (security requirement 7).
 */
function forwardedFields({ head, keyInAuthorization }: Exchange, { methods }: Route): readonly string[] {
  const known = keyInAuthorization ? without(head.forwarded, isAuthorization) : head.forwarded;
  return head.overridesMethod && methods.size < HTTP_METHODS.length ? without(known, isMethodOverride) : known;
}

const isAuthorization = (name: string): boolean => name.toLowerCase() === 'authorization';

function without(headers: readonly string[], isLeft: (name: string) => boolean): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (!isLeft(name)) kept.push(name, headers[index + 1] ?? '');
  }
  return kept;
}

/** The chain of proxies with this gateway at its end. */
export const appendVia = (before: string | undefined, { viaName }: Edge): string =>
  before === undefined ? `1.1 ${viaName}` : `${before}, 1.1 ${viaName}`;

/** Whether the request has passed this gateway before. */
export const isLoop = (via: string | undefined, { viaName }: Edge): boolean => via?.includes(viaName) === true;

/** Who the client proved to be. Names may hold any character: what is not printable ASCII travels in percent escapes. */
function pushCertificate(headers: string[], { fingerprint, subject, issuer }: ClientCertificate): void {
  headers.push('x-ssl-client-verify', 'SUCCESS', 'x-ssl-client-fingerprint', fingerprint);
  headers.push('x-ssl-client-s-dn', fieldText(subject), 'x-ssl-client-i-dn', fieldText(issuer));
}

const fieldText = (name: string): string => name.replaceAll('\n', ',').replace(/[^ -~]|%/gu, (character) => encodeURIComponent(character));

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Exactly one `traceparent`: the client's when it is well formed, else a new one. The state belongs to the trace. */
function pushTrace(headers: string[], { head }: Exchange): void {
  if (head.traceparent === undefined || !TRACEPARENT.test(head.traceparent)) {
    headers.push('traceparent', `00-${randomHex(32)}-${randomHex(16)}-01`);
    return;
  }
  headers.push('traceparent', head.traceparent);
  if (head.tracestate !== undefined) headers.push('tracestate', head.tracestate);
}

const POOL_CHARACTERS = 16_384;
let pool = '';
let used = 0;

/** Hexadecimal characters cut from a pool: one call to the system's generator serves hundreds of requests. */
function randomHex(length: number): string {
  if (used + length > pool.length) {
    pool = randomBytes(POOL_CHARACTERS / 2).toString('hex');
    used = 0;
  }
  used += length;
  return pool.slice(used - length, used);
}
