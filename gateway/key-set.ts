/**
 * The public keys of an issuer of tokens, for both servers: found by discovery, kept for a bounded time, fetched again when a token names a key that is not
 * among them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { request, type Dispatcher } from 'undici';
import * as z from 'zod';
import { isSecureIssuer } from '../schema/issuer-url.js';

/** Keys that are older are fetched anew before they are used. */
const FRESH_MS = 10 * 60_000;
/** How long known keys go on while the issuer cannot be asked: a key that it took back works this long at most. */
const STALE_MS = 12 * 3_600_000;
/** An issuer that did not answer is asked at most this often. */
const COOL_DOWN_MS = 30_000;
/** One that answered is asked again for a key that is not among its own at most this often, however many tokens name unknown keys. */
const RENEW_MS = 5000;
const TIMEOUT_MS = 5000;
/** How long a request waits for fresh keys when others are known: an issuer that hangs holds nobody up for longer. */
const PATIENCE_MS = 1000;
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
  /** Where the keys are; undefined: where the issuer's discovery document says. */
  readonly jwksUrl?: string | undefined;
  /** What connects; undefined: nothing that looks at addresses. */
  readonly dispatcher?: Dispatcher | undefined;
  now(): number;
  /** Told why a fetch failed. */
  onFailure(error: unknown): void;
}

/** The key set of one issuer, fetched when it is first needed. Requests that come at once share one fetch. */
export function createKeySet(options: KeySetOptions): KeySet {
  const { now, onFailure } = options;
  let keys: Keys | undefined;
  let asked: { readonly at: number; readonly failed: boolean } | undefined;
  let fetching: Promise<void> | undefined;
  let patience: Promise<void> | undefined;
  const mayAsk = (coolDownMs: number): boolean => asked === undefined || Math.abs(now() - asked.at) >= coolDownMs;
  const fetchOnce = async (): Promise<void> => {
    const at = now();
    try {
      keys = { find: createLocalJWKSet(await fetchKeys(options)), fetchedAt: at };
      asked = { at, failed: false };
    } catch (error) {
      asked = { at, failed: true };
      onFailure(error);
    }
  };
  const refresh = (): Promise<void> => {
    if (fetching !== undefined) return fetching;
    fetching = fetchOnce().finally(() => (fetching = undefined));
    patience = Promise.race([fetching, sleep(PATIENCE_MS, undefined, { ref: false })]);
    return fetching;
  };
  const usable = (): Keys | undefined => (keys !== undefined && Math.abs(now() - keys.fetchedAt) < STALE_MS ? keys : undefined);
  return {
    async current() {
      const isFresh = keys !== undefined && Math.abs(now() - keys.fetchedAt) < FRESH_MS;
      if (isFresh || (fetching === undefined && !mayAsk(COOL_DOWN_MS))) return usable();
      // An issuer that did not answer is asked again beside the requests: an outage holds up one of them, not one every half minute.
      const isKnown = usable() !== undefined;
      const isAway = asked?.failed === true && isKnown;
      const asking = refresh();
      if (!isAway) await (isKnown ? patience : asking);
      return usable();
    },
    async renewed() {
      const before = keys;
      if (fetching !== undefined || mayAsk(asked?.failed === true ? COOL_DOWN_MS : RENEW_MS)) await refresh();
      if (asked?.failed === true) return 'unreachable';
      return keys === before ? undefined : usable();
    },
  };
}

/**
 * What `attempt` makes of the keys. Tries once more with fresh ones when the key of its token is not among them; `unreachable` when they cannot be had.
 * Throws what `attempt` throws.
 */
export async function tryKeys<Result>(
  keySet: KeySet,
  keys: Keys,
  attempt: (keys: Keys) => Promise<Result>,
): Promise<{ readonly result: Result; readonly keys: Keys } | 'unreachable'> {
  try {
    return { result: await attempt(keys), keys };
  } catch (error) {
    if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    const renewed = await keySet.renewed();
    if (renewed === 'unreachable') return renewed;
    if (renewed === undefined) throw error;
    return { result: await attempt(renewed), keys: renewed };
  }
}

async function fetchKeys({ issuer, jwksUrl, dispatcher }: KeySetOptions): Promise<JSONWebKeySet> {
  // What is no key of a kind that we verify with is passed over when a token looks for its own.
  return keySetDocument.parse(await fetchJson(jwksUrl ?? (await discover(issuer, dispatcher)), dispatcher));
}

/** Where the issuer says that its keys are. */
async function discover(issuer: string, dispatcher: Dispatcher | undefined): Promise<string> {
  const document = discoveryDocument.parse(await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, dispatcher));
  if (document.issuer !== issuer)
    throw new TypeError(`The discovery document names another issuer, ${JSON.stringify(document.issuer.slice(0, 200))}.`);
  if (!isSecureIssuer(document.jwks_uri)) throw new TypeError('The discovery document names a jwks_uri that is not https.');
  return document.jwks_uri;
}

/** No redirects, bounded time and size. */
async function fetchJson(url: string, dispatcher: Dispatcher | undefined): Promise<unknown> {
  const answer = await request(url, {
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    ...(dispatcher === undefined ? {} : { dispatcher }),
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
