/** The fields of a request, read once: framing is checked strictly, and what may be forwarded is set apart (security requirements 1, 3, 8). */
import type { ErrorCode } from '../../schema/error.js';

/** More fields than this are refused; node:http would drop them silently. */
const MAX_FIELDS = 128;

/** What the gateway itself reads from the fields of a request. */
export interface RequestHead {
  /** Fields that go to the upstream as they are: name, value, name, value. */
  forwarded: string[];
  host: string | undefined;
  contentLength: string | undefined;
  isChunked: boolean;
  /** Combined value of all `Connection` fields. */
  connection: string | undefined;
  upgrade: string | undefined;
  /** Number of fields of that name, and the last value. */
  apiKeys: number;
  apiKey: string | undefined;
  authorizations: number;
  authorization: string | undefined;
  requestId: string | undefined;
  traceparent: string | undefined;
  tracestate: string | undefined;
  via: string | undefined;
  maxForwards: string | undefined;
  forwardedFor: string | undefined;
  forwardedProto: string | undefined;
  forwardedHost: string | undefined;
  forwardedPort: string | undefined;
  /** Whether a field asks for another method than that of the request line. */
  overridesMethod: boolean;
}

/** Why a request is refused and its connection closed. */
export interface HeadProblem {
  readonly code: ErrorCode;
  readonly message: string;
}

interface Draft extends RequestHead {
  hosts: number;
  lengths: number;
  codings: number;
  coding: string | undefined;
}

type Reader = (draft: Draft, value: string, name: string) => void;

const drop: Reader = () => undefined;
const forward: Reader = (draft, value, name) => {
  draft.forwarded.push(name, value);
};
/** Frameworks take the method from these where they are there. */
const METHOD_OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'];
const override: Reader = (draft, value, name) => {
  draft.overridesMethod = true;
  draft.forwarded.push(name, value);
};

/** Whether a field asks for another method. */
export const isMethodOverride = (name: string): boolean => METHOD_OVERRIDES.includes(name.toLowerCase());
const join = (before: string | undefined, value: string): string => (before === undefined ? value : `${before}, ${value}`);

/** Fields that are read here. Hop-by-hop fields, fields that the gateway sets, and fields that say who or where a client is are not forwarded. */
const READERS: Readonly<Record<string, Reader>> = {
  host: (draft, value) => {
    draft.hosts += 1;
    draft.host = value;
  },
  'content-length': (draft, value) => {
    draft.lengths += 1;
    draft.contentLength = value;
  },
  'transfer-encoding': (draft, value) => {
    draft.codings += 1;
    draft.coding = value;
  },
  connection: (draft, value) => {
    draft.connection = join(draft.connection, value);
  },
  upgrade: (draft, value) => {
    draft.upgrade = join(draft.upgrade, value);
  },
  'x-api-key': (draft, value) => {
    draft.apiKeys += 1;
    draft.apiKey = value;
  },
  authorization: (draft, value, name) => {
    draft.authorizations += 1;
    draft.authorization = value;
    draft.forwarded.push(name, value);
  },
  'x-request-id': (draft, value) => {
    draft.requestId = join(draft.requestId, value);
  },
  traceparent: (draft, value) => {
    draft.traceparent = join(draft.traceparent, value);
  },
  tracestate: (draft, value) => {
    draft.tracestate = join(draft.tracestate, value);
  },
  via: (draft, value) => {
    draft.via = join(draft.via, value);
  },
  'max-forwards': (draft, value) => {
    draft.maxForwards = join(draft.maxForwards, value);
  },
  'x-forwarded-for': (draft, value) => {
    draft.forwardedFor = join(draft.forwardedFor, value);
  },
  'x-forwarded-proto': (draft, value) => {
    draft.forwardedProto = join(draft.forwardedProto, value);
  },
  'x-forwarded-host': (draft, value) => {
    draft.forwardedHost = join(draft.forwardedHost, value);
  },
  'x-forwarded-port': (draft, value) => {
    draft.forwardedPort = join(draft.forwardedPort, value);
  },
};

const DROPPED = [
  ...['keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'http2-settings', 'expect'],
  ...['x-stoa-request-id', 'x-consumer-id', 'x-tenant-id', 'x-subscription-id'],
  ...[
    'forwarded',
    'x-real-ip',
    'x-client-ip',
    'x-cluster-client-ip',
    'true-client-ip',
    'x-client-cert',
    'client-cert',
    'client-cert-chain',
  ],
  ...['x-original-url', 'x-rewrite-url', 'x-original-method', 'x-original-host', 'x-host'],
];
const DROPPED_PREFIXES = ['x-forwarded-', 'x-ssl-client-', 'ssl-client-', 'x-stoa-'];

const readers = new Map<string, Reader>([
  ...Object.entries(READERS),
  ...DROPPED.map((name) => [name, drop] as const),
  ...METHOD_OVERRIDES.map((name) => [name, override] as const),
]);
/** Readers by the spelling in which names arrive; bounded, since clients choose the spelling. */
const spellings = new Map<string, Reader>();
const MAX_SPELLINGS = 2000;

function readerOf(name: string): Reader {
  const known = spellings.get(name);
  if (known !== undefined) return known;
  const reader = classify(name.toLowerCase());
  if (spellings.size < MAX_SPELLINGS && name.length < 64) spellings.set(Buffer.from(name, 'latin1').toString('latin1'), reader);
  return reader;
}

function classify(name: string): Reader {
  const special = readers.get(name);
  if (special !== undefined) return special;
  // A next hop may read `_` (CGI, WSGI) and other marks (PHP) as `-`: such a name could pass for one that is set or dropped here.
  if (name.includes('_')) return drop;
  const folded = name.replace(/[^a-z0-9-]/g, '-');
  // Nor is one forwarded that is such a name to whoever passes over marks in it or around it.
  const bare = name.replace(/[^a-z0-9-]/g, '').replace(/^-+|-+$/g, '');
  if ([folded, bare].some((other) => readers.has(other) || DROPPED_PREFIXES.some((prefix) => other.startsWith(prefix)))) return drop;
  return forward;
}

/** Reads the raw fields of a request. A problem means: answer it and interpret nothing more of that connection. */
export function readHead(raw: readonly string[], isHttp10: boolean): RequestHead | HeadProblem {
  if (raw.length > 2 * MAX_FIELDS) return { code: 'headers_too_large', message: `A request has at most ${MAX_FIELDS} header fields.` };
  const draft = emptyDraft();
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? '';
    readerOf(name)(draft, raw[index + 1] ?? '', name);
  }
  const message = hostProblem(draft, isHttp10) ?? framingProblem(draft, isHttp10);
  if (message !== undefined) return { code: 'bad_request', message };
  if (draft.connection !== undefined) dropNamed(draft, draft.connection);
  return draft;
}

/** Whether `readHead` refused. */
export const isProblem = (result: RequestHead | HeadProblem): result is HeadProblem => 'code' in result;

/** The head of a request whose fields cannot be trusted. */
export const emptyHead = (): RequestHead => emptyDraft();

function emptyDraft(): Draft {
  return {
    forwarded: [],
    host: undefined,
    contentLength: undefined,
    isChunked: false,
    connection: undefined,
    upgrade: undefined,
    apiKeys: 0,
    apiKey: undefined,
    authorizations: 0,
    authorization: undefined,
    requestId: undefined,
    traceparent: undefined,
    tracestate: undefined,
    via: undefined,
    maxForwards: undefined,
    forwardedFor: undefined,
    forwardedProto: undefined,
    forwardedHost: undefined,
    forwardedPort: undefined,
    overridesMethod: false,
    hosts: 0,
    lengths: 0,
    codings: 0,
    coding: undefined,
  };
}

const HOST = /^(?:[A-Za-z0-9._~!$&'()*+,=-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;

function hostProblem({ hosts, host }: Draft, isHttp10: boolean): string | undefined {
  if (hosts === 0 && isHttp10) return undefined;
  if (hosts !== 1 || host === undefined) return 'A request has exactly one Host field.';
  return HOST.test(host) ? undefined : 'The Host field is not a host name with an optional port.';
}

/** node:http refuses most of this by itself; it is checked again, so that nothing hangs on its leniency (RFC 9112, 6.1 and 6.3). */
function framingProblem(draft: Draft, isHttp10: boolean): string | undefined {
  if (draft.lengths > 1) return 'A request has at most one Content-Length field.';
  if (draft.contentLength !== undefined && !/^[0-9]{1,15}$/.test(draft.contentLength)) return 'The Content-Length field is not a number.';
  if (draft.codings === 0) return undefined;
  if (draft.codings > 1 || draft.coding?.toLowerCase() !== 'chunked') return 'The only transfer coding that is accepted is "chunked".';
  if (draft.lengths > 0) return 'A request has Content-Length or Transfer-Encoding, not both.';
  if (isHttp10) return 'HTTP/1.0 knows no Transfer-Encoding.';
  draft.isChunked = true;
  return undefined;
}

/** Fields that `Connection` names belong to that connection alone (RFC 9110, 7.6.1). What the gateway sets is added later and stays. */
function dropNamed(draft: Draft, connection: string): void {
  const lower = connection.toLowerCase();
  if (lower === 'keep-alive' || lower === 'close' || lower === 'upgrade') return;
  const named = new Set(lower.split(',').map((token) => token.trim()));
  const kept: string[] = [];
  for (let index = 0; index < draft.forwarded.length; index += 2) {
    const name = draft.forwarded[index] ?? '';
    if (!named.has(name.toLowerCase())) kept.push(name, draft.forwarded[index + 1] ?? '');
  }
  draft.forwarded = kept;
}
