import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeRoute } from '../../../test/helpers/data-plane.js';
import { toolSource } from '../../../test/helpers/mcp.js';
import { pathProblem } from '../path.js';
import type { ToolRequest } from './tool-request.js';
import { toolsOf, type Tool } from './tools.js';

const offered = (fields: object): readonly Tool[] =>
  toolsOf(makeRoute({ upstreamUrl: 'https://a.example.com', tools: toolSource(fields) }));
const document = (paths: object, more: object = {}): object => ({ openapi: { openapi: '3.1.0', paths, ...more } });
const names = (paths: object): string[] => offered(document(paths)).map(({ name }) => name);
const get = (...parameters: object[]): object => ({ '/p': { get: { operationId: 'read', parameters } } });
const query = (name: string, more: object = {}): object => ({ name, in: 'query', ...more });

function request(fields: object, given: Record<string, unknown>, at = 0): ToolRequest {
  const tool = offered(fields)[at];
  if (tool === undefined) throw new Error('There is no such tool.');
  return tool.request(given);
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

    expect(tool?.definition['inputSchema']).toEqual({
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

    expect(Object.keys((tool?.definition['inputSchema'] as { properties: object }).properties)).toEqual([
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
      'Bad Name',
      'X-Region',
    ];

    const [tool] = offered(document(get(...headers.map((name) => ({ name, in: 'header', schema: { type: 'string' } })))));

    expect(Object.keys((tool?.definition['inputSchema'] as { properties: object }).properties)).toEqual(['X-Region']);
  });

  it('is bounded: a document that repeats itself without end is left open', () => {
    const nested = (depth: number): object => (depth === 0 ? {} : { anyOf: [nested(depth - 1), nested(depth - 1)] });

    const [tool] = offered(document(get(query('deep', { schema: nested(14) }))));

    expect(JSON.stringify(tool?.definition).length).toBeLessThan(200_000);
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

    expect(found.map(({ name }) => name)).toEqual(['payments_get_ok']);
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
