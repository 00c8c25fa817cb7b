/** One operation of the API as the document shows it. */
import { descriptionOf, fieldsOf, isRequired } from '../../../schema/schema-walk.js';
import { rolesWith } from '../auth/roles.js';
import type { Endpoint, Method } from '../http/endpoint.js';
import { parameterSchema, type Components, type Node } from './components.js';
import { errorAnswers } from './errors.js';

/** Where an operation is shown: of several addresses and methods each has a place of its own. */
export interface Place {
  readonly operation: Endpoint;
  readonly url: string;
  readonly method: Method;
  /** Whether what is there carries a version: GET gives an ETag. */
  readonly isVersioned: boolean;
}

/** `:tenant` as OpenAPI writes it. */
export const pathOf = (url: string): string => url.replace(/:([a-z_]+)/gi, '{$1}');

export function describeOperation(place: Place, components: Components): Node {
  const { operation, method } = place;
  const { tag, summary, right, examples } = operation;
  const roles = rolesWith(right);
  const body = components.bodyOf(operation);
  return {
    operationId: idOf(place),
    tags: [tag],
    summary,
    description: `Needs the right \`${right}\`, which these roles give: ${roles.join(', ')}.`,
    'x-stoa-right': right,
    'x-stoa-roles': roles,
    parameters: parametersOf(place),
    ...(body === undefined
      ? {}
      : { requestBody: { required: operation.bodyIsOptional !== true, content: jsonContent(body, examples?.body) } }),
    responses: { [operation.status]: successOf(place, components), ...errorAnswers(operation, method) },
  };
}

/** The first address has the operation's own id; the others say where they are, a second method its name. */
function idOf({ operation: { id, urls, methods }, url, method }: Place): string {
  const words = url.replace(/:[a-z_]+/gi, '').split(/[^a-z0-9]+/i);
  const at = url === urls[0] ? '' : `At${words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join('')}`;
  return `${id}${at}${method === methods[0] ? '' : `By${method.charAt(0)}${method.slice(1).toLowerCase()}`}`;
}

function parametersOf({ operation, url, method }: Place): Node[] {
  const known = operation.params === undefined ? {} : fieldsOf(operation.params);
  const path = [...url.matchAll(/:([a-z_]+)/gi)].map(([, name = '']): Node => {
    if (name === 'tenant') return { $ref: '#/components/parameters/tenant' };
    const schema = known?.[name];
    const about = schema === undefined ? `Id or name of the ${name}.` : descriptionOf(schema);
    return {
      name,
      in: 'path',
      required: true,
      description: about,
      schema: schema === undefined ? { type: 'string' } : parameterSchema(schema),
    };
  });
  const query = Object.entries((operation.query === undefined ? undefined : fieldsOf(operation.query)) ?? {}).map(
    ([name, schema]): Node => ({
      name,
      in: 'query',
      required: isRequired(schema),
      description: descriptionOf(schema),
      schema: parameterSchema(schema),
    }),
  );
  const headers = [
    ...(method === 'POST' ? ['idempotencyKey'] : []),
    ...(operation.errors?.includes('precondition_failed') === true ? ['ifMatch'] : []),
  ];
  return [...path, ...query, ...headers.map((name) => ({ $ref: `#/components/parameters/${name}` }))];
}

function successOf({ operation, isVersioned, method }: Place, components: Components): Node {
  const answer = components.answerOf(operation);
  const mediaTypes = Object.fromEntries((operation.mediaTypes ?? []).map((type) => [type, { schema: { type: 'string' } }]));
  const content = { ...(answer === undefined ? {} : jsonContent(answer, operation.examples?.answer)), ...mediaTypes };
  return {
    description: answer === undefined && operation.mediaTypes === undefined ? 'Done; there is no body.' : 'Done.',
    headers: { ...limitHeaders, ...(isVersioned && method !== 'DELETE' ? { ETag: { $ref: '#/components/headers/ETag' } } : {}) },
    ...(Object.keys(content).length === 0 ? {} : { content }),
  };
}

const jsonContent = (schema: Node, example: unknown): Node => ({
  'application/json': { schema, ...(example === undefined ? {} : { example }) },
});

/** On every answer to a known caller. */
export const limitHeaders: Node = Object.fromEntries(
  ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset', 'X-Request-Id'].map((name) => [
    name,
    { $ref: `#/components/headers/${name}` },
  ]),
);
