/** Documents as they should not be: whatever is broken in them, an import ends with manifests and a report or with a finding, never otherwise. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { dump, load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { StoaError } from '../../../schema/error.js';
import { importKong } from './kong.js';
import { importOpenApi } from './openapi.js';
import type { ImportResult } from './report.js';
import { isMapping, readForeign } from './source.js';

type Import = (text: string) => ImportResult;
const importers = {
  openapi: (text: string) =>
    importOpenApi(readForeign(text, 'a.yaml'), { file: 'a.yaml', tenant: 'acme', upstream: 'https://up.example.com' }),
  kong: (text: string) => importKong(readForeign(text, 'a.yaml'), { file: 'a.yaml', tenant: 'acme' }),
} satisfies Record<string, Import>;

/** Documents of others, where they lie beside the checkout. */
const DATA = join(import.meta.dirname, '../../../../shared/data');
const found = (folder: string): string[] =>
  existsSync(join(DATA, folder))
    ? readdirSync(join(DATA, folder))
        .filter((file) => /\.(ya?ml|json)$/.test(file))
        .map((file) => readFileSync(join(DATA, folder, file), 'utf8'))
    : [];

const OPENAPI = `openapi: 3.1.0
info: {title: Pets, version: "1"}
servers: [{url: "https://{host}/v1", variables: {host: {default: pets.example.com}}}]
paths:
  /pets: {get: {parameters: [{$ref: "#/components/parameters/P"}]}, post: {security: [{key: []}]}}
  /pets/{id}: {$ref: "#/components/pathItems/Pet"}
components:
  parameters: {P: {name: limit, in: query}}
  pathItems: {Pet: {delete: {}}}
  securitySchemes: {key: {type: apiKey, in: header, name: X-API-Key}}
webhooks: {born: {post: {}}}
`;
const KONG = `_format_version: "3.0"
services:
  - name: orders
    url: http://orders.internal:8080/v1
    routes: [{name: orders, paths: [/orders, "~/o/\\\\d+"], methods: [GET]}]
    plugins: [{name: rate-limiting, config: {minute: 5, policy: local}}, {name: cors, config: {origins: ["*"]}}]
consumers: [{username: app, keyauth_credentials: [{key: abc}], plugins: [{name: acl}]}]
upstreams: [{name: up, targets: [{target: "10.0.0.1:80", weight: 10}]}]
`;
const sources = { openapi: [OPENAPI, ...found('openapi')], kong: [KONG, ...found('kong')] };

/** Every place of a value, as the steps that lead to it. */
function placesOf(value: unknown, at: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  const children: readonly (readonly [string | number, unknown])[] = Array.isArray(value)
    ? value.map((each, index) => [index, each])
    : isMapping(value)
      ? Object.entries(value)
      : [];
  return [at, ...children.flatMap(([step, child]) => placesOf(child, [...at, step]))];
}

/** The value with another one at a place; undefined takes it away. */
function replaced(value: unknown, [step, ...rest]: readonly (string | number)[], by: unknown): unknown {
  if (step === undefined) return by;
  if (Array.isArray(value)) return value.map((each: unknown, index) => (index === step ? replaced(each, rest, by) : each));
  const entries = Object.entries(value as object).map(
    ([key, each]: [string, unknown]) => [key, key === step ? replaced(each, rest, by) : each] as const,
  );
  return Object.fromEntries(entries.filter(([, each]) => each !== undefined));
}

const deep = (levels: number): unknown => Array.from({ length: levels }).reduce<unknown>((inner) => ({ a: [inner] }), 1);
const odd = fc.constantFrom<unknown[]>(
  undefined,
  null,
  0,
  -1,
  1e308,
  true,
  '',
  ' ',
  '*',
  '/',
  '//',
  '#',
  '#/paths',
  '#/components',
  'x'.repeat(100_000),
  '\u0000',
  '\u202e',
  '__proto__',
  [],
  {},
  [[]],
  [null],
  { $ref: '#' },
  { $ref: '#/paths' },
  { $ref: '#/components/pathItems/Pet' },
  { $ref: 'other.yaml#/a' },
  { $ref: 5 },
  deep(200),
  { get: null },
  'https://user:pass@x.example.com',
  '2024-01-01',
);
const spelling = fc.constantFrom<((text: string) => string)[]>(
  (text) => text,
  (text) => `\ufeff${text.replaceAll('\n', '\r\n')}`,
  (text) => text.slice(0, Math.floor(text.length * 0.7)),
  (text) => `${text}\n${text}`,
  (text) => text.replaceAll('  ', '\t'),
  (text) => Buffer.from(text, 'utf16le').toString('utf8'),
);

/** Whether a document has nothing in it but its version. */
const isEmpty = (text: string): boolean =>
  Object.entries(load(text) as object).every(
    ([part, value]) => part.startsWith('_') || value === null || (Array.isArray(value) && value.length === 0),
  );

/** Nothing else than a result that accounts for all that it read, or an error for a person with its place. */
function expectAnswer(work: () => ImportResult, text?: string): void {
  try {
    const { items, resources } = work();
    if (items.length + resources.length === 0) expect(text !== undefined && isEmpty(text)).toBe(true);
    for (const { outcome, message } of items) expect([outcome, message]).toEqual([expect.any(String), expect.stringMatching(/\S/)]);
  } catch (error) {
    if (!(error instanceof StoaError)) throw error;
    expect(['validation_error', 'usage_error']).toContain(error.code);
    for (const { source, message } of error.diagnostics) expect([source?.file, message.length < 1000]).toEqual(['a.yaml', true]);
  }
}

it.each(['x', 5, { a: 1 }])('says that a part of Kong which is no list was left out: %j', (services) => {
  const { items } = importers.kong(dump({ _format_version: '3.0', services }));

  expect(items).toMatchObject([{ item: 'services', outcome: 'skipped', message: 'It is no list: nothing can be read from it.' }]);
});

describe.each(Object.entries(importers))('import %s', (name, importer) => {
  it('never crashes, whatever is at whichever place of a document', { timeout: 120_000 }, () => {
    for (const text of sources[name as keyof typeof sources]) {
      const document = load(text);
      const places = placesOf(document);
      const changes = fc.array(fc.tuple(fc.nat({ max: places.length - 1 }), odd), { minLength: 1, maxLength: 3 });
      fc.assert(
        fc.property(changes, spelling, (mutations, spell) => {
          const broken = mutations.reduce<unknown>(
            (value, [at, by]) => (isReachable(value, places[at] ?? []) ? replaced(value, places[at] ?? [], by) : value),
            document,
          );

          const spelled = spell(dump(broken ?? null, { skipInvalid: true }));
          expectAnswer(() => importer(spelled), spelled);
        }),
        { numRuns: text.length > 100_000 ? 5 : 150 },
      );
    }
  });

  it.each([
    ['references in a circle', 'openapi: 3.0.0\npaths: {/a: {$ref: "#/paths/~1b"}, /b: {$ref: "#/paths/~1a"}}'],
    ['a reference to itself', 'openapi: 3.0.0\npaths: {/a: {$ref: "#/paths/~1a"}}'],
    ['anchors that contain themselves', 'openapi: 3.0.0\npaths: &a {/a: *a}\nservices: &b [*b]'],
    [
      'anchors that grow',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 12 }, (_, n) => `b${n}: &b${n} [${`*${n === 0 ? 'a' : `b${n - 1}`},`.repeat(9)}]`).join('\n')}\nservices: *b11\nopenapi: 3.0.0\npaths: {/a: *b11}`,
    ],
    ['a hundred thousand levels', `openapi: 3.0.0\npaths: ${'['.repeat(100_000)}`],
    ['numbers for keys', 'openapi: 3.0.0\npaths: {1: {2: 3}}\nservices: {1: 2}'],
  ])('answers %s', (_what, text) => {
    expectAnswer(() => importer(text));
  });
});

const isReachable = (value: unknown, path: readonly (string | number)[]): boolean =>
  path.every((step, index) => {
    const outer = path.slice(0, index).reduce<unknown>((at, each) => (at as Record<string | number, unknown> | undefined)?.[each], value);
    return typeof outer === 'object' && outer !== null && Object.hasOwn(outer, step);
  });

it('a document of 500 operations and 3 MB is imported without being walked more than once', () => {
  const text = largeDocument(500, 6000);
  const half = largeDocument(250, 6000);
  const timed = (each: string): number => {
    const start = performance.now();
    importers.openapi(each);
    return performance.now() - start;
  };
  timed(half);

  const [one, two] = [timed(half), timed(text)];

  expect(text.length).toBeGreaterThan(3_000_000);
  expect(two).toBeLessThan(one * 5 + 200);
});

function largeDocument(operations: number, each: number): string {
  const paths = Object.fromEntries(
    Array.from({ length: operations }, (_, index) => [
      `/p${index}`,
      { get: { description: 'x'.repeat(each), parameters: [{ name: 'q', in: 'query' }] } },
    ]),
  );
  return JSON.stringify({ openapi: '3.1.0', info: { title: 'Large' }, servers: [{ url: 'https://large.example.com' }], paths }, null, 2);
}

const history = existsSync(join(DATA, 'kong/history-nestjs')) ? found('kong/history-nestjs') : [];

it.skipIf(history.length === 0)('a document that changed a little gives manifests that changed a little: names stay', () => {
  const sets = history.map(
    (text) => new Map(importers.kong(text).resources.map(({ kind, name, spec }) => [`${kind} ${name}`, JSON.stringify(spec)])),
  );
  const lines = history.map((text) => new Set(text.split('\n')));

  for (const [index, after] of sets.entries()) {
    const before = sets[index - 1];
    if (before === undefined) continue;
    const changed =
      [...after].filter(([key, spec]) => before.get(key) !== spec).length + [...before.keys()].filter((key) => !after.has(key)).length;
    const [old, now] = [lines[index - 1] ?? new Set<string>(), lines[index] ?? new Set<string>()];
    const changedLines = [...now].filter((line) => !old.has(line)).length + [...old].filter((line) => !now.has(line)).length;
    expect(changed).toBeLessThanOrEqual(Math.max(3, changedLines));
  }
});

describe('what cannot be read (CL18)', () => {
  const beginning = 'openapi: 3.0.3\ninfo: {title: S, version: "1"}\n';

  it.each([
    ['two documents', `${beginning}---\n${beginning}`, /Divide it/],
    ['a tab before a key', `${beginning}paths:\n\t/a: {}\n`, /Indent with spaces/],
    ['comments in JSON', '{\n  // the shop\n  "openapi": "3.0.3", "paths": {} }', /JSON has no comments/],
    ['a tag of a language', `${beginning}x: !!js/function "f"\n`, /Leave the tag out/],
    ['an alias of nothing', `${beginning}x: *y\n`, /Define the anchor/],
    ['a letter in another encoding, far down', `${beginning}${'# filler\n'.repeat(20_000)}x: Caf\ufffd\n`, /UTF-8/],
    ['a version that YAML takes for a number', 'openapi: 3.0\npaths: {/a: {get: {}}}\n', /in quotes/],
  ])('says what to do about %s', (_, text, hint) => {
    expect(() => importers.openapi(text)).toThrow(
      expect.objectContaining({ diagnostics: [expect.objectContaining({ hint: expect.stringMatching(hint) as string })] }),
    );
  });

  it('names the line of a letter in another encoding', () => {
    expect(() => importers.kong('_format_version: "3.0"\nx: Caf\ufffd\n')).toThrow(
      expect.objectContaining({ diagnostics: [expect.objectContaining({ source: { file: 'a.yaml', line: 2, column: 7 } })] }),
    );
  });
});
