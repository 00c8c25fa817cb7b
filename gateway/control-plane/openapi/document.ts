/** The OpenAPI 3.1 document, from the operations themselves (rows CV8 and CV12). */
import { endpoints } from '../endpoints.js';
import type { Endpoint } from '../http/endpoint.js';
import { buildComponents, type Components, type Node } from './components.js';
import { errorResponses, errorSchema } from './errors.js';
import { describeOperation, pathOf } from './operation.js';
import { outsidePaths } from './outside.js';

export interface DocumentOptions {
  readonly version: string;
  /** Absolute base URL of the control plane, without a slash at its end. */
  readonly publicUrl: string;
}

/** The document. The same options give the same text. */
export function buildDocument({ version, publicUrl }: DocumentOptions, operations: readonly Endpoint[] = endpoints): Node {
  const components = buildComponents(operations);
  const outside = Object.entries(outsidePaths).map(([path, item]) => [path, { servers: [{ url: publicUrl }], ...item }]);
  return {
    openapi: '3.1.0',
    info: {
      title: 'STOA Control Plane API',
      version,
      description: 'Tenants, APIs, consumers, subscriptions, keys and policies of STOA. Every address takes ids and names alike.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: `${publicUrl}/v1` }],
    security: [{ bearer: [] }],
    tags: [...new Set(operations.map(({ tag }) => tag)), 'Authentication', 'Health'].map((name) => ({ name })),
    paths: { ...pathsOf(operations, components), ...Object.fromEntries(outside) },
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'A token of the issuer; see Get an access token.' },
      },
      parameters,
      headers,
      responses: errorResponses,
      schemas: { Error: errorSchema, ...components.schemas },
    },
  };
}

function pathsOf(operations: readonly Endpoint[], components: Components): Record<string, Node> {
  const versioned = new Set(operations.flatMap(({ errors, urls }) => (errors?.includes('precondition_failed') === true ? urls : [])));
  // What is created has the address of its list and a name behind it.
  const lists = new Set([...versioned].map((url) => url.slice(0, url.lastIndexOf('/'))));
  const paths: Record<string, Node> = {};
  for (const operation of operations)
    for (const url of operation.urls)
      for (const method of operation.methods) {
        const isVersioned = versioned.has(url) || (operation.status === 201 && lists.has(url));
        const described = describeOperation({ operation, url, method, isVersioned }, components);
        paths[pathOf(url)] = { ...paths[pathOf(url)], [method.toLowerCase()]: described };
      }
  return paths;
}

const parameters = {
  tenant: { name: 'tenant', in: 'path', required: true, description: 'Id or name of the tenant.', schema: { type: 'string' } },
  idempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description: 'A repeated request with the same key gets the first answer and is not done again; kept for a day.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  },
  ifMatch: {
    name: 'If-Match',
    in: 'header',
    description: 'ETag of the version that must still be there; another one is answered 412.',
    schema: { type: 'string' },
  },
};

const header = (type: string, description: string): Node => ({ description, schema: { type } });

const headers = {
  'X-RateLimit-Limit': header('integer', 'Requests that the tier of the tenant allows in an hour.'),
  'X-RateLimit-Remaining': header('integer', 'Requests that are left.'),
  'X-RateLimit-Reset': header('integer', 'When more are allowed, in epoch seconds.'),
  'X-Request-Id': header('string', 'Id of the request, as in log and audit; yours when you send one.'),
  'Retry-After': header('integer', 'Seconds to wait.'),
  ETag: header('string', 'Version of the resource, for If-Match.'),
};
