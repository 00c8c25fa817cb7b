import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeRoute } from '../../../test/helpers/data-plane.js';
import { toolSource } from '../../../test/helpers/mcp.js';
import { pathProblem } from '../path.js';
import type { Mapping } from '../../../schema/operations.js';
import type { ToolRequest } from './tool-request.js';
import type { ToolSource } from './tool-source.js';
import { problemOf, toolsOf, type Tool } from './tools.js';

const fail = (error: unknown): never => {
  throw error;
};
const offered = (fields: object): readonly Tool[] => [
  ...toolsOf(makeRoute({ upstreamUrl: 'https://a.example.com', tools: toolSource(fields) }), fail).values(),
];
const definitionOf = (tool: Tool | undefined): Mapping | undefined => tool?.define()?.definition;
const document = (paths: object, more: object = {}): object => ({ openapi: { openapi: '3.1.0', paths, ...more } });
/** Names of those that a client is shown. */
const namesOf = (tools: readonly Tool[]): string[] => tools.filter((tool) => tool.define() !== undefined).map(({ name }) => name);
const names = (paths: object): string[] => namesOf(offered(document(paths)));
const get = (...parameters: object[]): object => ({ '/p': { get: { operationId: 'read', parameters } } });
const query = (name: string, more: object = {}): object => ({ name, in: 'query', ...more });

function request(fields: object, given: Record<string, unknown>, at = 0): ToolRequest {
  const made = offered(fields)[at]?.request(given);
  if (made === undefined) throw new Error('There is no such tool.');
  return made;
}

const problem = (fields: object, given: Record<string, unknown>): string => {
  try {
    return JSON.stringify(request(fields, given));
  } catch (error) {
    return (error as Error).message;
  }
};

describe('the name of a tool', () => {
  it('is the operationId, else method and path, behind the name of the API; it has plain characters only', () => {
    const found = names({
      '/a/{id}': { get: {}, put: { operationId: 'pets.replace one!' } },
      '/b': { get: { operationId: 'ünï' } },
    });

    expect(found).toEqual(['payments_get_a_id', 'payments_n', 'payments_pets_replace_one']);
  });

  it('stays what it is when others come and go, also where two would share it', () => {
    const shared = { '/a': { get: { operationId: 'read' } }, '/b': { get: { operationId: 'read' } } };

    const [one, two] = [names(shared), names({ '/c': { get: {} }, ...shared })];

    expect(one).toHaveLength(2);
    expect(new Set(one).size).toBe(2);
    expect(two).toEqual(expect.arrayContaining(one));
  });

  it('has at most 64 characters, whatever the document says', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' }), { maxLength: 5 }), (ids) => {
        const found = names(Object.fromEntries(ids.map((id, index) => [`/${index}`, { get: { operationId: id } }])));

        expect(found).toHaveLength(ids.length);
        expect(new Set(found).size).toBe(ids.length);
        for (const name of found) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
      }),
    );
  });
});

describe('what a tool takes', () => {
  it('is told with named schemas once, without what only answers hold, in the words of JSON Schema', () => {
    const [tool] = offered(
      document(
        { '/p': { post: { operationId: 'add', requestBody: { $ref: '#/components/requestBodies/Add' } } } },
        {
          openapi: '3.0.3',
          components: {
            requestBodies: { Add: { required: true, content: { 'application/json': { schema: { $ref: '#/components/schemas/Node' } } } } },
            schemas: {
              Node: {
                type: 'object',
                required: ['id', 'size'],
                properties: {
                  id: { type: 'string', readOnly: true },
                  size: { type: 'integer', minimum: 0, exclusiveMinimum: true, nullable: true, example: 3 },
                  child: { $ref: '#/components/schemas/Node' },
                  elsewhere: { $ref: 'https://evil.example/schema.json' },
                },
              },
            },
          },
        },
      ),
    );

    expect(definitionOf(tool)?.['inputSchema']).toEqual({
      type: 'object',
      properties: { body: { $ref: '#/$defs/Node' } },
      required: ['body'],
      additionalProperties: false,
      $defs: {
        Node: {
          type: 'object',
          required: ['size'],
          properties: {
            size: { type: ['integer', 'null'], exclusiveMinimum: 0 },
            child: { $ref: '#/$defs/Node' },
            elsewhere: {},
          },
        },
      },
    });
  });

  it('has an argument for each parameter, under a name that model providers take', () => {
    const [tool] = offered(document(get(query('filter[name]'), query('id'), { name: 'id', in: 'header' }, query('body'))));

    expect(Object.keys((definitionOf(tool)?.['inputSchema'] as { properties: object }).properties)).toEqual([
      'filter_name_',
      'id',
      'id_header',
      'body_query',
    ]);
  });

  it('has no header that says who calls or how a message is framed', () => {
    const headers = [
      'X-API-Key',
      'Authorization',
      'Host',
      'Content-Length',
      'Transfer-Encoding',
      'Connection',
      'Cookie',
      'X-Forwarded-For',
      'X-Consumer-Id',
      'X_Api_Key',
      'Via',
      'User-Agent',
      'x-region',
      'Bad Name',
      'X-Region',
    ];

    const [tool] = offered(document(get(...headers.map((name) => ({ name, in: 'header', schema: { type: 'string' } })))));

    expect(Object.keys((definitionOf(tool)?.['inputSchema'] as { properties: object }).properties)).toEqual(['X-Region']);
  });

  it('is bounded: a document that repeats itself without end is left open', () => {
    const nested = (depth: number): object => (depth === 0 ? {} : { anyOf: [nested(depth - 1), nested(depth - 1)] });

    const [tool] = offered(document(get(query('deep', { schema: nested(14) }))));

    expect(JSON.stringify(definitionOf(tool)).length).toBeLessThan(200_000);
  });

  it('leaves out operations that need what cannot be given, and methods that the API does not take', () => {
    const found = offered({
      ...document({
        '/upload': { post: { requestBody: { required: true, content: { 'multipart/form-data': {} } } } },
        '/cookie': { get: { parameters: [{ name: 'sid', in: 'cookie', required: true }] } },
        '/broken': { $ref: '#/paths/~1nowhere' },
        '/ok': { get: {}, delete: {} },
      }),
      methods: ['GET', 'POST'],
    });

    expect(namesOf(found)).toEqual(['payments_get_ok']);
    expect(found.filter((tool) => tool.request({}) !== undefined).map(({ name }) => name)).toEqual(['payments_get_ok']);
  });
});

describe('a document that was made to hold the gateway up', () => {
  const body = (schema: object): object => ({ requestBody: { content: { 'application/json': { schema } } } });
  const many = (count: number, item: object): object => Object.fromEntries(Array.from({ length: count }, (_each, at) => [`/${at}`, item]));
  const source = (fields: object): ToolSource => toolSource(document({}, fields));

  it('becomes 500 tools at most, and the problem says so', () => {
    const paths = many(2000, { get: {} });

    expect(offered(document(paths))).toHaveLength(500);
    expect(problemOf(source({ paths }))).toMatch(/500 of its 2000 operations/);
    expect(problemOf(source({ paths: many(20, { get: {} }) }))).toBeUndefined();
    expect(problemOf({ ...source({ paths }), mcp: { enabled: true, operations: ['GET /1'] } })).toBeUndefined();
    expect(problemOf({ ...source({ paths }), mcp: { enabled: false } })).toBeUndefined();
    expect(problemOf(source({ paths: many(20_000, { get: {} }) }))).toMatch(/500 of its 5000 operations/);
  });

  it('is read for a tool that is listed, and no more of it than a client could read', () => {
    const schemas = { Wide: { anyOf: Array.from({ length: 40_000 }, () => true) }, Long: { type: 'string', default: 'x'.repeat(200_000) } };
    const wide = body({ $ref: '#/components/schemas/Wide' });
    const long = body({ $ref: '#/components/schemas/Long' });

    const tools = offered(document(many(400, { post: wide, put: long }), { components: { schemas } }));
    const texts = tools.slice(0, 3).map((tool) => JSON.stringify(definitionOf(tool)));

    expect(tools).toHaveLength(500);
    for (const text of texts) expect(text.length).toBeLessThan(70_000);
    expect(JSON.stringify(definitionOf(tools[1]))).not.toContain('xxxx');
  });

  it('leaves open what is nested deeper than anybody reads: a chain of references does not end the stack', () => {
    const schemas = Object.fromEntries(
      Array.from({ length: 3000 }, (_each, at) => [`S${at}`, { items: { $ref: `#/components/schemas/S${at + 1}` } }]),
    );
    const paths = { '/p': { post: body({ $ref: '#/components/schemas/S0' }) } };

    const [tool] = offered(document(paths, { components: { schemas } }));

    expect(JSON.stringify(definitionOf(tool))).toContain('{}');
  });

  it('is named in linear time, whatever its operationIds are: the square would not end in time', { timeout: 10_000 }, () => {
    const found = names({ '/p': { get: { operationId: `${'_'.repeat(250_000)}a${'_'.repeat(250_000)}b` } } });

    expect(found[0]).toMatch(/^payments_get_p/);
  });

  it('loses an operation with more parameters than one may have, or a path that no request has', () => {
    const parameters = Array.from({ length: 101 }, (_each, at) => query(`q${at}`));

    expect(names({ '/a': { get: { parameters } }, '/b\ud800': { get: {} }, '/c': { get: {} } })).toEqual(['payments_get_c']);
  });
});

describe('the request of a tool', () => {
  it.each([
    ['a list', query('s'), { s: ['a', 'b&c'] }, '?s=a&s=b%26c'],
    ['a list in one', query('s', { explode: false }), { s: ['a', 'b,c'] }, '?s=a,b%2Cc'],
    ['a list between bars', query('s', { style: 'pipeDelimited' }), { s: ['a', 'b'] }, '?s=a%7Cb'],
    ['a mapping', query('s'), { s: { x: 1, y: true } }, '?x=1&y=true'],
    ['a deep mapping', query('s', { style: 'deepObject' }), { s: { x: 1 } }, '?s%5Bx%5D=1'],
    ['JSON', query('s', { content: { 'application/json': {} } }), { s: { x: [1] } }, '?s=%7B%22x%22%3A%5B1%5D%7D'],
    ['nothing', query('s'), {}, ''],
    ['null', query('s'), { s: null }, ''],
  ])('writes %s as the document wants it', (_what, parameter, given, expected) => {
    expect(request(document(get(parameter)), given).query).toBe(expected);
  });

  it('writes forms and texts as well as JSON', () => {
    const of = (mediaType: string): object => document({ '/p': { post: { requestBody: { content: { [mediaType]: {} } } } } });

    const bodies = [
      request(of('application/vnd.api+json'), { body: { a: [1] } }),
      request(of('application/x-www-form-urlencoded'), { body: { a: 'x y', b: ['1', '2'] } }),
      request(of('text/csv'), { body: 'a,b' }),
      request(of('text/csv'), {}),
    ].map(({ body }) => body);

    expect(bodies).toEqual([
      { text: '{"a":[1]}', mediaType: 'application/vnd.api+json' },
      { text: 'a=x%20y&b=1&b=2', mediaType: 'application/x-www-form-urlencoded' },
      { text: 'a,b', mediaType: 'text/csv' },
      undefined,
    ]);
  });

  it('sends a method of an API without a document to any path below it', () => {
    const [all, read] = [offered({}), offered({ methods: ['GET', 'HEAD', 'OPTIONS'] })];

    expect(all.map(({ name }) => name)).toEqual(['delete', 'get', 'patch', 'post', 'put'].map((method) => `payments_${method}`));
    expect(read.map(({ name }) => name)).toEqual(['payments_get']);
    expect(request({}, { path: '/17/a b', query: { q: ['1', '2'], body: 'x' } }, 1)).toMatchObject({
      path: '/17/a%20b',
      query: '?q=1&q=2&body=x',
    });
    expect(request({}, { path: '17', body: [1] }, 3)).toMatchObject({ path: '/17', body: { text: '[1]' } });
  });
});

describe('arguments (path traversal, request splitting, header injection)', () => {
  const item = document({
    '/p/{id}/x': {
      get: {
        parameters: [
          { name: 'id', in: 'path' },
          { name: 'X-Region', in: 'header' },
        ],
      },
    },
  });

  it.each([
    ['a dot segment', { id: '..' }, /not accepted/],
    ['a slash', { id: 'a/../../admin' }, /not accepted/],
    ['a backslash', { id: 'a\\b' }, /not accepted/],
    ['an escape of its own', { id: '%2e%2e' }, /not accepted/],
    ['a line break', { id: 'a\r\nX-Admin: 1' }, /not accepted/],
    ['nothing', { id: '' }, /is empty/],
    ['a mapping in a list', { id: [{}] }, /a text, a number or a boolean/],
    ['half of a character', { id: '\ud800' }, /half of a character/],
    ['a second header', { id: '1', 'X-Region': 'eu\r\nX-API-Key: stolen' }, /printable ASCII/],
    ['an endless header', { id: '1', 'X-Region': 'x'.repeat(5000) }, /printable ASCII/],
    ['what the tool does not know', { id: '1', __proto__x: 1 }, /There is no argument/],
  ])('with %s make no request', (_what, given, expected) => {
    expect(problem(item, given)).toMatch(expected);
  });

  it('never leave the place that they are for: the path has as many segments, the query as many parameters, and both are canonical', () => {
    const operation = document({ '/p/{id}/x': { get: { parameters: [{ name: 'id', in: 'path' }, query('q')] } } });
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (id, q) => {
        let made: ToolRequest;
        try {
          made = request(operation, { id, q });
        } catch (error) {
          expect((error as Error).constructor.name).toBe('ArgumentError');
          return;
        }
        expect(pathProblem(made.path)).toBeUndefined();
        expect(made.path.split('/')).toHaveLength(4);
        expect(decodeURIComponent(made.path.split('/')[2] ?? '')).toBe(id);
        expect([...new URLSearchParams(made.query)]).toEqual([['q', q]]);
        expect(made.query).toMatch(/^\?[!-~]*$/);
      }),
    );
  });

  it('of an API without a document stay below its address', () => {
    const paths = ['/../x', '/a//b', '//evil.example/', 'https://evil.example/', '/a/%2e%2e/b', '/a?admin=1', '/a#b', '/a;b'];

    const made = paths.map((path) => problem({ methods: ['GET'] }, { path }));

    expect(made.map((text) => (text.startsWith('{') ? (JSON.parse(text) as ToolRequest).path : 'refused'))).toEqual([
      ...['refused', 'refused', 'refused', 'refused', 'refused'],
      ...['/a%3Fadmin%3D1', '/a%23b', '/a%3Bb'],
    ]);
  });
});
