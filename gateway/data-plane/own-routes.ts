/** What the gateway answers by itself, before any API: health, readiness, metrics and the admin API. */
import { ERRORS, type ErrorCode } from '../../schema/error.js';
import type { Reply } from '../policies/contract.js';
import type { McpCarrier, McpRequest } from './mcp/carrier.js';

/** A request to one of the gateway's own routes; never node's own object. */
export interface OwnRequest {
  readonly method: string;
  /** Canonical: no encoded separators, no dot segments. */
  readonly path: string;
  /** With the question mark, or empty. */
  readonly query: string;
  /** Value of the only `Authorization` header; undefined when there is none or more than one. */
  readonly authorization: string | undefined;
  /** Whole body as text; throws StoaError `payload_too_large` above 1 MiB. */
  readBody(): Promise<string>;
}

export type OwnHandler = (request: OwnRequest) => Reply | Promise<Reply>;

/** What the gateway says of itself; asked anew for each request. */
export interface OwnState {
  health(): { readonly status: 'ok'; readonly version: string; readonly uptime_seconds: number };
  /** `ready` is false before a configuration is served, by all who serve. Draining is known to the listener, and answers 503 before this is asked. */
  readiness(): { readonly ready: boolean; readonly control_plane: 'connected' | 'disconnected' | 'none' };
  /** Whether who sends this value of `Authorization` may read the metrics. */
  mayReadMetrics(authorization: string | undefined): boolean;
  /** Text of the Prometheus registry and its content type. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
  /** Everything below `/admin/`; authenticates by itself. */
  readonly admin: OwnHandler;
  /** The MCP endpoint, which authenticates by itself and answers by itself; undefined: there is none. */
  readonly mcp: { serve(request: McpRequest, carrier: McpCarrier): Promise<void> } | undefined;
}

/** Who answers requests for which `isOwnPath` holds. */
export interface OwnAnswers {
  answer(request: OwnRequest, isDraining: boolean): Reply | Promise<Reply>;
  /** As in `OwnState`. */
  readonly mcp?: OwnState['mcp'];
}

/** A JSON answer of the gateway itself. */
export function jsonReply(status: number, value: unknown, headers: readonly string[] = []): Reply {
  return { status, headers: ['Content-Type', 'application/json; charset=utf-8', ...headers], body: JSON.stringify(value) };
}

/** The answer to who asks whether a process lives: any process gives it by itself. Undefined for other paths. */
export function livenessReply(path: string, health: OwnState['health']): Reply | undefined {
  if (path === '/health') return jsonReply(200, health());
  return path === '/health/live' ? jsonReply(200, { status: 'ok' }) : undefined;
}

/** The error body of the product, as a reply whose reason is its code. */
export function errorReply(code: ErrorCode, message: string = ERRORS[code].title, headers: readonly string[] = []): Reply {
  return { ...jsonReply(ERRORS[code].status, { error: { code, message } }, headers), reason: code };
}

const GET_ONLY = ['Allow', 'GET, HEAD'];

/** Whether the path belongs to the gateway itself; no API can be published there. */
export function isOwnPath(path: string): boolean {
  return (
    path === '/health' ||
    path === '/health/ready' ||
    path === '/health/live' ||
    path === '/metrics' ||
    path === '/admin' ||
    path.startsWith('/admin/') ||
    isMcpPath(path)
  );
}

/** Whether the path belongs to the MCP endpoint. */
export const isMcpPath = (path: string): boolean => path === '/mcp' || path.startsWith('/mcp/');

/** The answers of one process. While it drains, readiness is 503. */
export const ownAnswers = (state: OwnState): OwnAnswers => ({
  answer: (request, isDraining) => ownReply(state, request, isDraining),
  mcp: state.mcp,
});

function ownReply(state: OwnState, request: OwnRequest, draining: boolean): Reply | Promise<Reply> {
  if (request.path.startsWith('/admin')) return state.admin(request);
  if (isMcpPath(request.path)) return errorReply('not_found', 'This gateway does not serve MCP clients.');
  if (request.method !== 'GET' && request.method !== 'HEAD') return errorReply('method_not_allowed', undefined, GET_ONLY);
  const alive = livenessReply(request.path, () => state.health());
  if (alive !== undefined) return alive;
  if (request.path === '/health/ready') return readinessReply(state, draining);
  if (!state.mayReadMetrics(request.authorization)) {
    return errorReply('unauthorized', 'The metrics of this gateway need its metrics token.', [
      'WWW-Authenticate',
      'Bearer realm="stoa-metrics"',
    ]);
  }
  return state.metrics().then(({ contentType, text }) => ({ status: 200, headers: ['Content-Type', contentType], body: text }));
}

function readinessReply(state: OwnState, draining: boolean): Reply {
  const { ready, control_plane } = state.readiness();
  const status = draining ? 'draining' : ready ? 'ready' : 'not_ready';
  return jsonReply(status === 'ready' ? 200 : 503, { status, control_plane });
}

/** A breaker is named after its upstream's URL, whose slashes are encoded: the only path in which they may be. The rest of it is checked as ever. */
export const withoutBreakerName = (path: string): string =>
  path.startsWith(BREAKERS) ? path.replace(/^(\/admin\/circuit-breakers\/)[A-Za-z0-9%._~:!'()*-]+(\/reset)$/, '$1name$2') : path;
const BREAKERS = '/admin/circuit-breakers/';
