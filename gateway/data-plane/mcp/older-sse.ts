/** The transport of revision 2024-11-05: a stream that stays open is the session, and every answer comes over it. */
import { logPanic } from '../access-log.js';
import { errorReply } from '../own-routes.js';
import { converse, initializeOf, type Desk, type Handler, type Visit } from './conversation.js';
import { endpointEvent, messageEvent } from './event-text.js';
import { readMessage, RPC_ERRORS, RpcError, rpcError, rpcResult, type RpcMessage } from './json-rpc.js';
import { agreedVersion, initializeResult, noteOffered } from './methods.js';
import type { Mapping } from '../../../schema/operations.js';
import type { Session } from './sessions.js';
import { follow, NO_MESSAGE, NO_ROOM, readJson, STOPPING } from './streamable-http.js';
import { accepts, postProblem } from './transport.js';

export const MESSAGES_PATH = '/mcp/messages';
const OLDEST = '2024-11-05';

/** Opens the stream; its first event says where messages go. */
export const open: Handler = (desk, visit) => {
  const { request, credential, caller, headers } = visit;
  if (!accepts(request, 'text/event-stream')) return errorReply('not_acceptable', 'A stream of the MCP endpoint is text/event-stream.');
  if (visit.carrier.isDraining) return STOPPING;
  const session = desk.sessions.open({ keyId: credential.keyId, tenant: credential.tenant, version: OLDEST, transport: 'sse', caller });
  if (session === undefined) return NO_ROOM;
  desk.tend();
  session.stream = follow(desk, visit, session, request.openStream(headers));
  void noteOffered(session, visit);
  session.stream.send(endpointEvent(`${MESSAGES_PATH}?sessionId=${session.id}`));
  return undefined;
};

/** Takes a message: 202 at once, the answer over the stream. */
export const message: Handler = async (desk, visit) => {
  const { request, credential } = visit;
  const problem = postProblem(request);
  if (problem !== undefined) return problem;
  const id = new URLSearchParams(request.query).get('sessionId') ?? '';
  const session = desk.sessions.use(id, credential.keyId);
  if (session?.transport !== 'sse') return errorReply('not_found', 'No stream of the MCP endpoint has this sessionId.');
  if (session.stream?.isBehind === true) return NOT_READ;
  const body = await readJson(request);
  if (!('value' in body)) return body;
  const found = readMessage(body.value);
  if (found === undefined) return NO_MESSAGE;
  void respond(desk, visit, session, found);
  return { status: 202, headers: [], body: '' };
};

const NOT_READ = errorReply('rate_limited', 'Read the stream first: too much waits in it.', ['Retry-After', '1']);

/** Answers over the stream. It never rejects: nobody waits for it. */
async function respond(desk: Desk, visit: Visit, session: Session, found: RpcMessage): Promise<void> {
  const answered = new AbortController();
  try {
    for (const answer of await answersTo(desk, visit, session, found, answered.signal)) session.stream?.send(messageEvent(answer));
  } catch (error) {
    logPanic(visit.carrier.gateway.log, error);
    const failure = new RpcError(RPC_ERRORS.internal, `The gateway failed on this request. Its id is ${visit.request.requestId}.`);
    if (found.kind === 'request') session.stream?.send(messageEvent(rpcError(found.id, failure)));
  } finally {
    answered.abort();
    if (visit.carrier.isDraining && session.calls.size === 0) desk.sessions.close(session);
  }
}

async function answersTo(desk: Desk, visit: Visit, session: Session, found: RpcMessage, signal: AbortSignal): Promise<readonly Mapping[]> {
  const initialize = initializeOf(found);
  if (initialize === undefined) return converse(desk, visit, session, [found], signal);
  return [rpcResult(initialize.id, initializeResult(agreedVersion(initialize.asked), desk.options.version, visit.credential, true))];
}
