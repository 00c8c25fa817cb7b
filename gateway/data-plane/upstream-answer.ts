/** What of an upstream's answer goes on to the client: fields of the connection stay where they are. */
import { appendVia, type Edge } from './upstream-request.js';

type Kind = 'keep' | 'drop' | 'limit' | 'connection' | 'length' | 'via';

const DROPPED = ['keep-alive', 'proxy-connection', 'proxy-authenticate', 'te', 'trailer', 'transfer-encoding', 'upgrade'];
const OURS = ['x-request-id', 'x-stoa-request-id'];
const LIMITS = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'ratelimit', 'ratelimit-policy'];

const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ...[...DROPPED, ...OURS].map((name) => [name, 'drop'] as const),
  ...LIMITS.map((name) => [name, 'limit'] as const),
  ['connection', 'connection'],
  ['content-length', 'length'],
  ['via', 'via'],
]);

/** Kinds by the spelling in which names arrive; bounded, since upstreams choose the spelling. */
const spellings = new Map<string, Kind>();

function kindOf(name: string): Kind {
  const known = spellings.get(name);
  if (known !== undefined) return known;
  const kind = KINDS.get(name.toLowerCase()) ?? 'keep';
  if (spellings.size < 2000 && name.length < 64) spellings.set(Buffer.from(name, 'latin1').toString('latin1'), kind);
  return kind;
}

/**
 * The part of an answer's fields that goes on to the client; both are name, value, name, value. With `hasLimit` the rate-limit fields of the upstream give way to
 * those of the gateway.
 */
export function readAnswer(status: number, fields: readonly string[], edge: Edge, hasLimit: boolean): string[] {
  const kept: string[] = [];
  let connection: string | undefined;
  let via: string | undefined;
  // Interim answers and 204 have no body and say no length (RFC 9110, 8.6).
  const saysLength = status >= 200 && status !== 204;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const value = fields[index + 1] ?? '';
    const kind = kindOf(name);
    if (kind === 'keep' || (kind === 'limit' && !hasLimit) || (kind === 'length' && saysLength)) kept.push(name, value);
    else if (kind === 'connection') connection = connection === undefined ? value : `${connection}, ${value}`;
    else if (kind === 'via') via = via === undefined ? value : `${via}, ${value}`;
  }
  const headers = connection === undefined ? kept : withoutNamed(kept, connection);
  headers.push('Via', appendVia(via, edge));
  return headers;
}

function withoutNamed(headers: string[], connection: string): string[] {
  const lower = connection.toLowerCase();
  if (lower === 'keep-alive' || lower === 'close') return headers;
  const named = new Set(lower.split(',').map((token) => token.trim()));
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    // Where the body ends is no matter of the connection.
    if (!named.has(name.toLowerCase()) || kindOf(name) === 'length') kept.push(name, headers[index + 1] ?? '');
  }
  return kept;
}
