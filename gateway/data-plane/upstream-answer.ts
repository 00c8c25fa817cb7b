/** The head of an upstream's answer, as untrusted as a client's: framing is checked, fields of the connection are left out. */
import { appendVia, type Edge } from './upstream-request.js';

type Kind = 'keep' | 'drop' | 'limit' | 'connection' | 'coding' | 'length' | 'via';

const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ...['keep-alive', 'proxy-connection', 'proxy-authenticate', 'te', 'trailer', 'upgrade', 'x-request-id', 'x-stoa-request-id'].map(
    (name) => [name, 'drop'] as const,
  ),
  ...['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'ratelimit', 'ratelimit-policy'].map(
    (name) => [name, 'limit'] as const,
  ),
  ['connection', 'connection'],
  ['transfer-encoding', 'coding'],
  ['content-length', 'length'],
  ['via', 'via'],
]);

/** Kinds by the spelling in which names arrive; bounded, since upstreams choose the spelling. */
const spellings = new Map<string, Kind>();

function kindOf(name: string): Kind {
  const known = spellings.get(name);
  if (known !== undefined) return known;
  const kind = KINDS.get(name.toLowerCase()) ?? 'keep';
  if (spellings.size < 2000 && name.length < 64) spellings.set(name, kind);
  return kind;
}

interface Found {
  readonly headers: string[];
  connection: string | undefined;
  coding: string | undefined;
  length: string | undefined;
  via: string | undefined;
}

/** What of an answer's head goes on to the client. */
export interface AnswerHead {
  readonly headers: string[];
  /** What the answer says of its length; -1 when it says nothing. */
  readonly length: number;
  /** Whether its end can be told from a connection that broke. */
  readonly isFramed: boolean;
}

/**
 * The part of an answer's head that goes on to the client, or, as a string, why the answer cannot be used. `raw` is name, value, name, value.
 * With `hasLimit` the rate-limit fields of the upstream give way to those of the gateway.
 */
export function readAnswer(status: number, raw: readonly Buffer[], edge: Edge, hasLimit: boolean): AnswerHead | string {
  const found: Found = { headers: [], connection: undefined, coding: undefined, length: undefined, via: undefined };
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]?.toString('latin1') ?? '';
    const kind = kindOf(name);
    take(found, kind === 'limit' && !hasLimit ? 'keep' : kind, name, raw[index + 1]?.toString('latin1') ?? '');
  }
  const problem = problemOf(status, found);
  if (problem !== undefined) return problem;
  const headers = found.connection === undefined ? found.headers : withoutNamed(found.headers, found.connection);
  // 204 has no body and says no length (RFC 9110, 8.6).
  if (found.length !== undefined && status !== 204) headers.push('Content-Length', found.length);
  headers.push('Via', appendVia(found.via, edge));
  const isFramed = found.length !== undefined || found.coding !== undefined || status === 204;
  return { headers, length: found.length === undefined ? -1 : Number(found.length), isFramed };
}

/** A status beyond those of RFC 9110 (15) means nothing to a client; node could not even write one below 100. */
function problemOf(status: number, { coding, length }: Found): string | undefined {
  if (status < 100 || status > 599) return 'invalid status';
  if (coding === undefined) return undefined;
  if (coding.toLowerCase() !== 'chunked') return 'transfer coding other than chunked';
  return length === undefined ? undefined : 'both Content-Length and Transfer-Encoding';
}

function take(found: Found, kind: Kind, name: string, value: string): void {
  if (kind === 'keep') found.headers.push(name, value);
  else if (kind !== 'drop' && kind !== 'limit') found[kind] = found[kind] === undefined ? value : `${found[kind]}, ${value}`;
}

function withoutNamed(headers: string[], connection: string): string[] {
  const lower = connection.toLowerCase();
  if (lower === 'keep-alive' || lower === 'close') return headers;
  const named = new Set(lower.split(',').map((token) => token.trim()));
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (!named.has(name.toLowerCase())) kept.push(name, headers[index + 1] ?? '');
  }
  return kept;
}
