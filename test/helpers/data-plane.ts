/** A gateway over a snapshot made by hand, and real upstreams. */
import { createUsageMeter } from '../../gateway/data-plane/usage-meter.js';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, vi } from 'vitest';
import { createAnswerCache, type AnswerCache } from '../../gateway/data-plane/answer-cache.js';
import { createAccessLog } from '../../gateway/data-plane/access-log.js';
import { oneUpstream } from '../../gateway/data-plane/balancer.js';
import { createBreaker } from '../../gateway/data-plane/breaker.js';
import { CertificateJudge, type CertificateMode, type CertificateRule } from '../../gateway/data-plane/client-certificate.js';
import { ownAnswers, type OwnState } from '../../gateway/data-plane/own-routes.js';
import { createListener, type Listener } from '../../gateway/data-plane/server.js';
import { loadTls, type TlsFiles } from '../../gateway/data-plane/tls.js';
import type { Credential, EventSink, KeyStore, Route, Snapshot, Upstream, Upstreams } from '../../gateway/data-plane/snapshot.js';
import { errorReply } from '../../gateway/data-plane/own-routes.js';
import type { Hooks } from '../../gateway/policies/contract.js';

/** Waits for something that comes by itself, however loaded the machine is. */
export const eventually = <Value>(read: () => Value) => expect.poll(read, { timeout: 20_000 });

/** Time stands still for these until the test lets it pass by `vi.advanceTimersByTime`; until the test ends. */
export function holdTime(...toFake: ('setTimeout' | 'clearTimeout' | 'setInterval' | 'clearInterval' | 'performance')[]): void {
  vi.useFakeTimers({ toFake });
  onTestFinished(() => void vi.useRealTimers());
}

export const KEY = `stoa_sk_${'a1b2'.repeat(8)}`;

export interface RouteDraft {
  readonly upstreamUrl: string;
  readonly prefix?: string;
  readonly methods?: readonly string[];
  readonly state?: Route['state'];
  readonly authRequired?: boolean;
  readonly clientCertificate?: CertificateRule;
  readonly preflight?: readonly Hooks[];
  readonly hooks?: readonly Hooks[];
  readonly upstream?: Partial<Upstream>;
  readonly upstreams?: Upstreams;
  readonly tools?: Route['tools'];
}

export function makeRoute(draft: RouteDraft): Route {
  const upstream = makeUpstream(draft.upstreamUrl, draft.upstream);
  const methods = draft.methods ?? ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];
  return {
    id: 'api-1',
    tenant: 'acme',
    api: 'payments',
    label: 'payments',
    prefixes: [draft.prefix ?? '/apis/acme/payments'],
    state: draft.state ?? 'active',
    methods: new Set(methods),
    allow: methods.join(', '),
    authRequired: draft.authRequired ?? true,
    clientCertificate: draft.clientCertificate,
    preflight: draft.preflight ?? [],
    hooksFor: () => draft.hooks ?? [],
    upstream,
    upstreams: draft.upstreams ?? oneUpstream(upstream),
    metrics: { observe: () => undefined, cached: () => undefined },
    tools: draft.tools,
  };
}

/** A server with the settings of an API that names none. */
export function makeUpstream(address: string, changes: Partial<Upstream> = {}): Upstream {
  const url = new URL(address);
  return {
    poolKey: `${changes.origin ?? url.origin} ${changes.connectTimeoutMs ?? 5000}`,
    origin: url.origin,
    basePath: url.pathname === '/' ? '' : url.pathname,
    host: url.host,
    timeoutMs: 30_000,
    connectTimeoutMs: 5000,
    retries: 2,
    maxBodyBytes: undefined,
    breaker: createBreaker(address),
    health: undefined,
    ...changes,
  };
}

export const makeCredential = (changes: Partial<Credential> = {}): Credential => ({
  keyId: 'key-1',
  tenant: 'acme',
  subscriptionId: 'sub-1',
  subscriptionActive: true,
  subscriptionEnds: Infinity,
  api: 'payments',
  consumerId: 'con-1',
  consumer: 'my-consumer',
  consumerName: 'My Consumer',
  keyStatus: 'active',
  notBefore: 0,
  notAfter: null,
  certificates: undefined,
  limits: [],
  ...changes,
});

/** Routes by prefix: enough of a router for these tests. */
export function makeSnapshot(routes: readonly Route[]): Snapshot {
  return {
    number: 1,
    routes,
    match(path) {
      for (const route of routes) {
        const prefix = route.prefixes.find((one) => path === one || path.startsWith(`${one}/`) || one === '');
        if (prefix !== undefined) return { route, prefixLength: prefix.length };
      }
      return undefined;
    },
  };
}

export interface GatewayDraft {
  readonly routes: readonly Route[];
  readonly keys?: ReadonlyMap<string, Credential>;
  readonly now?: () => number;
  readonly trustedProxies?: readonly string[];
  readonly proxyProtocol?: boolean;
  readonly host?: string;
  readonly allowPrivateUpstreams?: boolean;
  readonly own?: Partial<OwnState>;
  readonly tls?: TlsFiles;
  readonly clientCertificates?: CertificateMode;
  /** Undefined: what `useLane` has said. */
  readonly fastLane?: boolean;
  /** Whether the next request is refused for the load. */
  readonly refuses?: () => boolean;
}

export interface TestGateway {
  readonly port: number;
  readonly url: string;
  readonly listener: Listener;
  readonly certificates: CertificateJudge;
  readonly answers: AnswerCache;
  /** Log lines as objects, complete at any time. */
  lines(): readonly Record<string, unknown>[];
  readonly events: Parameters<EventSink['record']>[0][];
  /** Serves these routes from the next request on. */
  swap(routes: readonly Route[]): void;
}

const OWN: OwnState = {
  health: () => ({ status: 'ok', version: '0.0.0', uptime_seconds: 1 }),
  readiness: () => ({ ready: true, control_plane: 'none' }),
  mayReadMetrics: () => true,
  metrics: () => Promise.resolve({ contentType: 'text/plain', text: '# none\n' }),
  admin: () => errorReply('service_unavailable'),
  mcp: undefined,
};

let isFastLaneOn = true;

/** Which lane the gateways of this test file have where they do not say. */
export const useLane = (lane: 'fast' | 'node'): void => void (isFastLaneOn = lane === 'fast');

/** A listening gateway on port 0; it stops with the test. */
export async function startGateway(draft: GatewayDraft): Promise<TestGateway> {
  const texts: string[] = [];
  const events: TestGateway['events'] = [];
  const now = draft.now ?? Date.now;
  const log = createAccessLog({ format: 'json', level: 'debug', now, write: (text) => texts.push(text) });
  const known = draft.keys ?? new Map([[KEY, makeCredential()]]);
  const keys: KeyStore = {
    find: (key) => known.get(key),
    stats: () => ({ hits: 0, misses: 0, entry_count: 0 }),
    clear: () => undefined,
  };
  const answers = createAnswerCache();
  let snapshot = makeSnapshot(draft.routes);
  const certificates = new CertificateJudge(draft.clientCertificates ?? 'off');
  const listener = createListener({
    gateway: {
      snapshot: () => snapshot,
      keys,
      events: { record: (event) => events.push(event) },
      log,
      usage: createUsageMeter(),
      certificates,
      load: { refuses: draft.refuses ?? (() => false) },
      answers,
      isReady: () => ({ ...OWN, ...draft.own }).readiness().ready,
      now,
    },
    tls: draft.tls === undefined ? undefined : loadTls(draft.tls),
    own: ownAnswers({ ...OWN, ...draft.own }),
    trustedProxies: draft.trustedProxies ?? [],
    proxyProtocol: draft.proxyProtocol,
    allowPrivateUpstreams: draft.allowPrivateUpstreams ?? true,
    fastLane: draft.fastLane ?? isFastLaneOn,
  });
  const port = await listener.listen(0, draft.host ?? '127.0.0.1');
  onTestFinished(() => listener.stop(0));
  const lines = (): Record<string, unknown>[] => {
    log.flush();
    return texts
      .join('')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  return {
    port,
    url: `${draft.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/apis/acme/payments`,
    listener,
    certificates,
    answers,
    lines,
    events,
    swap: (routes) => (snapshot = makeSnapshot(routes)),
  };
}

/** A real HTTP server on port 0; it stops with the test. */
export async function startUpstream(handle: RequestListener): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** A request with a valid key; more fields and a body as given. */
export const request = (line: string, fields: readonly string[] = [], body = ''): string =>
  `${line} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: ${KEY}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n${body}`;
