/** The MCP endpoint of a gateway: `/mcp` (streamable HTTP), and `/mcp/sse` with `/mcp/messages`, the transport before it. */
import { logPanic, type AccessLog } from '../access-log.js';
import { checkCertificate, presentedKey } from '../authenticate.js';
import { CERTIFICATE_FAILURES } from '../client-certificate.js';
import { answer, OVERLOADED, reportRefusal } from '../pipeline.js';
import { errorReply } from '../own-routes.js';
import type { Reply } from '../../policies/contract.js';
import type { AuthFailure, Credential, Route } from '../snapshot.js';
import type { McpCarrier, McpRequest } from './carrier.js';
import type { Desk, Handler, McpOptions } from './conversation.js';
import { BEAT, messageEvent } from './event-text.js';
import { InHand } from './in-hand.js';
import { offeredLists } from './methods.js';
import { message, MESSAGES_PATH, open } from './older-sse.js';
import { createSessionTable, NO_SESSIONS, type Session, type SessionTable } from './sessions.js';
import { end, listen, post } from './streamable-http.js';
import { byTenant, routesFor } from './tools.js';
import { callerOf, checkOrigin, corsHeaders, preflightReply } from './transport.js';

const HANDLERS: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  '/mcp': { POST: post, GET: listen, DELETE: end },
  '/mcp/sse': { GET: open },
  [MESSAGES_PATH]: { POST: message },
};
/** Without sessions there is nothing to listen to or to end (MCP, Transports): a client reads that from 405 and goes on without. */
const SESSIONLESS: typeof HANDLERS = { '/mcp': { POST: post } };
const TEND_MS = 15_000;
/** Changes of a configuration come in groups: clients are told once. */
const SETTLE_MS = 100;
const LIST_CHANGED = messageEvent({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });

/** Serves MCP clients and keeps their sessions. No timer runs before the first one. */
export class McpEndpoint {
  readonly #desk: Desk;
  #tending: NodeJS.Timeout | undefined = undefined;
  #settling: NodeJS.Timeout | undefined = undefined;
  /** Of whoever was served last; there are no sessions before. */
  #log: AccessLog | undefined = undefined;

  constructor(options: McpOptions) {
    const sessions = createSessionTable(options.limits ?? NO_SESSIONS, () => options.now());
    this.#desk = { options, sessions, inHand: new InHand(), tend: () => this.#tend() };
  }

  /** Answers one request. Throws what `readBody` throws. */
  async serve(request: McpRequest, carrier: McpCarrier): Promise<void> {
    const { origins } = this.#desk.options;
    this.#log = carrier.gateway.log;
    const checked = checkOrigin(request, origins);
    if ('status' in checked) {
      answer(request, checked);
      return;
    }
    const headers = corsHeaders(checked.origin);
    const isTooMuch = request.method === 'POST' && carrier.gateway.load.refuses();
    const reply = isTooMuch ? OVERLOADED : await this.#reply(request, carrier, headers);
    if (reply !== undefined) answer(request, { ...reply, headers: [...reply.headers, ...headers] });
  }

  /** Rights or tools may have changed: streams of keys that open nothing any more end, and clients are told of other tools. */
  changed(): void {
    if (this.#settling !== undefined || this.#desk.sessions.streaming().length === 0) return;
    this.#settling = setTimeout(() => this.#announce(), SETTLE_MS).unref();
  }

  /** Document D: sessions in use, those that are over and not removed yet, and all. */
  stats(): ReturnType<SessionTable['stats']> {
    return this.#desk.sessions.stats();
  }

  /** Ends sessions and their streams, but for what is under way: the listener finishes that before it stops. */
  stop(): void {
    clearInterval(this.#tending);
    clearTimeout(this.#settling);
    this.#desk.sessions.drain();
  }

  #reply(request: McpRequest, carrier: McpCarrier, headers: readonly string[]): ReturnType<Handler> {
    const all = this.#desk.options.limits === undefined ? SESSIONLESS : HANDLERS;
    const handlers = Object.hasOwn(all, request.path) ? all[request.path] : undefined;
    if (handlers === undefined) return errorReply('not_found', 'The MCP endpoint has no such path.');
    const allow = [...Object.keys(handlers), 'OPTIONS'].join(', ');
    if (request.method === 'OPTIONS') return preflightReply(allow);
    const handler = Object.hasOwn(handlers, request.method) ? handlers[request.method] : undefined;
    if (handler === undefined) return errorReply('method_not_allowed', undefined, ['Allow', allow]);
    const presented = presentedKey(request.head);
    if (typeof presented === 'string') return refuseCaller(request, presented);
    const [{ keys }, { key }, { now }] = [request.gateway, presented, this.#desk.options];
    const found = callerOf(keys, key, now());
    if (typeof found === 'string') return refuseCaller(request, found, keys.find(key));
    const route = routeOf(request, found);
    request.credential = found;
    const failure = checkCertificate(request, { clientCertificate: route?.clientCertificate });
    if (failure !== undefined) return refuseCaller(request, failure, found);
    // Lives as long as a session: it holds nothing of the request but the key.
    const caller = (): Credential | undefined => {
      const again = callerOf(keys, key, now());
      return typeof again === 'string' ? undefined : again;
    };
    return handler(this.#desk, { request, carrier, credential: found, caller, headers });
  }

  #tend(): void {
    this.#tending ??= setInterval(() => {
      for (const session of this.#desk.sessions.streaming()) {
        if (session.caller() === undefined) this.#desk.sessions.close(session);
        else session.stream?.send(BEAT);
      }
      if (this.#desk.sessions.sweep() > 0) return;
      clearInterval(this.#tending);
      this.#tending = undefined;
    }, TEND_MS).unref();
  }

  #announce(): void {
    this.#settling = undefined;
    const { routes } = this.#desk.options.snapshot();
    for (const session of this.#desk.sessions.streaming()) {
      try {
        const credential = session.caller();
        if (credential === undefined) this.#desk.sessions.close(session);
        else this.#tell(session, routesFor(routes, credential));
      } catch (error) {
        this.#panic(error);
      }
    }
  }

  /** What fails for one session is no reason to leave others untold. */
  #panic(error: unknown): void {
    if (this.#log !== undefined) logPanic(this.#log, error);
  }

  #tell(session: Session, routes: readonly Route[]): void {
    const offered = offeredLists(routes, (error) => this.#panic(error));
    if (isSameLists(session.offered, offered)) return;
    session.offered = offered;
    session.stream?.send(LIST_CHANGED);
  }
}

function isSameLists(before: readonly unknown[], after: readonly unknown[]): boolean {
  return before.length === after.length && before.every((list, index) => list === after[index]);
}

/** The API that a key opens. */
const routeOf = ({ gateway }: McpRequest, { tenant, api }: Credential): Route | undefined =>
  byTenant(gateway.snapshot().routes)
    .get(tenant)
    ?.find((route) => route.api === api);

/** One body for every reason of its kind; the reason is in the log, and in the events of the API that the key is for. */
function refuseCaller(request: McpRequest, reason: AuthFailure, known?: Credential): Reply {
  const isCertificate = CERTIFICATE_FAILURES.some((each) => each === reason);
  request.refusedCredential = known;
  reportRefusal(request, known && routeOf(request, known), reason, isCertificate ? 403 : 401);
  if (isCertificate) return errorReply('forbidden', 'A valid client certificate is needed with this key.');
  return errorReply('unauthorized', 'A valid API key is needed in the X-API-Key header.', ['WWW-Authenticate', 'Bearer realm="stoa"']);
}
