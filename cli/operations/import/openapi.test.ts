import fc from 'fast-check';
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { StoaError } from '../../../schema/error.js';
import { importOpenApi, type OpenApiOptions } from './openapi.js';
import { readForeign } from './source.js';

const PETS = `openapi: 3.1.0
info:
  title: Pét Störe 🐾
  description: All about pets.
servers:
  - url: /relative
  - url: https://{region}.pets.example.com/v{major}/
    variables:
      region: {default: eu}
      major: {default: 2}
  - url: https://backup.example.com
paths:
  /pets:
    get: {}
    trace: {}
  /pets/{id}:
    delete: {}
  /shared:
    $ref: other.yaml#/paths/shared
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-API-Key}
    oauth: {type: oauth2, flows: {}}
webhooks:
  newPet:
    post: {}
x-internal: true
`;

const load = (text: string, options: Partial<OpenApiOptions> = {}) =>
  importOpenApi(readForeign(text, 'pets.yaml'), { file: 'pets.yaml', tenant: 'acme', ...options });
const findingOf = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    if (error instanceof StoaError) return error.diagnostics[0];
    throw error;
  }
  return expect.fail('It was imported.');
};

describe('import openapi (CL18)', () => {
  it('keeps the document with the API when that is wanted, as it is (CL18, DP24)', () => {
    const [attached, plain] = [load(PETS, { isAttached: true }), load(PETS)].map(({ resources }) => resources[0]?.spec['openapi']);

    expect(plain).toBeUndefined();
    expect(attached).toMatchObject({ openapi: '3.1.0', paths: { '/pets': { get: {} } }, 'x-internal': true });
  });

  it('refuses to keep a document that is too large, and says how large it may be', () => {
    const large = PETS.replace('All about pets.', 'x'.repeat(600_000));

    expect(() => load(large, { isAttached: true })).toThrow('cannot be imported');
    expect(findingOf(() => load(large, { isAttached: true }))?.message).toMatch(
      /openapi: The document has \d+ bytes as JSON; at most 524288 are kept/,
    );
  });

  it('makes one API of a document', () => {
    const { resources, format } = load(PETS);

    expect(format).toBe('OpenAPI 3.1.0');
    expect(resources).toHaveLength(1);
    expect(resources[0]).toMatchObject({
      ...{ kind: 'API', tenant: 'acme', name: 'pet-store' },
      spec: {
        display_name: 'Pét Störe 🐾',
        description: 'All about pets.',
        path: '/pet-store',
        upstream_url: 'https://eu.pets.example.com/v2',
        methods: ['DELETE', 'GET', 'HEAD'],
        auth_required: true,
      },
    });
  });

  it('accounts for every item, with its place', () => {
    const { items } = load(PETS);
    const outcomes = items.map(
      ({ item, outcome, source }) => `${outcome} ${item}${source === undefined ? '' : ` ${source.line}:${source.column}`}`,
    );

    expect(outcomes.sort()).toEqual([
      'mapped info 2:1',
      'mapped paths./pets.get 14:5',
      'mapped paths./pets/{id}.delete 17:5',
      'mapped servers[1] 7:5',
      'note components.securitySchemes.key 22:5',
      'note components.securitySchemes.oauth 23:5',
      'skipped components 20:1',
      'skipped paths./pets.trace 15:5',
      'skipped paths./shared 18:3',
      'skipped servers[0] 6:5',
      'skipped servers[2] 11:5',
      'skipped webhooks.newPet 25:3',
      'skipped x-internal',
    ]);
  });

  it('takes name, path and upstream from whoever knows better, and the same document gives the same manifest', () => {
    const options = { name: 'Pets', path: '/v2/pets', upstream: 'https://other.example.com' };

    expect(load(PETS, options).resources[0]).toMatchObject({
      name: 'pets',
      spec: { path: '/v2/pets', upstream_url: 'https://other.example.com' },
    });
    expect(load(PETS, options)).toEqual(load(PETS, options));
  });

  it.each([
    ['swagger: "2.0"\ninfo: {title: x}', 'Swagger 2.0'],
    ['openapi: 4.0.0\npaths: {}', 'OpenAPI 4.0.0 is not known'],
    ['info: {title: x}', '"openapi" is missing'],
    ['openapi: 3.0.0\ninfo: {title: x}', 'no operations'],
    ['openapi: 3.1.0\nwebhooks: {a: {post: {}}}', 'no operations'],
    ['openapi: 3.0.0\npaths: {/a: {$ref: a.yaml}, /b: {$ref: b.yaml}}', '2 of its paths refer to other files'],
    ['openapi: 3.0.0\npaths: {/a: {get: {}}}', 'names no server'],
    ['openapi: 3.0.0\nservers: [{url: "wss://x.example.com"}]\npaths: {/a: {get: {}}}', 'names no server'],
    ['openapi: 3.0.0\nservers: [{url: "http://169.254.169.254"}]\npaths: {/a: {get: {}}}', 'metadata'],
    ['', 'is empty'],
    ['[1, 2]', 'is a list'],
    ['just text', 'a single value'],
    ['openapi: [3', 'not valid YAML or JSON'],
    ['openapi: 3.1.0\nopenapi: 3.1.1\ninfo: [3', 'not valid YAML or JSON'],
    ['\u0000\u0001PK', 'not UTF-8'],
  ])('%j cannot be imported: %s', (text, message) => {
    expect(findingOf(() => load(text))).toMatchObject({ message: expect.stringContaining(message), source: { file: 'pets.yaml' } });
  });

  it.each([
    ['a byte order mark and CRLF', `\ufeff${PETS.replaceAll('\n', '\r\n')}`],
    ['tabs in JSON', '{\n\t"openapi": "3.0.0",\n\t"servers": [{"url": "https://a.example.com"}],\n\t"paths": {"/a": {"get": {}}}\n}'],
    ['a key written twice', `${PETS}openapi: 3.1.0\n`],
    ['anchors and merge keys', 'openapi: 3.0.0\nx-a: &a {get: {}}\nservers: [{url: "https://a.example.com"}]\npaths:\n  /a:\n    <<: *a\n'],
    [
      'a date as a version',
      'openapi: 3.0.0\ninfo: {title: 2024-01-01, version: 2024-01-01}\nservers: [{url: "https://a.example.com"}]\npaths: {/a: {get: {}}}',
    ],
    ['no title', 'openapi: 3.0.0\ninfo: {title: "🐾"}\nservers: [{url: "https://a.example.com"}]\npaths: {/a: {get: {}}}'],
    [
      'a title of 300 characters',
      `openapi: 3.0.0\ninfo: {title: ${'long '.repeat(60)}}\nservers: [{url: "https://a.example.com"}]\npaths: {/a: {get: {}}}`,
    ],
    [
      'servers at operations alone',
      'openapi: 3.0.0\npaths: {/a: {servers: [{url: "https://a.example.com"}], get: {servers: [{url: "https://b.example.com"}]}}}',
    ],
  ])('reads a document with %s', (_what, text) => {
    expect(load(text).resources).toHaveLength(1);
  });

  it('finds the operations of a path behind a reference inside of the document, and takes no text for a variable', () => {
    const text = `openapi: 3.1.0
info: {title: Refs, description: "costs \${env:PRICE}"}
servers: [{url: "https://a.example.com"}]
paths:
  /a: {$ref: "#/components/pathItems/A"}
  /b: {$ref: "#/paths/~1b"}
components: {pathItems: {A: {patch: {}}}}
`;

    expect(load(text).resources[0]?.spec).toMatchObject({ methods: ['PATCH'], description: 'costs $${env:PRICE}' });
  });

  it('never fails in another way, whatever the document holds', () => {
    const word = fc.constantFrom(
      'openapi',
      'info',
      'title',
      'servers',
      'url',
      'variables',
      'default',
      'paths',
      '/a',
      'get',
      '$ref',
      'components',
      'securitySchemes',
      'webhooks',
      'type',
      '__proto__',
      'constructor',
    );
    const leaf = fc.oneof(
      fc.constantFrom('3.0.0', 'https://a.example.com', '{x}', '', 'https://{v}.example.com'),
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 6 }, leaf, fc.array(tie('tree'), { maxLength: 4 }), fc.dictionary(word, tie('tree'), { maxKeys: 6 })),
    }));
    fc.assert(
      fc.property(fc.dictionary(word, tree, { maxKeys: 8 }), fc.boolean(), (value, isJson) => {
        const document = { openapi: '3.0.0', servers: [{ url: 'https://a.example.com' }], ...value };
        try {
          load(isJson ? JSON.stringify(document) : dump(document));
        } catch (error) {
          expect(error).toBeInstanceOf(StoaError);
        }
      }),
      { numRuns: 400 },
    );
  });
});
