/** Access tokens: signed and verified with one key and one algorithm, both fixed here and never taken from a token. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, errors, exportJWK, jwtVerify, SignJWT, type JWK } from 'jose';
import { LRUCache } from 'lru-cache';
import * as z from 'zod';
import { StoaError } from '../../../schema/error.js';
import type { ControlPlane, Role } from '../context.js';
import { readOrMakePrivateFile } from '../private-file.js';
import { isTokenRole } from './roles.js';

const ALGORITHM = 'ES256';
const AUDIENCE = 'stoa-control-plane';
/** Row CV5. */
export const TOKEN_SECONDS = 300;

export interface TokenRequest {
  readonly realm: string;
  readonly clientId: string;
  readonly role: Role;
  readonly scope: string;
  /** Of the only tenant that the token opens. */
  readonly tenant?: { readonly id: string; readonly name: string } | undefined;
}

/** What a valid token says. */
export interface TokenClaims {
  readonly user: string;
  readonly roles: readonly Role[];
  /** The only tenant that the token opens: by its id, or by what an external issuer calls it, id or name. */
  readonly tenant: { readonly reference: string; readonly isId: boolean } | undefined;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

export interface Tokens {
  sign(request: TokenRequest): Promise<string>;
  /** Throws `unauthorized` unless the token is one of ours, for us, and valid now. */
  verify(token: string): Promise<TokenClaims>;
  /** The public key, for the issuer's key set. */
  readonly jwk: JWK;
}

const claimsSchema = z.object({
  typ: z.literal('Bearer'),
  exp: z.int(),
  preferred_username: z.string().min(1),
  realm_access: z.object({ roles: z.array(z.string()) }),
  tenant_id: z.string().optional(),
});

/** A signing key of a file, which is made (0600) when it is not there. */
export function loadSigningKey(file: string): KeyObject {
  return createPrivateKey(readOrMakePrivateFile(file, () => newSigningKey().export({ type: 'pkcs8', format: 'pem' }).toString()));
}

/** A new signing key. */
export const newSigningKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** Signs and verifies with one key. Verified tokens are remembered by their digest until they expire. */
export async function createTokens(cp: Pick<ControlPlane, 'now' | 'publicUrl'>, privateKey: KeyObject): Promise<Tokens> {
  const publicKey = createPublicKey(privateKey);
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  const verified = new LRUCache<string, TokenClaims>({ max: 10_000 });
  return {
    jwk: { ...jwk, kid, alg: ALGORITHM, use: 'sig' },
    sign: (request) => sign(cp, privateKey, kid, request),
    verify: async (token) => {
      const digest = createHash('sha256').update(token).digest('hex');
      const known = verified.get(digest);
      if (known !== undefined && known.expiresAt > cp.now()) return known;
      const claims = await verifyToken(cp, publicKey, token);
      verified.set(digest, claims);
      return claims;
    },
  };
}

/** Claims as Keycloak writes them for a service account. */
function sign(
  { now, publicUrl }: Pick<ControlPlane, 'now' | 'publicUrl'>,
  key: KeyObject,
  kid: string,
  request: TokenRequest,
): Promise<string> {
  const { realm, clientId, role, scope, tenant } = request;
  const seconds = Math.floor(now() / 1000);
  const claims = {
    typ: 'Bearer',
    azp: clientId,
    client_id: clientId,
    preferred_username: `service-account-${clientId}`,
    realm_access: { roles: [role] },
    scope,
    ...(tenant === undefined ? {} : { tenant_id: tenant.id, tenant: tenant.name }),
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT', kid })
    .setIssuer(`${publicUrl}/realms/${realm}`)
    .setAudience(AUDIENCE)
    .setSubject(createHash('sha256').update(clientId).digest('hex').slice(0, 32))
    .setIssuedAt(seconds)
    .setNotBefore(seconds)
    .setExpirationTime(seconds + TOKEN_SECONDS)
    .setJti(randomUUID())
    .sign(key);
}

async function verifyToken(
  { now, publicUrl }: Pick<ControlPlane, 'now' | 'publicUrl'>,
  key: KeyObject,
  token: string,
): Promise<TokenClaims> {
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [ALGORITHM],
      audience: AUDIENCE,
      typ: 'JWT',
      currentDate: new Date(now()),
      requiredClaims: ['exp', 'nbf', 'iat', 'iss'],
    });
    const claims = claimsSchema.parse(payload);
    if (payload.iss?.startsWith(`${publicUrl}/realms/`) !== true)
      throw new errors.JWTClaimValidationFailed('Another issuer', payload, 'iss');
    const roles = claims.realm_access.roles.filter(isTokenRole);
    const tenant = claims.tenant_id === undefined ? undefined : { reference: claims.tenant_id, isId: true };
    return { user: claims.preferred_username, roles, tenant, expiresAt: claims.exp * 1000 };
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw new StoaError('unauthorized', 'The access token has expired.', { cause: error });
    if (error instanceof errors.JOSEError || error instanceof z.ZodError)
      throw new StoaError('unauthorized', 'The access token is not valid.', { cause: error });
    throw error;
  }
}
