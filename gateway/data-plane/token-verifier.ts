/** Access tokens of the issuers that policies name: verified with keys of the issuer alone, by rules of the policy alone (RFC 8725). */
import { createHash } from 'node:crypto';
import { errors, jwtVerify, type JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import { Agent } from 'undici';
import { createKeySet, tryKeys, type Keys, type KeySet } from '../key-set.js';
import type { TokenRules, TokenVerdict } from '../policies/contract.js';
import type { AccessLog } from './access-log.js';
import { checkedConnector } from './checked-connector.js';

/** A policy that is compiled holds its key set; what is remembered here is for the next snapshot. */
const MAX_KEY_SETS = 1000;
const MAX_TOKEN = 16_384;
const CONNECT_TIMEOUT_MS = 5000;
/** How much of the texts of verified tokens is remembered for, in all: some ten thousand tokens of the usual size. */
const MAX_REMEMBERED = 16 * 1024 * 1024;
/** What a Keycloak makes beside access tokens. */
const OTHER_TOKENS: ReadonlySet<unknown> = new Set(['ID', 'Refresh', 'Offline', 'Logout']);

/** A signature that was good under these keys; the times of a token are looked at for each request. */
interface Verified {
  readonly keys: Keys;
  readonly claims: JWTPayload;
}

export type VerifyToken = (token: string) => Promise<TokenVerdict>;

export interface TokenVerifiers {
  /** The same tenant, issuer and address of the keys: the same keys, whatever the snapshot. */
  verifier(tenant: string, rules: TokenRules): VerifyToken;
}

export interface TokenVerifierOptions {
  /** Wall clock, epoch milliseconds. */
  now(): number;
  /** Whether issuers may be on loopback and private addresses. */
  readonly allowPrivate: boolean;
  readonly log: Pick<AccessLog, 'event'>;
}

/** Makes verifiers. Issuers are named by tenants: their addresses are checked like those of upstreams, each time they are connected to. */
export function createTokenVerifiers({ now, allowPrivate, log }: TokenVerifierOptions): TokenVerifiers {
  const keySets = new LRUCache<string, KeySet>({ max: MAX_KEY_SETS });
  const verified = new LRUCache<string, Verified>({ maxSize: MAX_REMEMBERED });
  // Keys are fetched every ten minutes: no connection is kept for that.
  const dispatcher = new Agent({ pipelining: 0, connect: checkedConnector(CONNECT_TIMEOUT_MS, allowPrivate) });
  const keySetOf = (tenant: string, { issuer, jwksUrl }: TokenRules): KeySet => {
    const key = JSON.stringify([tenant, issuer, jwksUrl]);
    const onFailure = (error: unknown): void =>
      log.event('error', 'issuer_unreachable', { tenant, issuer, reason: error instanceof Error ? error.message : String(error) });
    const keySet = keySets.get(key) ?? createKeySet({ issuer, jwksUrl, dispatcher, now, onFailure });
    keySets.set(key, keySet);
    return keySet;
  };
  return {
    verifier(tenant, rules) {
      const by: Judge = { keySet: keySetOf(tenant, rules), rules, scope: JSON.stringify([tenant, rules]), verified, now };
      return (token) => (token.length > MAX_TOKEN ? Promise.resolve({ failure: 'invalid_token' }) : judge(by, token));
    },
  };
}

interface Judge {
  readonly keySet: KeySet;
  readonly rules: TokenRules;
  /** Names tenant and rules: what one policy has verified says nothing to another. */
  readonly scope: string;
  readonly verified: LRUCache<string, Verified>;
  now(): number;
}

async function judge({ keySet, rules, scope, verified, now }: Judge, token: string): Promise<TokenVerdict> {
  const keys = await keySet.current();
  if (keys === undefined) return { failure: 'unreachable' };
  const digest = createHash('sha256').update(scope).update(token).digest('base64');
  const known = verified.get(digest);
  if (known?.keys === keys && isInTime(known.claims, now())) return { claims: known.claims };
  try {
    const found = await tryKeys(keySet, keys, (some) => verify(token, some, rules, now()));
    if (found === 'unreachable') return { failure: found };
    // Its claims take about as much as its text, three times over as objects.
    verified.set(digest, { keys: found.keys, claims: found.result }, { size: 3 * token.length + digest.length });
    return { claims: found.result };
  } catch (error) {
    if (error instanceof errors.JWTExpired) return { failure: 'expired_token' };
    // TypeError and DOMException: what a key of the set or a token throws that is not what it says to be.
    if (error instanceof errors.JOSEError || error instanceof TypeError || error instanceof DOMException)
      return { failure: 'invalid_token' };
    throw error;
  }
}

/** As the verification of its signature has looked at them (RFC 7519, 4.1.4 and 4.1.5). A token that fails is verified again, which says why. */
function isInTime({ exp = 0, nbf = 0 }: JWTPayload, nowMs: number): boolean {
  const seconds = Math.floor(nowMs / 1000);
  return exp > seconds && nbf <= seconds;
}

async function verify(token: string, keys: Keys, { issuer, audience, algorithms }: TokenRules, now: number): Promise<JWTPayload> {
  const { payload, protectedHeader } = await jwtVerify(token, keys.find, {
    algorithms: [...algorithms],
    issuer,
    audience,
    currentDate: new Date(now),
    requiredClaims: ['exp', 'iss', 'aud'],
  });
  const kind = protectedHeader.typ?.toLowerCase().replace(/^application\//, '');
  const isAccessToken = kind === undefined || kind === 'jwt' || kind === 'at+jwt';
  if (!isAccessToken || payload.at_hash !== undefined || OTHER_TOKENS.has(payload.typ)) throw new errors.JWTInvalid('No access token');
  return payload;
}
