/** Formatting: the order of the reference, comments kept, and never another meaning. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { catalog } from '../gateway/catalog.js';
import { formatManifests } from './format.js';
import { parseManifests } from './manifest.js';
import { canonicalJson } from './resource.js';

const ROOT = path.resolve(import.meta.dirname, '..');
const DATA = path.resolve(ROOT, '../shared/data/stoa');

const format = (text: string, upgrade = false): string => formatManifests(text, 'a.yaml', catalog, { upgrade }).text;

/** What a text is read as: manifests and findings, without their places. */
function meaning(text: string): string {
  const { manifests, diagnostics } = parseManifests(text, 'a.yaml');
  const plain = manifests.map(({ kind, tenant, name, labels, annotations, spec }) => ({ kind, tenant, name, labels, annotations, spec }));
  return canonicalJson([plain, diagnostics.map(({ code, message }) => `${code} ${message}`).sort()]);
}

function yamlBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /\.ya?ml$/.test(name)).map((name) => path.join(directory, name));
}

describe('formatting', () => {
  it('puts fields into the order of the reference, and takes comments and empty lines along', () => {
    const text = `# the shop's front door
kind: API
apiVersion: "gostoa.dev/v1beta1"
spec:
  upstream_url:   https://shop.example.com   # behind the VPN

  # slow on Mondays
  timeout_ms: 60000
  path: '/shop'
  methods: [ POST,GET ]
  rate_limit: {burst: 2, requests_per_minute: 10}
metadata:
    tenant: acme
    name: shop
`;

    expect(format(text)).toBe(`# the shop's front door
apiVersion: "gostoa.dev/v1beta1"
kind: API
metadata:
  name: shop
  tenant: acme
spec:
  path: '/shop'
  upstream_url: https://shop.example.com # behind the VPN
  methods: [POST, GET]
  rate_limit: {requests_per_minute: 10, burst: 2}

  # slow on Mondays
  timeout_ms: 60000
`);
  });

  it('leaves what belongs to others, empty documents, line ends and quoted texts as they are', () => {
    const others = '---\nkind:   Deployment\napiVersion: apps/v1\n---\n# nothing here\n---\n';
    const ours = 'apiVersion: gostoa.dev/v1beta1\nkind: Tenant\nmetadata: {name: acme}\nspec:\n  display_name: "A\\u202e\\te"\n';

    expect(format(others + ours)).toBe(others + ours);
    expect(format(ours.replaceAll('\n', '\r\n'))).toBe(ours.replaceAll('\n', '\r\n'));
    expect(format(`\ufeff${ours}`)).toBe(ours);
  });

  it('keeps the order of a document with aliases, where it means something', () => {
    const text =
      'kind: Consumer\napiVersion: gostoa.dev/v1beta1\nspec:\n  email: &mail a@example.com\n  display_name: *mail\nmetadata: {name: a, tenant: acme}\n';

    expect(format(text)).toBe(text);
  });

  it('finds what is no YAML, with its place, and changes nothing', () => {
    const text = 'apiVersion: gostoa.dev/v1beta1\nkind: [\n';

    const { text: same, problems } = formatManifests(text, 'a.yaml', catalog, { upgrade: true });

    expect(same).toBe(text);
    expect(problems).toMatchObject([{ code: 'yaml_syntax', source: { file: 'a.yaml', line: expect.any(Number) as number } }]);
  });
});

describe('upgrading', () => {
  it.each(['gostoa.dev/v1', 'gostoa.dev/v1alpha1', 'stoa.io/v1', 'stoa.dev/v1', '"stoa.io/v1" # old'])(
    'writes %s as it is written now',
    (version) => {
      const text = `apiVersion: ${version}\nkind: Consumer\nmetadata:\n  name: a\n  namespace: acme # ours\n`;

      const upgraded = format(text, true);

      expect(upgraded).toContain(version.startsWith('"') ? 'apiVersion: "gostoa.dev/v1beta1" # old\n' : 'apiVersion: gostoa.dev/v1beta1\n');
      expect(upgraded).toContain('  tenant: acme # ours\n');
      expect(format(text)).toBe(text);
      expect(parseManifests(upgraded, '')).toMatchObject({ diagnostics: [], manifests: [{ tenant: 'acme' }] });
    },
  );

  it('removes a namespace that says the same as the tenant, and keeps one that says something else', () => {
    const text = (namespace: string): string =>
      `apiVersion: gostoa.dev/v1beta1\nkind: Consumer\nmetadata:\n  name: a\n  tenant: acme\n  namespace: ${namespace}\n`;

    expect(format(text('acme'), true)).not.toContain('namespace');
    expect(format(text('other'), true)).toBe(text('other'));
  });
});

describe('the meaning', () => {
  const files = [...yamlBelow(path.join(ROOT, 'examples')), ...yamlBelow(path.join(ROOT, 'test/golden')), ...yamlBelow(DATA)];

  it.each(files.map((file) => [path.relative(ROOT, file), file]))('of %s stays, and the second time nothing changes', (_, file) => {
    const text = readFileSync(file, 'utf8');
    const formatted = format(text);

    expect(meaning(formatted)).toBe(meaning(text));
    expect(format(formatted)).toBe(formatted);
    expect(format(format(text, true), true)).toBe(format(text, true));
  });

  it('of the examples is written as it is formatted', () => {
    for (const file of yamlBelow(path.join(ROOT, 'examples')))
      expect(format(readFileSync(file, 'utf8')), file).toBe(readFileSync(file, 'utf8'));
  });

  it('stays for any values and any order of fields, with comments anywhere', () => {
    const word = fc.oneof(
      fc.string(),
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('yes', '~', '0x1f', '1e3', '- a', '# b', 'a: b', '${env:A:-b}', ' x ', 'a\nb\n', '*'),
    );
    const value = fc.oneof(word, fc.integer(), fc.boolean(), fc.constant(null), fc.double({ noNaN: true, noDefaultInfinity: true }));
    const spec = fc.dictionary(
      fc.constantFrom('path', 'upstream_url', 'description', 'rate_limit', 'methods', 'timeout_ms', 'circuit_breaker', 'other', 'x y'),
      fc.oneof(value, fc.array(value, { maxLength: 3 }), fc.dictionary(fc.constantFrom('burst', 'requests_per_minute', 'é'), value)),
    );
    const document = fc.record({
      spec,
      kind: fc.constantFrom('API', 'Consumer', 'Policy', 'Nothing'),
      apiVersion: fc.constantFrom('gostoa.dev/v1beta1', 'stoa.io/v1'),
      metadata: fc.record({ name: word, tenant: word, namespace: word }, { requiredKeys: ['name'] }),
    });
    const style = fc.record({
      flowLevel: fc.constantFrom(-1, 1, 2),
      lineWidth: fc.constantFrom(20, 80, -1),
      forceQuotes: fc.boolean(),
      quotingType: fc.constantFrom('"' as const, "'" as const),
    });
    const comments = fc.array(fc.nat({ max: 30 }), { maxLength: 4 });

    fc.assert(
      fc.property(
        fc.array(document, { minLength: 1, maxLength: 3 }),
        style,
        comments,
        fc.boolean(),
        (documents, options, places, upgrade) => {
          const plain = documents.map((each) => dump(each, options)).join('---\n');
          const lines = plain.split('\n');
          // A comment after a line that opens nothing and closes nothing; inside texts it changes them, and then it is part of them.
          for (const place of places) if (/^ *[a-z_]+: [\w/.]+$/i.test(lines[place] ?? '')) lines[place] = `${lines[place] ?? ''} # why`;
          const text = lines.join('\n');
          const formatted = format(text);

          expect(meaning(formatted)).toBe(meaning(text));
          expect(formatted.split('# why').length).toBe(text.split('# why').length);
          expect(format(formatted, upgrade)).toBe(format(format(formatted, upgrade), upgrade));
        },
      ),
      { numRuns: 300 },
    );
  });
});
