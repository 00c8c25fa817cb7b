/** Messages in, answers out: the same for every transport. */
import { logPanic } from '../access-log.js';
import type { Reply } from '../../policies/contract.js';
import type { Credential, Snapshot } from '../snapshot.js';
import { weightOf } from './argument-schema.js';
import type { McpCarrier, McpRequest } from './carrier.js';
import type { InHand } from './in-hand.js';
import { RPC_ERRORS, RpcError, rpcError, rpcResult, type RpcId, type RpcMessage } from './json-rpc.js';
import { resultOf, type Asker } from './methods.js';
import type { Mapping } from '../../../schema/operations.js';
import type { Session, SessionLimits, SessionTable } from './sessions.js';
import type { OriginRules } from './transport.js';

export interface McpOptions {
  /** Undefined: clients keep no sessions. */
  readonly limits: SessionLimits | undefined;
  readonly origins: OriginRules;
  /** Of the product. */
  readonly version: string;
  /** What is served now. */
  snapshot(): Snapshot;
  /** Wall clock, epoch milliseconds. */
  now(): number;
}

/** What the transports share. */
export interface Desk {
  readonly options: McpOptions;
  readonly sessions: SessionTable;
  readonly inHand: InHand;
  /** A session was opened: somebody has to look after it. */
  tend(): void;
}

/** One request to the endpoint, of a caller who is known. */
export interface Visit {
  readonly request: McpRequest;
  readonly carrier: McpCarrier;
  readonly credential: Credential;
  /** Whose the key is by then; undefined when it opens nothing any more. */
  caller(): Credential | undefined;
  /** Headers of every answer to this client. */
  readonly headers: readonly string[];
}

/** Undefined: the handler has answered by itself. */
export type Handler = (desk: Desk, visit: Visit) => Promise<Reply | undefined> | Reply | undefined;

/** So much the answers to one batch may hold, in characters of JSON: as one answer of a tool. */
const MAX_ANSWERS = 1024 * 1024;

/** Answers to the requests among some messages, one after the other: what is not answered any more is not done either. `signal` ends when the answers have reached the client, or it is gone. */
export async function converse(
  { inHand }: Desk,
  visit: Visit,
  session: Session | undefined,
  messages: readonly RpcMessage[],
  signal: AbortSignal,
): Promise<Mapping[]> {
  const asker: Asker = { ...visit, session, signal, inHand };
  const answers: Mapping[] = [];
  let weight = 0;
  for (const message of messages) {
    const answer = weight > MAX_ANSWERS && message.kind === 'request' ? rpcError(message.id, TOO_MUCH) : await respond(asker, message);
    if (answer === undefined) continue;
    answers.push(answer);
    if (messages.length > 1) weight += weightOf(answer, MAX_ANSWERS);
  }
  return answers;
}

const TOO_MUCH = new RpcError(RPC_ERRORS.busy, 'The answers to this batch are as long as they may be: send this request by itself.');

function respond(asker: Asker, message: RpcMessage): Promise<Mapping> | undefined {
  if (message.kind === 'request') return answerTo(asker, message.id, message.method, message.params);
  if (message.kind === 'notification' && message.method === 'notifications/cancelled') cancel(asker, message.params);
  return undefined;
}

function cancel({ session }: Asker, { requestId }: Mapping): void {
  if (typeof requestId === 'string' || typeof requestId === 'number') session?.calls.get(requestId)?.();
}

/** The answer to one request, also when it is an error. */
export async function answerTo(asker: Asker, id: RpcId, method: string, params: Mapping): Promise<Mapping> {
  try {
    if (asker.session?.calls.has(id) === true) throw new RpcError(RPC_ERRORS.invalidRequest, 'A request with this id is under way.');
    return rpcResult(id, await resultOf(asker, id, method, params));
  } catch (error) {
    if (error instanceof RpcError) return rpcError(id, error);
    logPanic(asker.carrier.gateway.log, error);
    return rpcError(id, new RpcError(RPC_ERRORS.internal, `The gateway failed on this request. Its id is ${asker.request.requestId}.`));
  }
}

/** Text as JSON. Throws RpcError. */
export function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RpcError(RPC_ERRORS.parse, 'The message is not JSON.');
  }
}

/** An `initialize` with the version that it asks for; undefined for any other message. */
export const initializeOf = (message: RpcMessage): { readonly id: RpcId; readonly asked: unknown } | undefined =>
  message.kind === 'request' && message.method === 'initialize' ? { id: message.id, asked: message.params['protocolVersion'] } : undefined;
