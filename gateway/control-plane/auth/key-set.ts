/** The public keys of an external issuer: found by discovery, kept for a bounded time, fetched again when a token names a key that is not among them. */
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { request } from 'undici';
import { z } from 'zod';
import { isSecureIssuer } from './issuer-url.js';

/** Keys that are older are fetched anew before they are used. */
const FRESH_MS = 10 * 60_000;
/** How long known keys go on while the issuer cannot be asked: a key that it took back works this long at most. */
const STALE_MS = 12 * 3_600_000;
/** The issuer is asked at most this often, however many tokens name unknown keys. */
const COOL_DOWN_MS = 30_000;
const TIMEOUT_MS = 5000;
const MAX_BYTES = 256 * 1024;

const discoveryDocument = z.object({ issuer: z.string(), jwks_uri: z.string() });
const keySetDocument = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(100) });

/** Keys as they were at one fetch; another fetch makes another object. */
export interface Keys {
  readonly find: JWTVerifyGetKey;
  readonly fetchedAt: number;
}

export interface KeySet {
  /** The keys to verify with; undefined while the issuer cannot be asked and nothing that is young enough is known. */
  current(): Promise<Keys | undefined>;
  /** Fetches after a key was not found. Undefined when that says nothing new: the issuer was asked a moment ago, and answered. */
  renewed(): Promise<Keys | 'unreachable' | undefined>;
}

export interface KeySetOptions {
  readonly issuer: string;
  now(): number;
  /** Told why a fetch failed. */
  onFailure(error: unknown): void;
}

/** The key set of one issuer, fetched when it is first needed. Requests that come at once share one fetch. */
export function createKeySet({ issuer, now, onFailure }: KeySetOptions): KeySet {
  let keys: Keys | undefined;
  let asked: { readonly at: number; readonly failed: boolean } | undefined;
  let fetching: Promise<void> | undefined;
  const mayAsk = (): boolean => asked === undefined || Math.abs(now() - asked.at) >= COOL_DOWN_MS;
  const fetchOnce = async (): Promise<void> => {
    const at = now();
    try {
      keys = { find: createLocalJWKSet(await fetchKeys(issuer)), fetchedAt: at };
      asked = { at, failed: false };
    } catch (error) {
      asked = { at, failed: true };
      onFailure(error);
    }
  };
  const refresh = (): Promise<void> => (fetching ??= fetchOnce().finally(() => (fetching = undefined)));
  const usable = (): Keys | undefined => (keys !== undefined && Math.abs(now() - keys.fetchedAt) < STALE_MS ? keys : undefined);
  return {
    async current() {
      const isFresh = keys !== undefined && Math.abs(now() - keys.fetchedAt) < FRESH_MS;
      if (!isFresh && (fetching !== undefined || mayAsk())) await refresh();
      return usable();
    },
    async renewed() {
      const before = keys;
      if (fetching !== undefined || mayAsk()) await refresh();
      if (asked?.failed === true) return 'unreachable';
      return keys === before ? undefined : usable();
    },
  };
}

async function fetchKeys(issuer: string): Promise<JSONWebKeySet> {
  const document = discoveryDocument.parse(await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`));
  if (document.issuer !== issuer)
    throw new TypeError(`The discovery document names another issuer, ${JSON.stringify(document.issuer.slice(0, 200))}.`);
  if (!isSecureIssuer(document.jwks_uri)) throw new TypeError('The discovery document names a jwks_uri that is not https.');
  // What is no key of a kind that we verify with is passed over when a token looks for its own.
  return keySetDocument.parse(await fetchJson(document.jwks_uri));
}

/** No redirects, bounded time and size. */
async function fetchJson(url: string): Promise<unknown> {
  const answer = await request(url, {
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new TypeError(`${url} answered with more than ${MAX_BYTES} bytes.`);
    chunks.push(chunk);
  }
  if (answer.statusCode !== 200) throw new TypeError(`${url} answered ${answer.statusCode}.`);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
}
