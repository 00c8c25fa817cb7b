/**
 * One operation of the API as a value: its addresses, who may call it, what it takes and what it answers. Routes, checks of input and of rights, the
 * OpenAPI document and the tables of rights all follow from it.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import type * as z from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import { requireRight, type Right } from '../auth/roles.js';
import type { Actor, ControlPlane } from '../context.js';
import { requireTenant, requireTenantEver } from '../tenants/access.js';
import { parse } from './parse.js';
import './actor.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What a handler is given. Everything in it was checked. */
export interface Call<Params, Query, Body> {
  readonly actor: Actor;
  /** The tenant that the path names, as far as the actor sees it; undefined where the path names none. */
  readonly tenant: StoredResource | undefined;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** A call of an address that names a tenant. */
export type TenantCall<Params, Query, Body> = Call<Params, Query, Body> & { readonly tenant: StoredResource };

interface Examples {
  /** Printed in the OpenAPI document; tested against the schemas. */
  readonly body?: unknown;
  readonly answer?: unknown;
}

export interface Endpoint<Params = unknown, Query = unknown, Body = unknown> {
  /** The operation id of the OpenAPI document: `createTenant`. Unique. */
  readonly id: string;
  readonly methods: readonly Method[];
  /** Addresses below /v1, all answered alike; the one to prefer first. `:tenant` takes an id or a name. */
  readonly urls: readonly string[];
  /** The heading under which it is documented. */
  readonly tag: string;
  readonly summary: string;
  readonly right: Right;
  /** Whether those of the platform may name a tenant that is gone: what is told of it outlives it. */
  readonly outlivesTenant?: true;
  /** Parameters of the path beside `:tenant`. */
  readonly params?: z.ZodType<Params>;
  readonly query?: z.ZodType<Query>;
  readonly body?: z.ZodType<Body>;
  /** What `body` is in the documentation, where the check of its fields is somebody else's: the definition of a kind, say. */
  readonly documentedBody?: z.ZodType;
  /** True where a request without a body is fine. */
  readonly bodyIsOptional?: boolean;
  readonly status: 200 | 201 | 202 | 204;
  /** The body of a success; absent with 204, and where it is no JSON. */
  readonly answer?: z.ZodType;
  /** Media type of a success, where it is not JSON. */
  readonly mediaTypes?: readonly string[];
  /** Codes of the errors that are particular to it, beside those that every operation may answer. */
  readonly errors?: readonly ('conflict' | 'not_found' | 'precondition_failed' | 'guard_refused' | 'payload_too_large')[];
  readonly examples?: Examples;
  /** Options of the server for its route. */
  readonly route?: Pick<RouteOptions, 'bodyLimit' | 'preParsing'>;
  handle(cp: ControlPlane, call: Call<Params, Query, Body>): Promise<unknown>;
}

type Definition<Params, Query, Body> = Omit<Endpoint<Params, Query, Body>, 'methods' | 'handle'> & {
  readonly method: Method | readonly Method[];
};

/** Freezes an operation whose addresses may leave the tenant out. Outside of its file its types are unknown. */
export function endpoint<Params, Query, Body>(
  definition: Definition<Params, Query, Body> & { handle(cp: ControlPlane, call: Call<Params, Query, Body>): Promise<unknown> },
): Endpoint {
  const { method, ...rest } = definition;
  // The one cast of the seam: `addEndpoint` hands a handler only what its own schemas have made.
  return Object.freeze({ ...rest, methods: [method].flat() });
}

/** Freezes an operation of one tenant: every address names it. Throws at the start when one does not. */
export function tenantEndpoint<Params, Query, Body>(
  definition: Definition<Params, Query, Body> & { handle(cp: ControlPlane, call: TenantCall<Params, Query, Body>): Promise<unknown> },
): Endpoint {
  const stray = definition.urls.find((url) => !namesTenant(url));
  if (stray !== undefined) throw new TypeError(`${definition.id}: ${stray} names no tenant.`);
  return endpoint(definition);
}

/** Whether an address has a tenant in it. */
export const namesTenant = (url: string): boolean => url.split('/').includes(':tenant');

/** Adds the routes of an operation. */
export function addEndpoint(app: FastifyInstance, cp: ControlPlane, operation: Endpoint): void {
  for (const url of operation.urls) {
    app.route({
      method: [...operation.methods],
      url,
      ...operation.route,
      handler: async (request, reply) => {
        const answer = await operation.handle(cp, await callOf(cp, operation, request, reply));
        if (reply.sent) return reply;
        return reply.code(operation.status).send(answer);
      },
    });
  }
}

async function callOf(
  cp: ControlPlane,
  operation: Endpoint,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Call<unknown, unknown, unknown>> {
  const { actor } = request;
  const { tenant: named, ...params } = request.params as Readonly<Record<string, string>>;
  // A foreign tenant is as absent as one that never was; in a tenant of one's own the right comes before any look at what is there.
  const find = operation.outlivesTenant === true ? requireTenantEver : requireTenant;
  const tenant = named === undefined ? undefined : await find(cp.db, actor, named);
  requireRight(actor, operation.right);
  return {
    actor,
    tenant,
    params: operation.params === undefined ? params : parse(operation.params, params),
    query: operation.query === undefined ? undefined : parse(operation.query, request.query),
    body: operation.body === undefined ? undefined : parse(operation.body, request.body),
    request,
    reply,
  };
}
