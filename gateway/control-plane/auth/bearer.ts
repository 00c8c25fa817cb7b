/** Who makes a request: the bearer check before every handler below /v1. */
import type { FastifyRequest } from 'fastify';
import type { StoredResource } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import type { Actor, ControlPlane } from '../context.js';
import { findById, findTenant } from '../resources/store.js';
import { suspensionsOf } from '../tenants/store.js';
import { isSameText } from './secrets.js';
import type { TokenClaims } from './tokens.js';
import type { Verifier } from './verifier.js';

const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]{1,8192})$/i;

export interface Caller {
  readonly actor: Actor;
  /** The only tenant that the actor may see; undefined for those of the platform. */
  readonly tenant: StoredResource | undefined;
}

/** Who makes a request. Throws `unauthorized` without a valid token. */
export async function authenticate(cp: ControlPlane, tokens: Verifier, request: FastifyRequest): Promise<Caller> {
  const [, token] = BEARER.exec(request.headers.authorization ?? '') ?? [];
  if (token === undefined) throw new StoaError('unauthorized', 'An access token is needed: Authorization: Bearer TOKEN.');
  if (isSameText(token, cp.gatewayToken))
    return { actor: { name: 'gateway', roles: ['gateway'], tenant: undefined, requestId: request.id }, tenant: undefined };
  const { user, roles, tenant: named } = await tokens.verify(token);
  const tenant = named === undefined ? undefined : await tenantOf(cp, named);
  if (tenant === undefined) return { actor: { name: user, roles, tenant: undefined, requestId: request.id }, tenant };
  const isSuspended = (await suspensionsOf(cp.db, [tenant.id])).size > 0;
  return { actor: { name: user, roles, tenant: tenant.name, tenantId: tenant.id, isSuspended, requestId: request.id }, tenant };
}

/** Looked up each time: a tenant that is gone takes its tokens with it, also when another one has its name. */
async function tenantOf({ db }: ControlPlane, { reference, isId }: NonNullable<TokenClaims['tenant']>): Promise<StoredResource> {
  const tenant = isId ? await findById(db, 'Tenant', reference) : await findTenant(db, reference);
  if (tenant !== undefined) return tenant;
  throw new StoaError('unauthorized', 'The tenant of the access token does not exist any more.');
}
