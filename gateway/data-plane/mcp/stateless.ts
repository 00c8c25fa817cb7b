/** Revision 2026-07-28: no handshake and no session; each request says in itself, and in headers for those on its way, what it is. */
import { jsonReply } from '../own-routes.js';
import type { Reply } from '../../policies/contract.js';
import type { McpRequest } from './carrier.js';
import type { Desk, Visit } from './conversation.js';
import { answerTo } from './conversation.js';
import { RPC_ERRORS, RpcError, rpcError, rpcResult, type RpcMessage } from './json-rpc.js';
import { serverFacts, VERSIONS, type Asker } from './methods.js';
import { isMapping, type Mapping } from '../../../schema/operations.js';

export const STATELESS_VERSION = '2026-07-28';
const SUPPORTED = [STATELESS_VERSION, ...VERSIONS];

const PREFIX = 'io.modelcontextprotocol';
const HEADER_MISMATCH = -32_020;
const UNSUPPORTED_VERSION = -32_022;
/** Told anew each time, and to nobody else: what is offered depends on the key. */
const FRESH = { ttlMs: 0, cacheScope: 'private' } as const;

type Request = Extract<RpcMessage, { readonly kind: 'request' }>;

const metaOf = (message: RpcMessage): Mapping => {
  const meta = message.kind === 'response' ? undefined : message.params['_meta'];
  return isMapping(meta) ? meta : {};
};

const claimedVersion = (message: RpcMessage): unknown => metaOf(message)[`${PREFIX}/protocolVersion`];

/** Whether a message is of a revision without sessions, by what it says or by its header. */
export const isStateless = (request: McpRequest, message: RpcMessage): boolean =>
  claimedVersion(message) !== undefined || request.header('mcp-protocol-version') === STATELESS_VERSION;

/** The answer to one message of this revision. */
export async function answerStateless(desk: Desk, visit: Visit, message: RpcMessage, signal: AbortSignal): Promise<Reply> {
  if (message.kind !== 'request') return { status: 202, headers: [], body: '' };
  const problem = problemOf(visit.request, message);
  if (problem !== undefined) return jsonReply(400, rpcError(message.id, problem));
  const facts = serverFacts(desk.options.version, visit.credential);
  const meta = { [`${PREFIX}/serverInfo`]: facts.serverInfo };
  const { id, method, params } = message;
  if (method === 'server/discover') {
    const { instructions } = facts;
    const result = {
      supportedVersions: SUPPORTED,
      capabilities: { tools: {} },
      instructions,
      resultType: 'complete',
      ...FRESH,
      _meta: meta,
    };
    return jsonReply(200, rpcResult(id, result));
  }
  if (method !== 'tools/list' && method !== 'tools/call')
    return jsonReply(404, rpcError(id, new RpcError(RPC_ERRORS.unknownMethod, `The method "${method.slice(0, 100)}" is not known.`)));
  const asker: Asker = { ...visit, session: undefined, signal, inHand: desk.inHand };
  const answer = await answerTo(asker, id, method, params);
  const { result } = answer;
  if (!isMapping(result)) return jsonReply(200, answer);
  const own = isMapping(result['_meta']) ? result['_meta'] : {};
  const whole = { ...result, resultType: 'complete', ...(method === 'tools/list' ? FRESH : {}), _meta: { ...own, ...meta } };
  return jsonReply(200, { ...answer, result: whole });
}

/** What a request says in itself and in its headers has to be the same: whoever is on its way goes by the headers. */
function problemOf(request: McpRequest, message: Request): RpcError | undefined {
  const claimed = claimedVersion(message);
  if (typeof claimed !== 'string' || !isMapping(metaOf(message)[`${PREFIX}/clientCapabilities`]))
    return new RpcError(RPC_ERRORS.invalidParams, `_meta needs ${PREFIX}/protocolVersion and ${PREFIX}/clientCapabilities.`);
  const { method, params } = message;
  const expected = [
    ['MCP-Protocol-Version', claimed],
    ['Mcp-Method', method],
    ...(method === 'tools/call' ? [['Mcp-Name', params['name']] as const] : []),
  ] as const;
  for (const [name, value] of expected) {
    const header = request.header(name.toLowerCase());
    if (header !== value)
      return new RpcError(HEADER_MISMATCH, `The header ${name} and the body disagree: ${shown(header)} and ${shown(value)}.`);
  }
  if (claimed === STATELESS_VERSION) return undefined;
  return new RpcError(UNSUPPORTED_VERSION, `Unsupported protocol version: ${shown(claimed)}.`, {
    supported: SUPPORTED,
    requested: claimed,
  });
}

const shown = (value: unknown): string => (typeof value === 'string' ? `"${value.slice(0, 100)}"` : 'nothing');
