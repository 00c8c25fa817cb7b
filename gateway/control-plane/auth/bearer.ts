/** Who makes a request: the bearer check before every handler below /v1. */
import type { FastifyRequest } from 'fastify';
import { StoaError } from '../../../schema/error.js';
import type { Actor, ControlPlane } from '../context.js';
import { findById } from '../resources/store.js';
import { isSameText } from './secrets.js';
import type { Tokens } from './tokens.js';

const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]{1,8192})$/i;

/** The actor of a request. Throws `unauthorized` without a valid token. */
export async function authenticate(cp: ControlPlane, tokens: Tokens, request: FastifyRequest): Promise<Actor> {
  const [, token] = BEARER.exec(request.headers.authorization ?? '') ?? [];
  if (token === undefined) throw new StoaError('unauthorized', 'An access token is needed: Authorization: Bearer TOKEN.');
  if (isSameText(token, cp.gatewayToken)) return { name: 'gateway', roles: ['gateway'], tenant: undefined, requestId: request.id };
  const { user, roles, tenantId } = await tokens.verify(token);
  return { name: user, roles, tenant: await tenantName(cp, tenantId), requestId: request.id };
}

/** Looked up each time: a tenant that is gone takes its tokens with it, also when another one has its name. */
async function tenantName({ db }: ControlPlane, id: string | undefined): Promise<string | undefined> {
  if (id === undefined) return undefined;
  const tenant = await findById(db, 'Tenant', id);
  if (tenant !== undefined) return tenant.name;
  throw new StoaError('unauthorized', 'The tenant of the access token does not exist any more.');
}
