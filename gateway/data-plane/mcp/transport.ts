/** How MCP travels over HTTP: which requests are well formed, and who may make them (MCP, Transports). */
import { isLoopback } from '../../process-settings.js';
import { stateProblem } from '../authenticate.js';
import { errorReply } from '../own-routes.js';
import type { Reply } from '../../policies/contract.js';
import type { AuthFailure, Credential, KeyStore } from '../snapshot.js';
import type { McpRequest } from './carrier.js';

export const SESSION_HEADER = 'Mcp-Session-Id';
const EXPOSED = `${SESSION_HEADER}, X-Request-Id, X-Stoa-Request-Id`;
const ALLOWED = `Accept, Authorization, Content-Type, Last-Event-ID, Mcp-Method, Mcp-Name, MCP-Protocol-Version, ${SESSION_HEADER}, X-API-Key, X-Request-Id`;

/** Pages of which origins may speak to the endpoint. */
export interface OriginRules {
  readonly origins: readonly string[];
  /** Whether pages of this machine may: for a gateway that only this machine reaches. */
  readonly allowLocal: boolean;
}

/** The origin of a page that may ask; undefined for what is no page. A page of any other origin may have found the gateway by a name that was pointed at it (DNS rebinding). */
export function checkOrigin(request: McpRequest, { origins, allowLocal }: OriginRules): { readonly origin: string | undefined } | Reply {
  const origin = request.header('origin');
  if (origin === undefined) return { origin };
  const isLocal = allowLocal && URL.canParse(origin) && isLoopback(new URL(origin).hostname);
  if (isLocal || origins.includes(origin)) return { origin };
  return errorReply('forbidden', 'Pages of this origin may not use the MCP endpoint of this gateway.');
}

/** What a browser wants to read on every answer to a page. */
export const corsHeaders = (origin: string | undefined): readonly string[] =>
  origin === undefined ? [] : ['Access-Control-Allow-Origin', origin, 'Access-Control-Expose-Headers', EXPOSED, 'Vary', 'Origin'];

/** The answer to a preflight. */
export const preflightReply = (allow: string): Reply => ({
  status: 204,
  headers: [
    'Access-Control-Allow-Methods',
    allow,
    'Access-Control-Allow-Headers',
    ALLOWED,
    'Access-Control-Max-Age',
    '600',
    'Allow',
    allow,
  ],
  body: '',
});

/** Whose key it is, or why it is nobody's. */
export function callerOf(keys: KeyStore, key: string, nowMs: number): Credential | AuthFailure {
  const credential = keys.find(key);
  return credential === undefined ? 'invalid_api_key' : (stateProblem(credential, nowMs) ?? credential);
}

/** Why a POST cannot be read; undefined when it can. */
export function postProblem(request: McpRequest): Reply | undefined {
  if (!/^application\/json *(?:;|$)/i.test(request.header('content-type') ?? ''))
    return errorReply('unsupported_media_type', 'A message to the MCP endpoint is application/json.');
  return accepts(request, 'application/json')
    ? undefined
    : errorReply('not_acceptable', 'Messages of the MCP endpoint are application/json.');
}

/** Whether a client takes a media type, by name or by a range. */
export function accepts(request: McpRequest, type: string): boolean {
  const accept = request.header('accept');
  if (accept === undefined) return true;
  const range = `${type.slice(0, type.indexOf('/'))}/*`;
  return accept.split(',').some((each) => [type, range, '*/*'].includes((each.split(';')[0] ?? '').trim().toLowerCase()));
}
