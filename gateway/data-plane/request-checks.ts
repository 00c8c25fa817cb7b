/** What is refused of a request whose head is framed well, and what is said of one that the parser refuses. */
import type { ErrorCode } from '../../schema/error.js';
import type { HttpExchange } from './http-exchange.js';
import { withoutBreakerName } from './own-routes.js';
import { parseTarget, pathProblem } from './path.js';
import { isLoop, type Edge } from './upstream-request.js';

/** Bytes of a request line and its fields. */
export const MAX_HEAD = 32 * 1024;
const METHODS = 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT';

/** How node came to hand over a request. */
export interface Circumstances {
  readonly expectsContinue?: boolean;
  readonly refusal?: ErrorCode;
  readonly isUpgrade?: boolean;
}

interface RequestLine {
  readonly url?: string | undefined;
  readonly httpVersionMajor: number;
}

/** Why a request is refused; the connection is closed. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message?: string;
  readonly headers?: readonly string[];
}

/** Why a request that is framed well is refused all the same; it puts the canonical path and the query on the exchange. */
export function requestProblem(
  exchange: HttpExchange,
  req: RequestLine,
  { refusal, isUpgrade }: Circumstances,
  edge: Edge,
): Refusal | undefined {
  const { head, method } = exchange;
  if (req.httpVersionMajor !== 1) return { code: 'http_version_not_supported' };
  if (refusal !== undefined) return { code: refusal };
  if (isUpgrade === true && exchange.hasBody) return { code: 'bad_request', message: 'A websocket handshake has no body.' };
  const message = targetProblem(exchange, req.url ?? '');
  if (message !== undefined) return { code: 'bad_request', message };
  if (method === 'TRACE' || method === 'CONNECT') return { code: 'method_not_allowed', headers: ['Allow', allowedAt(exchange)] };
  return isLoop(head.via, edge)
    ? { code: 'bad_request', message: 'The request has passed this gateway before: its upstream leads back here.' }
    : undefined;
}

/** The methods of the API at a path (RFC 9110, 15.5.6). */
const allowedAt = ({ gateway, path }: HttpExchange): string => gateway.snapshot().match(path)?.route.allow ?? METHODS;

function targetProblem(exchange: HttpExchange, url: string): string | undefined {
  const target = parseTarget(url);
  if (target === undefined) return 'The request target is not a path.';
  exchange.path = target.path;
  exchange.query = target.query;
  const isForeign = target.authority !== undefined && target.authority.toLowerCase() !== exchange.head.host?.toLowerCase();
  return isForeign ? 'The request target names another host than the Host field.' : pathProblem(withoutBreakerName(target.path));
}

/** The code of an error, or an empty string. */
export const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : '');

/** What the parser refused, as an answer. */
export function parseProblem(code: string): { readonly code: ErrorCode; readonly message: string } {
  if (code === 'HPE_HEADER_OVERFLOW') return { code: 'headers_too_large', message: `The head of a request has at most ${MAX_HEAD} bytes.` };
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { code: 'request_timeout', message: 'The head of the request did not arrive in time.' };
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return { code: 'payload_too_large', message: 'The chunk extensions are too long.' };
  return { code: 'bad_request', message: 'The request is not well-formed HTTP/1.1.' };
}
