/** What an MCP client may ask: the methods of the protocol, each for one caller, over whatever transport it came. */
import { setImmediate } from 'node:timers/promises';
import { logPanic } from '../access-log.js';
import type { Credential, Route, Snapshot } from '../snapshot.js';
import type { McpCarrier, McpRequest } from './carrier.js';
import type { InHand } from './in-hand.js';
import { isDeeper, MAX_JSON_DEPTH } from './json-depth.js';
import { RPC_ERRORS, RpcError, type RpcId } from './json-rpc.js';
import { isMapping, type Mapping } from '../../../schema/operations.js';
import type { Session } from './sessions.js';
import { callTool } from './tool-exchange.js';
import { ArgumentError, checkedSize, type ToolRequest } from './tool-request.js';
import { toolResult } from './tool-result.js';
import { routesFor, toolsOf, type Tool, type Tools } from './tools.js';

/** Revisions of the protocol that begin with `initialize`, the newest first. */
export const VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const;

/** Who asks, and by which request. */
export interface Asker {
  readonly request: McpRequest;
  readonly carrier: McpCarrier;
  readonly credential: Credential;
  readonly session: Session | undefined;
  readonly inHand: InHand;
  /** Ends when nobody waits for answers any more. */
  readonly signal: AbortSignal;
}

const PAGE = 100;

/** The version that a client is answered with: its own where the gateway speaks it, else the newest of the gateway. */
export const agreedVersion = (asked: unknown): string => VERSIONS.find((version) => version === asked) ?? VERSIONS[0];

/** Who answers, and what a model should know of it. */
export const serverFacts = (
  productVersion: string,
  { tenant, api }: Credential,
): { readonly serverInfo: Mapping; readonly instructions: string } => ({
  serverInfo: { name: 'stoa-gateway', title: `APIs of ${tenant}`, version: productVersion },
  instructions: `Each tool calls an API of ${tenant} through its gateway, with the rights and limits of a key to the API ${api}. The name of a tool begins with the name of its API. An answer 429 says when to come back.`,
});

/** The answer to `initialize`. Who has no session is not told of other tools. */
export const initializeResult = (version: string, productVersion: string, credential: Credential, hasSession: boolean): Mapping => ({
  protocolVersion: version,
  capabilities: { tools: hasSession ? { listChanged: true } : {} },
  ...serverFacts(productVersion, credential),
});

/** The result of any other request. Throws RpcError. */
export async function resultOf(asker: Asker, id: RpcId, method: string, params: Mapping): Promise<Mapping> {
  if (method === 'ping') return {};
  if (method === 'tools/list') return listTools(admitted(asker), params);
  if (method === 'tools/call') return callNamed(admitted(asker), id, params);
  throw new RpcError(RPC_ERRORS.unknownMethod, `The method "${method.slice(0, 100)}" is not known.`);
}

/** So many calls of one session run at once: as many as a batch has. */
const MAX_PER_SESSION = 10;

/** Throws RpcError when a session or a key has as many requests in hand as it may have. */
function admitted(asker: Asker): Asker {
  const { session, inHand, credential, signal } = asker;
  if ((session?.calls.size ?? 0) < MAX_PER_SESSION && inHand.take(credential.keyId, signal)) return asker;
  throw new RpcError(
    RPC_ERRORS.busy,
    'Too many requests are under way for this session or key: send this one again when others are answered.',
  );
}

/** What tells whether a client would be offered the same tools again: the lists themselves, which are kept as long as their APIs are unchanged. */
export const offeredLists = (routes: readonly Route[], onPanic: (error: unknown) => void): readonly Tools[] =>
  routes.map((route) => toolsOf(route, onPanic)).filter(({ size }) => size > 0);

/** So long tools are made without a break: other requests wait for the event loop meanwhile. */
const SLICE_MS = 8;

/** Makes the tools of these routes, as far as they are not made yet, with turns for others in between. */
async function prepareTools(routes: readonly Route[], onPanic: (error: unknown) => void): Promise<void> {
  let begun = performance.now();
  for (const route of routes) {
    toolsOf(route, onPanic);
    if (performance.now() - begun < SLICE_MS) continue;
    await setImmediate();
    begun = performance.now();
  }
}

/** Notes what the client of a stream is offered. Nothing is noted before it is made: whoever hears of a change meanwhile lists once too often. */
export async function noteOffered(session: Session, { carrier, credential }: Pick<Asker, 'carrier' | 'credential'>): Promise<void> {
  const routes = routesFor(carrier.gateway.snapshot().routes, credential);
  const { stream } = session;
  session.offered = [];
  await prepareTools(routes, panicOf(carrier));
  if (session.stream === stream && session.offered.length === 0) session.offered = offeredLists(routes, panicOf(carrier));
}

/** So many characters a page has, but for its last tool. */
const MAX_PAGE = 256 * 1024;
/** Pages follow one another by name, so that none is left out or told twice when tools come and go in between. */
async function listTools({ carrier, credential, session }: Asker, { cursor }: Mapping): Promise<Mapping> {
  const after = cursor === undefined ? '' : nameOfCursor(cursor);
  const routes = routesFor(carrier.gateway.snapshot().routes, credential);
  await prepareTools(routes, panicOf(carrier));
  const lists = offeredLists(routes, panicOf(carrier));
  if (session !== undefined) session.offered = lists;
  const rest = lists.flatMap((list) => [...list.values()].filter(({ name }) => name > after)).sort((a, b) => (a.name < b.name ? -1 : 1));
  const { tools, last } = await pageOf(rest);
  return { tools, ...(last === undefined ? {} : { nextCursor: Buffer.from(last.name).toString('base64url') }) };
}

/** The first of these tools, as far as a page goes, and the last one that was looked at where there are more. */
async function pageOf(all: readonly Tool[]): Promise<{ readonly tools: readonly Mapping[]; readonly last: Tool | undefined }> {
  const tools: Mapping[] = [];
  let weight = 0;
  let begun = performance.now();
  for (const [index, tool] of all.entries()) {
    const made = tool.define();
    if (made !== undefined) {
      tools.push(made.definition);
      weight += Math.max(made.weight, JSON.stringify(made.definition).length);
    }
    if (tools.length === PAGE || weight >= MAX_PAGE) return { tools, last: index + 1 < all.length ? tool : undefined };
    if (performance.now() - begun < SLICE_MS) continue;
    await setImmediate();
    begun = performance.now();
  }
  return { tools, last: undefined };
}

/** Writes down that tools could not be made. */
export const panicOf =
  ({ gateway }: McpCarrier) =>
  (error: unknown): void =>
    logPanic(gateway.log, error);

function nameOfCursor(cursor: unknown): string {
  const name = typeof cursor === 'string' ? Buffer.from(cursor, 'base64url').toString('utf8') : '';
  if (/^[A-Za-z0-9_-]{1,64}$/.test(name)) return name;
  throw new RpcError(RPC_ERRORS.invalidParams, 'The cursor is none that this server gave.');
}

interface Offer {
  readonly route: Route;
  readonly tool: Tool;
}

function offerOf({ carrier, credential }: Asker, name: string): Offer | undefined {
  for (const route of routesFor(carrier.gateway.snapshot().routes, credential)) {
    const tool = toolsOf(route, panicOf(carrier)).get(name);
    if (tool !== undefined) return { route, tool };
  }
  return undefined;
}

async function callNamed(asker: Asker, id: RpcId, { name, arguments: given = {} }: Mapping): Promise<Mapping> {
  const { carrier, request } = asker;
  if (typeof name !== 'string') throw new RpcError(RPC_ERRORS.invalidParams, 'The name of a tool is a text.');
  const offer = offerOf(asker, name);
  if (offer === undefined) throw unknownTool(name);
  if (!isMapping(given)) throw new RpcError(RPC_ERRORS.invalidParams, 'The arguments of a tool are a mapping.');
  let toolRequest: ToolRequest | undefined;
  try {
    toolRequest = checkedRequest(offer, given, carrier.gateway.snapshot());
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    // Told as a result: the model that chose the arguments reads it, and may choose better.
    return { content: [{ type: 'text', text: error.message }], isError: true };
  }
  if (toolRequest === undefined) throw unknownTool(name);
  const answer = await follow(asker, id, callTool(request, carrier, offer.route, toolRequest));
  return toolResult(answer, toolRequest.path, request.requestId);
}

const unknownTool = (name: string): RpcError => new RpcError(RPC_ERRORS.invalidParams, `Unknown tool: ${name.slice(0, 100)}`);

/** What a request comes to goes to the API whose tool it is, whatever its arguments are. Throws ArgumentError. */
function checkedRequest({ route, tool }: Offer, given: Mapping, snapshot: Snapshot): ToolRequest | undefined {
  if (isDeeper(given)) throw new ArgumentError(`The arguments are nested deeper than ${MAX_JSON_DEPTH} levels.`);
  const made = tool.request(given);
  if (made === undefined) return undefined;
  const request = checkedSize(made);
  const match = snapshot.match((route.prefixes[0] ?? '') + request.path);
  if (match?.route.id === route.id) return request;
  throw new ArgumentError(`The arguments make the path ${request.path}, where another API is served.`);
}

/** Waits for a call, and gives it up when its client cancels it or is gone. */
async function follow<Answer>(
  { session, signal }: Asker,
  id: RpcId,
  call: { readonly answer: Promise<Answer>; abort(): void },
): Promise<Answer> {
  const abort = (): void => call.abort();
  session?.calls.set(id, abort);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await call.answer;
  } finally {
    signal.removeEventListener('abort', abort);
    if (session?.calls.get(id) === abort) session.calls.delete(id);
  }
}
