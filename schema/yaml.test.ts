import fc from 'fast-check';
import { CORE_SCHEMA, dump, load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { isPlainlySimple } from './yaml-accept.js';
import { exactDocument } from './yaml-exact.js';
import { parseYaml } from './yaml.js';

const RUNS = 1500;

/** Texts that YAML readers are known to disagree about, and ordinary ones. */
const tricky = fc.constantFrom(
  ...[
    '012',
    '0o14',
    '0x1F',
    '-0x1F',
    '0b11',
    '1_000',
    '1e3',
    '1E-3',
    '.5',
    '5.',
    '-0',
    '+1',
    '.inf',
    '-.Inf',
    '.nan',
    '~',
    'null',
    'Null',
    'yes',
    'no',
    'on',
    'off',
    'y',
  ],
  ...[
    'true',
    'True',
    'TRUE',
    '2024-01-01',
    '2024-01-01T10:00:00Z',
    '12:30',
    '1.2.3',
    '10.0.0.1',
    '24h',
    '1e',
    '0.10',
    '99999999999999999999',
    '=',
    '<<',
    '',
    ' ',
    '#',
    'a #b',
    'a: b',
    'a:b',
  ],
  ...[
    '- a',
    '-',
    '--- a',
    '...',
    '? a',
    '*a',
    '&a',
    '!a',
    '%a',
    '@a',
    '`a',
    "it's",
    '"q"',
    '[a',
    '{a',
    'a]',
    'a, b',
    'http://x.example:8080/p?q#f',
    'Tom & Jerry',
    'é',
    '日本',
    '🙂',
    'a\tb',
    'a\nb',
    'a\n\n b\n',
  ],
);
const text = fc.oneof(tricky, fc.string({ maxLength: 12 }), fc.string({ unit: 'binary', maxLength: 6 }));
const key = fc
  .oneof(fc.stringMatching(/^[a-z][a-z_]{0,8}$/), fc.stringMatching(/^[/$][a-z/{}~$.#:-]{0,8}$/), tricky)
  .filter((name) => !['__proto__', 'constructor', 'prototype', '<<'].includes(name));
const { value: document } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    text,
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 5 }),
  ),
}));
const mapping = fc.dictionary(key, document, { minKeys: 1, maxKeys: 5 });

const writers: readonly ((value: unknown) => string)[] = [
  (value) => stringify(value),
  (value) => stringify(value, { lineWidth: 0, defaultStringType: 'QUOTE_SINGLE' }),
  (value) => stringify(value, { indentSeq: false, blockQuote: 'folded' }),
  (value) => stringify(value, { collectionStyle: 'flow' }),
  (value) => dump(value, { schema: CORE_SCHEMA, flowLevel: 2 }),
  (value) => dump(value, { schema: CORE_SCHEMA, noArrayIndent: true, lineWidth: -1 }),
  (value) => JSON.stringify(value, null, 1),
];
const written = fc.tuple(mapping, fc.constantFrom(...writers)).map(([value, write]) => write(value));

/** Fast parse of a text that is accepted; undefined when the exact one would look. */
function fast(yaml: string): { value: unknown } | undefined {
  if (!isPlainlySimple(yaml)) return undefined;
  try {
    return { value: load(yaml, { schema: CORE_SCHEMA }) };
  } catch {
    return undefined;
  }
}

/** Cuts, doubles, moves and changes parts of a text: what people and merges do to files. */
const mutated = fc
  .tuple(
    written,
    fc.array(
      fc.tuple(
        fc.nat(400),
        fc.nat(5),
        fc.constantFrom(' ', '  ', '\n', ':', '- ', '#', ',', '"', "'", '|', '\t', '&a ', '[', '}', 'x', '1'),
      ),
      { maxLength: 4 },
    ),
  )
  .map(([start, edits]) =>
    edits.reduce((yaml, [at, cut, insert]) => {
      const place = at % (yaml.length + 1);
      return yaml.slice(0, place) + (cut % 2 === 0 ? insert : '') + yaml.slice(place + cut);
    }, start),
  );

describe('the two parsers', () => {
  it.each([
    ['texts as they are written', written],
    ['texts with mistakes in them', mutated],
  ])('agree on every text that the fast one takes: %s', (_what, texts) => {
    fc.assert(
      fc.property(texts, (yaml) => {
        const quick = fast(yaml);
        if (quick === undefined) return;

        const exact = exactDocument(yaml);

        expect(exact.problems).toEqual([]);
        expect(quick.value ?? null).toEqual(exact.value ?? null);
      }),
      { numRuns: RUNS },
    );
  });

  it('are both tried: many written texts are plainly simple, and many are not', () => {
    const simple = fc.sample(written, { numRuns: 1000, seed: 1 }).filter((yaml) => fast(yaml) !== undefined);

    expect(simple.length).toBeGreaterThan(100);
    expect(simple.length).toBeLessThan(900);
  });

  it('give back what was written, whichever of them reads it', () => {
    fc.assert(
      fc.property(mapping, fc.constantFrom(...writers), (value, write) => {
        const { documents } = parseYaml(write(value));
        fc.pre(documents.every(({ problems }) => problems.length === 0));

        expect(JSON.parse(JSON.stringify(documents[0]?.value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: RUNS },
    );
  });
});

describe('the fast parse', () => {
  it('takes manifests as people write them', () => {
    const yaml = [
      '---',
      'apiVersion: gostoa.dev/v1beta1 # the language',
      'kind: API',
      'metadata: { name: payments, tenant: acme, labels: {team: "core"} }',
      'spec:',
      "  description: The customer's payments - all of them, since 2019",
      '  path: /payments',
      '  version: v1.2.3',
      '  timeout_ms: 30000',
      '  ratio: 0.5',
      '  upstream_url: https://payments.example.com:8443/base',
      '  methods: [GET, POST]',
      '  targets:',
      '    - kind: API',
      '      name: payments',
      '    - {kind: API, name: orders}',
      '  text: |',
      '    Several lines: with # anything',
      '      in them.',
      '',
      '    - and more',
      '  next: >-',
      '    folded',
      '',
      '  # a remark',
      '  last: true',
      '',
    ].join('\n');

    expect(isPlainlySimple(yaml)).toBe(true);
    expect(fast(yaml)?.value).toEqual(exactDocument(yaml).value);
  });

  it.each([
    ['an anchor', 'a: &x 1\nb: *x\n'],
    ['a tag', 'a: !!str 1\n'],
    ['a merge key', '<<: {a: 1}\n'],
    ['a tab', 'a:\tb\n'],
    ['a directive', '%YAML 1.2\n---\na: 1\n'],
    ['an octal number', 'a: 0o14\n'],
    ['a number with leading zeros', 'a: 012\n'],
    ['an exponent', 'a: 1e3\n'],
    ['a number that is too long', 'a: 12345678901234567890\n'],
    ['a date', 'a: 2024-01-01\n'],
    ['a complex key', '? a\n: b\n'],
    ['a key that is a number', '200: ok\n'],
    ['a key that is nothing', 'null: x\n'],
    ['a flow over two lines', 'a: [1,\n  2]\n'],
    ['a text over two lines', 'a: b\n  c\n'],
    ['an indented block', 'a: |2\n    b\n'],
    ['an escape', 'a: "\\u0041"\n'],
    ['a control character', 'a: \u0007\n'],
    ['a no-break space', 'a: b\u00a0c\n'],
    ['a very long line', `a: ${'x '.repeat(600)}\n`],
  ])('leaves %s to the exact one', (_what, yaml) => {
    expect(isPlainlySimple(yaml)).toBe(false);
  });
});

describe('a text of several documents', () => {
  it('keeps the line of each, and leaves empty ones out', () => {
    const { documents } = parseYaml('# head\n---\na: 1\n---\n---\n# only a remark\n---\nb: 2\n...\n---\nc: 3\n');

    expect(documents.map(({ value, lineOffset }) => [value, lineOffset])).toEqual([
      [{ a: 1 }, 1],
      [{ b: 2 }, 6],
      [{ c: 3 }, 9],
    ]);
  });

  it('reads line ends of Windows and a byte order mark', () => {
    const { documents } = parseYaml('\ufeffa: 1\r\n---\r\nb: |\r\n  x\r\n  y\r\n');

    expect(documents.map(({ value }) => value)).toEqual([{ a: 1 }, { b: 'x\ny\n' }]);
  });

  it('reports the mistakes of each without losing the others', () => {
    const { documents } = parseYaml('a: [1\n---\nb: 2\n---\nc: {\n');

    expect(documents.map(({ problems, value }) => (problems.length > 0 ? 'wrong' : value))).toEqual(['wrong', { b: 2 }, 'wrong']);
  });
});

describe('what manifests do not allow', () => {
  it.each([
    ['a duplicate key', 'a: 1\nb:\n  c: 1\n  c: 2\n', 'duplicate_key', 4, 3],
    ['a tag', 'a: 1\nb: !secret x\n', 'yaml_tag', 2, 12],
    ['a merge key', 'a: &x {k: 1}\nb:\n  <<: *x\n', 'yaml_merge', 3, 3],
    ['an unsafe key', 'a: 1\n__proto__:\n  admin: true\n', 'unsafe_key', 2, 1],
    ['an alias without anchor', 'a: *nowhere\n', 'yaml_alias', 1, 4],
    ['a number that would lose digits', 'a: 12345678901234567890\n', 'yaml_number', 1, 4],
    ['a key that is a list', '? [a]\n: 1\n', 'yaml_key', 1, 3],
    ['a quote that does not end', 'a: "b\nc: 1\n', 'yaml_syntax', 3, 1],
  ])('reports %s with its place', (_what, yaml, code, line, column) => {
    const { documents } = parseYaml(yaml);

    expect(documents[0]?.value).toBeUndefined();
    expect(documents[0]?.problems[0]).toMatchObject({ code, line, column });
  });

  it('never pollutes a prototype', () => {
    parseYaml('a: {"__proto__": {polluted: true}}\n"constructor": {prototype: {polluted: true}}\n');

    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('reads an alias, also of a whole mapping', () => {
    const { documents } = parseYaml('a: &x {k: 1}\nb: *x\n');

    expect(documents[0]?.value).toEqual({ a: { k: 1 }, b: { k: 1 } });
  });
});

describe('bounds', () => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...Array.from('bcdefghi').map(
      (name, index) =>
        `${name}: &${name} [${Array(9)
          .fill(`*${'abcdefgh'[index] ?? ''}`)
          .join(',')}]`,
    ),
  ].join('\n');

  it.each([
    ['aliases that multiply', bomb],
    ['brackets without end', '['.repeat(100_000)],
    ['mappings without end', '{a: '.repeat(50_000)],
    ['dashes without end', `${'- '.repeat(100_000)}x`],
    ['indentation without end', Array.from({ length: 2000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
    ['nested lists that are closed', `a: ${'['.repeat(500)}${']'.repeat(500)}`],
  ])('hold against %s', (_what, yaml) => {
    const started = performance.now();

    const { documents } = parseYaml(yaml);

    expect(documents[0]?.problems.length).toBeGreaterThan(0);
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('a text of too many characters or documents is not read', () => {
    const limits = { maxCharacters: 10, maxDocuments: 2 };

    expect(parseYaml('x'.repeat(11), limits).problem).toContain('at most 10');
    expect(parseYaml('a\n---\nb\n---\nc', { maxCharacters: 100, maxDocuments: 2 }).problem).toContain('at most 2');
  });

  it('a mapping of very many keys is read in a moment', () => {
    const yaml = `a: !x 1\n${Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`).join('\n')}`;

    expect(parseYaml(yaml).documents[0]?.problems).toHaveLength(1);
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(mutated, fc.string({ unit: 'binary' }), fc.string()), (yaml) => {
        const { documents } = parseYaml(yaml);

        for (const { problems } of documents) {
          // eslint-disable-next-line no-control-regex -- this is what must not be there
          for (const { message } of problems) expect(message).not.toMatch(/[\u0000-\u001f\u007f]/);
        }
      }),
      { numRuns: RUNS },
    );
  });
});
