/** Access tokens of an external OIDC issuer, such as a Keycloak (row CV7): three algorithms fixed here, keys from its key set alone. */
import { createHash } from 'node:crypto';
import { errors, jwtVerify, type JWTVerifyResult } from 'jose';
import { LRUCache } from 'lru-cache';
import * as z from 'zod';
import { StoaError } from '../../../schema/error.js';
import { createKeySet, tryKeys, type Keys, type KeySet } from '../../key-set.js';
import type { ControlPlane } from '../context.js';
import { isTokenRole } from './roles.js';
import type { TokenClaims } from './tokens.js';

/** RFC 8725, section 3.1: what a token asks for has no say. */
const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];
const MAX_REMEMBERED = 10_000;

export interface ExternalIssuerOptions {
  readonly issuer: string;
  /** What `aud` must hold; of several, one. */
  readonly audience: string | readonly string[];
  /** What the claims of a verified token come to; those of a Keycloak when absent. */
  readonly read?: ReadClaims;
}

type ReadClaims = (token: JWTVerifyResult) => TokenClaims;

const word = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}]+$/u);

const claimsSchema = z.object({
  exp: z.int(),
  // Keycloak says of each token what it is: an id token or a refresh token opens nothing.
  typ: z.literal('Bearer').optional(),
  at_hash: z.undefined().optional(),
  preferred_username: word.optional(),
  client_id: word.optional(),
  azp: word.optional(),
  sub: word.optional(),
  realm_access: z.object({ roles: z.array(z.string()).max(1000) }).optional(),
  tenant_id: word.optional(),
});

export interface ExternalIssuer {
  /** As `iss` of its tokens has it. */
  readonly issuer: string;
  /**
   * Throws `unauthorized` unless the token is valid now, `forbidden` for one that names no tenant and is not a cpi-admin's, and `service_unavailable` while
   * the issuer cannot be asked for its keys.
   */
  verify(token: string): Promise<TokenClaims>;
}

/** Verified tokens are remembered by their digest as long as the keys are those that they were verified with. */
export function createExternalIssuer(cp: Pick<ControlPlane, 'now' | 'log'>, options: ExternalIssuerOptions): ExternalIssuer {
  const { issuer } = options;
  const keySet = createKeySet({
    issuer,
    now: cp.now,
    onFailure: (error) => cp.log.error({ event: 'issuer_unreachable', issuer, err: error }),
  });
  const verified = new LRUCache<string, { readonly claims: TokenClaims; readonly keys: Keys }>({ max: MAX_REMEMBERED });
  return {
    issuer,
    async verify(token) {
      const keys = await keySet.current();
      if (keys === undefined) throw unreachable();
      const digest = createHash('sha256').update(token).digest('hex');
      const known = verified.get(digest);
      if (known !== undefined && known.keys === keys && known.claims.expiresAt > cp.now()) return known.claims;
      const found = await verifyWith(keySet, keys, (some) => check(token, some, options, cp.now()));
      verified.set(digest, found);
      return found.claims;
    },
  };
}

interface Verified {
  readonly claims: TokenClaims;
  readonly keys: Keys;
}

async function verifyWith(keySet: KeySet, keys: Keys, attempt: (keys: Keys) => Promise<TokenClaims>): Promise<Verified> {
  const found = await tryKeys(keySet, keys, attempt).catch((error: unknown) => {
    throw asAnswer(error);
  });
  if (found === 'unreachable') throw unreachable();
  return { claims: found.result, keys: found.keys };
}

async function check(
  token: string,
  keys: Keys,
  { issuer, audience, read = readClaims }: ExternalIssuerOptions,
  now: number,
): Promise<TokenClaims> {
  const verified = await jwtVerify(token, keys.find, {
    algorithms: ALGORITHMS,
    issuer,
    audience: [audience].flat(),
    currentDate: new Date(now),
    requiredClaims: ['exp', 'iss', 'aud'],
  });
  return read(verified);
}

function readClaims({ payload, protectedHeader: { typ } }: JWTVerifyResult): TokenClaims {
  const kind = typ?.toLowerCase().replace(/^application\//, '');
  if (kind !== undefined && kind !== 'jwt' && kind !== 'at+jwt') throw new errors.JWTInvalid('No access token');
  const claims = claimsSchema.parse(payload);
  const user = claims.preferred_username ?? claims.client_id ?? claims.azp ?? claims.sub;
  if (user === undefined) throw new errors.JWTInvalid('Nobody is named');
  const roles = (claims.realm_access?.roles ?? []).filter(isTokenRole);
  // Without a tenant a token would open all of them: only the platform's own role may.
  if (claims.tenant_id === undefined && !roles.includes('cpi-admin')) {
    throw new StoaError('forbidden', 'The access token names no tenant.', {
      hint: 'Give the user or client the claim "tenant_id", or the role cpi-admin.',
    });
  }
  const tenant = claims.tenant_id === undefined ? undefined : { reference: claims.tenant_id, isId: false };
  return { user, roles, tenant, expiresAt: claims.exp * 1000 };
}

function asAnswer(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new StoaError('unauthorized', 'The access token has expired.', { cause: error });
  if (error instanceof errors.JOSEError || error instanceof z.ZodError || error instanceof TypeError || error instanceof DOMException)
    return new StoaError('unauthorized', 'The access token is not valid.', { cause: error });
  return error;
}

const unreachable = (): StoaError =>
  new StoaError('service_unavailable', 'The issuer of the access token cannot be asked for its keys.', { hint: 'Try again in 30 s.' });
