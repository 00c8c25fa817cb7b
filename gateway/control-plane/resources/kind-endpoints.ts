/** The operations that every declared kind has over REST, from its definition and what its slice shows of a resource. */
import type { FastifyReply } from 'fastify';
import * as z from 'zod';
import type { StoredResource } from '../../../schema/change.js';
import type { JsonObject, KindDefinition } from '../../../schema/kind.js';
import type { Actor, ControlPlane } from '../context.js';
import { pageOf, patchBody, resourceBody } from '../http/answers.js';
import { jsonObject } from '../http/body.js';
import { endpoint, namesTenant, tenantEndpoint, type Call, type Endpoint } from '../http/endpoint.js';
import { etagOf, expectedVersion } from '../http/etag.js';
import { listQuery, offsetOf, pageAnswer } from '../http/page.js';
import { changeResource, createResource, patchSpec, removeResource, requireResource, nameIn } from './rest.js';
import { countResources, listResources } from './store.js';

type View = Readonly<Record<string, unknown>>;

/** A kind whose resources are lived with at addresses of their own. */
export interface RestKind {
  readonly definition: KindDefinition;
  readonly tag: string;
  /** Addresses of the list; a resource has its id or name behind them. */
  readonly urls: readonly string[];
  /** One resource in an answer. */
  readonly answer: z.ZodType;
  /** Fields of a body beside those of the spec, or in their place. */
  readonly bodyFields?: z.ZodRawShape;
  readonly examples?: { readonly create?: unknown; readonly answer?: unknown; readonly change?: unknown };
  /** What answers show of resources, one by one. */
  view(cp: ControlPlane, resources: readonly StoredResource[]): Promise<readonly View[]>;
  /** Finds one; without it, by id or name in the tenant of the path. Throws `not_found`. */
  find?(cp: ControlPlane, actor: Actor, tenant: StoredResource | undefined, idOrName: string): Promise<StoredResource>;
  /** What may surprise whoever has just written one; shown in that answer alone, as `warnings`. */
  warnings?(cp: ControlPlane, resource: StoredResource): readonly string[];
  /** Turns the body of a change into a patch of the spec. */
  patch?(cp: ControlPlane, actor: Actor, resource: StoredResource, body: JsonObject): Promise<JsonObject>;
}

/** `API`, but `plan`: as a sentence has it. */
const nounOf = ({ kind }: KindDefinition): string => (kind === kind.toUpperCase() ? kind : kind.toLowerCase());
const oneOf = (definition: KindDefinition): string => `${/^[aeiou]/i.test(definition.kind) ? 'an' : 'a'} ${nounOf(definition)}`;
const capital = (word: string): string => `${word.charAt(0).toUpperCase()}${word.slice(1).toLowerCase()}`;

/** `POST` to the list. */
export function createOperation(kind: RestKind): Endpoint {
  const { definition, tag, urls, answer, bodyFields, examples } = kind;
  return tenantEndpoint({
    id: `create${capital(definition.kind)}`,
    method: 'POST',
    urls,
    tag,
    summary: `Create ${oneOf(definition)}`,
    right: 'write',
    body: jsonObject,
    documentedBody: resourceBody(definition, bodyFields),
    status: 201,
    answer,
    errors: ['conflict'],
    examples: { body: examples?.create, answer: examples?.answer },
    async handle(cp, { actor, tenant, body, reply }) {
      const { name: _name, ...spec } = body;
      const draft = { kind: definition.kind, tenant: tenant.name, name: nameIn(body), spec };
      return writtenAnswer(cp, kind, reply, await createResource(cp, actor, draft));
    },
  });
}

/** `GET` of the list. */
export function listOperation(kind: RestKind): Endpoint {
  const { definition, tag, urls, answer } = kind;
  return tenantEndpoint({
    id: `list${capital(definition.plural)}`,
    method: 'GET',
    urls,
    tag,
    summary: `List ${definition.plural === 'apis' ? 'APIs' : definition.plural}`,
    right: 'read',
    query: listQuery,
    status: 200,
    answer: pageOf(definition.plural, answer),
    async handle(cp, { tenant, query }) {
      const filter = { kind: definition.kind, tenant: tenant.name };
      const resources = await listResources(cp.db, filter, offsetOf(query), query.limit);
      return pageAnswer(definition.plural, await kind.view(cp, resources), await countResources(cp.db, filter), query);
    },
  });
}

/** `GET` of one. */
export function getOperation(kind: RestKind): Endpoint {
  const { definition, tag, answer, examples } = kind;
  const { urls, params, find } = addressOf(kind);
  return endpoint({
    id: `get${capital(definition.kind)}`,
    method: 'GET',
    urls,
    tag,
    summary: `Get ${oneOf(definition)}`,
    right: 'read',
    params,
    status: 200,
    answer,
    examples: { answer: examples?.answer },
    handle: async (cp, call) => answerWith(cp, kind, call.reply, await find(cp, call)),
  });
}

/** `PATCH` and `PUT` of one. */
export function changeOperation(kind: RestKind): Endpoint {
  const { definition, tag, answer, bodyFields, examples } = kind;
  const { urls, params, find } = addressOf(kind);
  return endpoint({
    id: `update${capital(definition.kind)}`,
    method: ['PATCH', 'PUT'],
    urls,
    tag,
    summary: `Change ${oneOf(definition)}`,
    right: 'write',
    params,
    body: jsonObject,
    documentedBody: patchBody(definition, bodyFields),
    status: 200,
    answer,
    errors: ['conflict', 'precondition_failed'],
    examples: { body: examples?.change },
    async handle(cp, call) {
      const { actor, body, request, reply } = call;
      const resource = await find(cp, call);
      const patch = (await kind.patch?.(cp, actor, resource, body)) ?? body;
      const change = (spec: JsonObject) => patchSpec({ name: resource.name, spec }, patch);
      const changed = await changeResource(cp, actor, resource, change, { expectVersion: expectedVersion(request, resource) });
      return writtenAnswer(cp, kind, reply, changed);
    },
  });
}

/** `DELETE` of one. */
export function removeOperation(kind: RestKind): Endpoint {
  const { definition, tag } = kind;
  const { urls, params, find } = addressOf(kind);
  return endpoint({
    id: `delete${capital(definition.kind)}`,
    method: 'DELETE',
    urls,
    tag,
    summary: `Delete ${oneOf(definition)}`,
    right: 'write',
    params,
    status: 204,
    errors: ['conflict', 'precondition_failed'],
    async handle(cp, call) {
      const resource = await find(cp, call);
      return removeResource(cp, call.actor, resource, expectedVersion(call.request, resource));
    },
  });
}

/** The answer that shows one resource, with its version. */
export async function answerWith(
  cp: ControlPlane,
  kind: RestKind,
  reply: FastifyReply,
  resource: StoredResource,
): Promise<View | undefined> {
  void reply.header('etag', etagOf(resource));
  const [view] = await kind.view(cp, [resource]);
  return view;
}

/** The answer to a write: the resource, and what may surprise. */
export async function writtenAnswer(
  cp: ControlPlane,
  kind: RestKind,
  reply: FastifyReply,
  resource: StoredResource,
): Promise<View | undefined> {
  const warnings = kind.warnings?.(cp, resource) ?? [];
  const view = await answerWith(cp, kind, reply, resource);
  return warnings.length === 0 ? view : { ...view, warnings };
}

type Params = Readonly<Record<string, string>>;

/** Where one resource of the kind is, and how it is found. Throws at the start when an address names no tenant and nothing else finds it. */
function addressOf({ definition, urls, find }: RestKind) {
  const parameter = definition.kind.toLowerCase();
  if (find === undefined && !urls.every(namesTenant)) throw new TypeError(`${definition.kind} cannot be found without a tenant.`);
  const params: z.ZodType<Params> = z.object({ [parameter]: z.string().describe(`Id or name of the ${nounOf(definition)}.`) });
  return {
    urls: urls.map((url) => `${url}/:${parameter}`),
    params,
    find(
      cp: ControlPlane,
      { actor, tenant, params: { [parameter]: idOrName = '' } }: Pick<Call<Params, unknown, unknown>, 'actor' | 'tenant' | 'params'>,
    ) {
      return find === undefined ? requireResource(cp.db, definition.kind, tenant?.name ?? '', idOrName) : find(cp, actor, tenant, idOrName);
    },
  };
}
