/** MCP over one address (from revision 2025-03-26 on): each message is a POST, a GET listens, a DELETE ends the session. */
import { errorReply, jsonReply } from '../own-routes.js';
import type { Reply } from '../../policies/contract.js';
import type { EventStream, McpRequest } from './carrier.js';
import { converse, initializeOf, parseText, type Desk, type Handler, type Visit } from './conversation.js';
import { BEAT } from './event-text.js';
import { readMessage, RPC_ERRORS, RpcError, rpcError, rpcResult, type RpcId, type RpcMessage } from './json-rpc.js';
import { agreedVersion, initializeResult, noteOffered, VERSIONS } from './methods.js';
import type { Session } from './sessions.js';
import { answerStateless, isStateless } from './stateless.js';
import { accepts, postProblem, SESSION_HEADER } from './transport.js';

const MAX_MESSAGE = 1024 * 1024;
/** Only the first revision takes several messages at once. */
const MAX_BATCH = 10;
const BATCH_VERSION = '2025-03-26';

export const NO_ROOM = errorReply('rate_limited', 'This key has as many MCP sessions as it may have, and all are in use.', [
  'Retry-After',
  '10',
]);
const NO_SESSION = errorReply('not_found', 'This MCP session is over, or never was: begin a new one with "initialize".');

/** What came with a request says of its session: one, none, or a refusal. */
function sessionOf({ sessions }: Desk, { request, credential }: Visit): Session | Reply | undefined {
  const id = request.header('mcp-session-id');
  if (id === undefined) return undefined;
  return sessions.use(id, credential.keyId) ?? NO_SESSION;
}

const isReply = (value: Session | Reply | undefined): value is Reply => value !== undefined && 'body' in value;

/** The body of a request as JSON, or what is answered when it is none. Throws what `readBody` throws. */
export async function readJson(request: McpRequest): Promise<{ readonly value: unknown } | Reply> {
  try {
    return { value: parseText(await request.readBody(MAX_MESSAGE)) };
  } catch (error) {
    if (error instanceof RpcError) return jsonReply(400, rpcError(null, error));
    throw error;
  }
}

const badMessage = (message: string): Reply => jsonReply(400, rpcError(null, new RpcError(RPC_ERRORS.invalidRequest, message)));
export const NO_MESSAGE = badMessage('The body is no JSON-RPC 2.0 message.');

/** Requests are answered with JSON; what is no request, with 202. A client that keeps no session is served without one. */
export const post: Handler = async (desk, visit) => {
  const { request } = visit;
  const problem = postProblem(request);
  if (problem !== undefined) return problem;
  const session = sessionOf(desk, visit);
  if (isReply(session)) return session;
  const found = await readJson(request);
  if (!('value' in found)) return found;
  const { value } = found;
  return Array.isArray(value) ? postBatch(desk, visit, session, value) : postOne(desk, visit, session, value);
};

async function postOne(desk: Desk, visit: Visit, session: Session | undefined, value: unknown): Promise<Reply> {
  const message = readMessage(value);
  if (message === undefined) return NO_MESSAGE;
  if (isStateless(visit.request, message)) return whileThere(visit, (signal) => answerStateless(desk, visit, message, signal));
  const problem = versionProblem(visit);
  if (problem !== undefined) return problem;
  const initialize = initializeOf(message);
  if (initialize !== undefined) return begin(desk, visit, initialize);
  const [answer] = await whileThere(visit, (signal) => converse(desk, visit, session, [message], signal));
  return answer === undefined ? ACCEPTED : jsonReply(200, answer);
}

async function postBatch(desk: Desk, visit: Visit, session: Session | undefined, values: readonly unknown[]): Promise<Reply> {
  const version = session?.version ?? visit.request.header('mcp-protocol-version') ?? BATCH_VERSION;
  if (version !== BATCH_VERSION) return badMessage(`Revision ${version} of MCP takes one message at a time.`);
  if (values.length === 0 || values.length > MAX_BATCH) return badMessage(`A batch has 1 to ${MAX_BATCH} messages.`);
  const messages = values.map(readMessage).filter((message): message is RpcMessage => message !== undefined);
  if (messages.length !== values.length || messages.some((message) => initializeOf(message) !== undefined))
    return badMessage('A batch holds JSON-RPC 2.0 messages, and no "initialize".');
  const answers = await whileThere(visit, (signal) => converse(desk, visit, session, messages, signal));
  return answers.length === 0 ? ACCEPTED : jsonReply(200, answers);
}

const ACCEPTED: Reply = { status: 202, headers: [], body: '' };

/** Does something for as long as the client waits for the answer. */
function whileThere<Value>({ request }: Visit, run: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
  const gone = new AbortController();
  request.onOver = () => gone.abort();
  return run(gone.signal);
}

export const STOPPING = errorReply('service_unavailable', 'This gateway is about to stop: begin again in a moment.', ['Retry-After', '1']);

function begin(desk: Desk, { credential, caller, carrier }: Visit, { id, asked }: { readonly id: RpcId; readonly asked: unknown }): Reply {
  const { sessions, options } = desk;
  if (carrier.isDraining) return STOPPING;
  const version = agreedVersion(asked);
  const result = rpcResult(id, initializeResult(version, options.version, credential, options.limits !== undefined));
  if (options.limits === undefined) return jsonReply(200, result);
  const session = sessions.open({ keyId: credential.keyId, tenant: credential.tenant, version, transport: 'http', caller });
  if (session === undefined) return NO_ROOM;
  desk.tend();
  return jsonReply(200, result, [SESSION_HEADER, session.id]);
}

function versionProblem({ request }: Visit): Reply | undefined {
  const version = request.header('mcp-protocol-version');
  if (version === undefined || VERSIONS.some((known) => known === version)) return undefined;
  return badMessage(`Unsupported protocol version: ${version.slice(0, 40)}. Supported: ${VERSIONS.join(', ')}.`);
}

/** A stream for what the gateway has to say by itself. A second one takes the place of the first: its client has come back. */
export const listen: Handler = (desk, visit) => {
  const { request, headers } = visit;
  if (!accepts(request, 'text/event-stream')) return errorReply('not_acceptable', 'A stream of the MCP endpoint is text/event-stream.');
  const session = sessionOf(desk, visit);
  if (session === undefined) return errorReply('bad_request', `A stream belongs to a session: send its ${SESSION_HEADER}.`);
  const problem = isReply(session) ? session : versionProblem(visit);
  if (problem !== undefined || isReply(session)) return problem;
  if (visit.carrier.isDraining) return STOPPING;
  session.stream?.end();
  session.stream = follow(desk, visit, session, request.openStream(headers));
  void noteOffered(session, visit);
  session.stream.send(BEAT);
  return undefined;
};

/** A session forgets a stream that is over; one of the older transport ends with it, and its calls end too. */
export function follow({ options, sessions }: Desk, { request }: Visit, session: Session, stream: EventStream): EventStream {
  request.onOver = () => {
    if (session.stream !== stream) return;
    session.stream = undefined;
    session.usedAt = options.now();
    if (session.transport === 'sse') sessions.close(session);
  };
  return stream;
}

export const end: Handler = (desk, visit) => {
  const session = sessionOf(desk, visit);
  if (session === undefined) return errorReply('bad_request', `Which session is to end? Send its ${SESSION_HEADER}.`);
  if (isReply(session)) return session;
  desk.sessions.close(session);
  return { status: 204, headers: [], body: '' };
};
