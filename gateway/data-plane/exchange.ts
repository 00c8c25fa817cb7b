/** One request on its way through the gateway: what the pipeline and the policies see of it. The only object that is made for a request. */
import type { CacheRules, Caller, Exchange as PolicyExchange, Hooks, LimitState, ReplyHead, TokenFailure } from '../policies/contract.js';
import type { AccessLog } from './access-log.js';
import type { AnswerCache } from './answer-cache.js';
import type { Visit } from './cache-visit.js';
import type { CertificateJudge, ClientCertificate, Presented } from './client-certificate.js';
import type { LoadShedder } from './load-shedder.js';
import type { RequestHead } from './request-head.js';
import type { UsageMeter } from './usage-meter.js';
import type { Credential, EventSink, KeyStore, Route, Snapshot, Upstream } from './snapshot.js';

/** What a request needs beside itself; one object for the life of the gateway. */
export interface Gateway {
  /** Read once per request: a request finishes on the snapshot that it began with. */
  snapshot(): Snapshot;
  readonly keys: KeyStore;
  readonly events: EventSink;
  readonly log: AccessLog;
  readonly usage: UsageMeter;
  readonly certificates: CertificateJudge;
  readonly load: Pick<LoadShedder, 'refuses'>;
  readonly answers: AnswerCache;
  /** Whether a configuration is held: without one, nothing is known to be missing. */
  isReady(): boolean;
  /** Wall clock, epoch milliseconds. */
  now(): number;
}

const NO_HOOKS: readonly Hooks[] = [];

/** It is its own reply head: `status` and `headers` are what goes to the client, and hooks edit them in place. */
export abstract class Exchange implements PolicyExchange, ReplyHead {
  requestId = '';
  method = '';
  path = '';
  query = '';
  clientIp = '';
  caller: Caller | undefined = undefined;
  limit: LimitState | undefined = undefined;
  tokenFailure: TokenFailure | undefined = undefined;
  cache: CacheRules | undefined = undefined;
  maxBodyBytes: number | undefined = undefined;
  isCounted = false;

  /** Name, value, name, value; as received. */
  rawHeaders: readonly string[] = [];
  /** Set by the listener before the exchange enters the pipeline. */
  abstract readonly head: RequestHead;
  abstract readonly hasBody: boolean;
  isUpgrade = false;

  route: Route | undefined = undefined;
  /** The server that takes it; set right before it is forwarded. */
  upstream: Upstream | undefined = undefined;
  prefixLength = 0;
  credential: Credential | undefined = undefined;
  /** The key that was refused, where it is one of the API's own tenant: another tenant's consumers are not named to this one. */
  refusedCredential: Credential | undefined = undefined;
  /** Why the gateway answers by itself, as the line of the request names it. */
  refusal: string | undefined = undefined;
  /** What went wrong between the gateway and the upstream, as the line of the request names it. */
  failure: string | undefined = undefined;
  /** Whether the `Authorization` header carried our key and is not forwarded. */
  keyInAuthorization = false;
  /** Set where somebody asked for one and it was good. */
  certificate: ClientCertificate | undefined = undefined;

  status = 0;
  headers: string[] = [];

  /** How many hooks of the route's preflight stage, and of `hooks`, have seen the request. */
  preflightEntered = 0;
  hooksEntered = 0;
  hooks: readonly Hooks[] = NO_HOOKS;

  /** What becomes of the answer in the cache, where a policy keeps answers. */
  visit: Visit | undefined = undefined;

  /** The upstream broke off in the middle of its answer. */
  isCutShort = false;

  /** Milliseconds of the monotonic clock. */
  readonly startedAt: number = performance.now();
  readonly gateway: Gateway;

  constructor(gateway: Gateway) {
    this.gateway = gateway;
  }

  header(name: string): string | undefined {
    const raw = this.rawHeaders;
    let value: string | undefined;
    for (let index = 0; index < raw.length; index += 2) {
      const field = raw[index];
      if (field === undefined || field.length !== name.length || field.toLowerCase() !== name) continue;
      value = value === undefined ? raw[index + 1] : `${value}, ${raw[index + 1] ?? ''}`;
    }
    return value;
  }

  /** The client's certificate, from its connection or from a proxy that is trusted. */
  abstract presentedCertificate(): Presented;

  /** Path with query, and fields, as a server of the route would be asked. */
  abstract upstreamRequest(route: Route, upstream: Upstream): { readonly path: string; readonly headers: string[] };

  /** Sends `status`, `headers` and this body as a complete answer of the gateway itself. */
  abstract respond(body: string | Buffer): void;

  /** Sends the request to the upstream of its route. The breaker has admitted it; the exchange tells it how it went. */
  abstract forward(route: Route, upstream: Upstream): void;
}
