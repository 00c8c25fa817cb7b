import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildCatalog } from './catalog.js';
import { check, checkResources } from './check.js';
import { parseManifests } from './manifest.js';
import { rateLimitConfig } from './rate-limit.js';
import { readableFields } from './schema-walk.js';
import type { Resource } from './resource.js';

const catalog = buildCatalog([{ type: 'rate_limit', summary: 'Limits.', config: rateLimitConfig, example: { per_minute: 1 } }]);
const wire = (kind: string, name: string, spec: object, tenant = 'acme'): Resource => ({
  kind,
  tenant,
  name,
  labels: {},
  annotations: {},
  spec: spec as Resource['spec'],
});
const tenant = wire('Tenant', 'acme', {});

describe('a resource from the wire', () => {
  it('that has a wrong tier gets the words of the documents', () => {
    const { diagnostics, resources } = checkResources(catalog, [wire('Tenant', 'acme', { tier: 'gold' })]);

    expect(diagnostics).toMatchObject([{ path: 'tier', message: 'Invalid tier value', severity: 'error', resource: 'Tenant acme' }]);
    expect(resources).toEqual([]);
  });

  it('gets several findings at once, by REST field and without a place', () => {
    const { diagnostics } = checkResources(
      catalog,
      [wire('API', 'Not_a_name', { upstream_url: 'x', rate_limit: { requests_per_hour: '1' }, extra: 1 })],
      { known: [tenant] },
    );

    expect(diagnostics.map(({ path: field }) => field).sort()).toEqual([
      'extra',
      'name',
      'path',
      'rate_limit.requests_per_hour',
      'upstream_url',
    ]);
    expect(diagnostics.every(({ source }) => source === undefined)).toBe(true);
  });

  it('with half of a surrogate pair in a text is refused, and with a whole one taken', () => {
    const named = (display_name: string) => wire('Consumer', 'app', { display_name });

    const { diagnostics } = checkResources(catalog, [named('a\ud800')], { known: [tenant] });
    const { resources } = checkResources(catalog, [named('a\u{1f600}')], { known: [tenant] });

    expect(diagnostics).toMatchObject([{ code: 'malformed_text', path: 'display_name' }]);
    expect(resources).toHaveLength(1);
  });

  it('comes out parsed, with its defaults, sorted sets and the digests that it had', () => {
    const targets = [
      { kind: 'Tenant', name: 'acme' },
      { kind: 'API', name: 'a' },
      { kind: 'Tenant', name: 'acme' },
    ];
    const policy = { ...wire('Policy', 'p', { policy_type: 'rate_limit', config: { per_minute: 1 }, targets }), secretDigests: { x: 'd' } };

    const { resources } = checkResources(catalog, [policy], { known: [tenant, wire('API', 'a', {})] });

    expect(resources).toMatchObject([{ secretDigests: { x: 'd' }, spec: { priority: 100, targets: [targets[1], targets[0]] } }]);
  });

  it('must find what it refers to in the set or in what is known', () => {
    const subscription = wire('Subscription', 's', { api: 'a' });

    expect(
      checkResources(catalog, [tenant, wire('API', 'a', { path: '/a', upstream_url: 'https://a.example.com' }), subscription]).diagnostics,
    ).toEqual([]);
    expect(checkResources(catalog, [subscription], { known: [tenant, wire('API', 'a', {})] }).diagnostics).toEqual([]);
    expect(checkResources(catalog, [subscription], { known: [tenant] }).diagnostics).toMatchObject([
      { code: 'missing_reference', path: 'api' },
    ]);
    expect(checkResources(catalog, [subscription], { known: [wire('API', 'a', {})] }).diagnostics).toMatchObject([
      { code: 'missing_reference', path: 'tenant' },
    ]);
  });

  it('never finds what stands in another tenant', () => {
    const known = [tenant, wire('Tenant', 'other', {}, 'other'), wire('API', 'a', {}, 'other')];

    expect(checkResources(catalog, [wire('Subscription', 's', { api: 'a' })], { known }).diagnostics).toMatchObject([
      { code: 'missing_reference', path: 'api' },
    ]);
  });

  it('is not walked when it is too deep, and nothing of it is shown', () => {
    let deep: unknown = 'canary';
    for (let level = 0; level < 50_000; level++) deep = level % 2 === 0 ? [deep] : { deep };

    const { diagnostics } = checkResources(catalog, [tenant, wire('Consumer', 'c', { consumer_metadata: { deep } })]);

    expect(diagnostics.map(({ code }) => code)).toEqual(['value_limit']);
    expect(JSON.stringify(diagnostics)).not.toContain('canary');
  });

  it.each(['__proto__', 'constructor', 'prototype'])('cannot have the key %s anywhere', (key) => {
    const spec = JSON.parse(`{"consumer_metadata": {"a": [{"${key}": {"polluted": true}}]}}`) as object;

    expect(checkResources(catalog, [tenant, wire('Consumer', 'c', spec)]).diagnostics.map(({ code }) => code)).toEqual(['unsafe_key']);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('of any shape never makes the check throw, and no finding is told twice', () => {
    const anything = fc.oneof(fc.jsonValue(), fc.anything({ withNullPrototype: true }));
    const kind = fc.constantFrom(...catalog.kinds.map((definition) => definition.kind), 'Nothing');

    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            kind,
            fc.string(),
            fc.oneof(anything, fc.dictionary(fc.constantFrom('api', 'targets', 'policy_type', 'path', 'tier'), anything)),
          ),
        ),
        (entries) => {
          const { diagnostics } = checkResources(
            catalog,
            entries.map(([kind, name, spec]) => wire(kind, name, spec as object)),
          );

          const texts = diagnostics.map((diagnostic) => JSON.stringify(diagnostic));
          expect(new Set(texts).size).toBe(texts.length);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('references of a spec that is not right', () => {
  it.each(catalog.kinds.map((definition) => [definition.kind, definition] as const))(
    'are looked for without a mistake by %s',
    (_kind, definition) => {
      for (const spec of [{}, null, 5, [], { targets: 5 }, { targets: [null, 5, { name: 5 }, {}] }, { api: 5 }, { policy_type: 'no' }])
        expect(() => definition.references(readableFields(definition.spec, spec))).not.toThrow();
    },
  );
});

describe('secrets', () => {
  it('are in no message, whatever is wrong with them', () => {
    const manifests = parseManifests(
      'apiVersion: gostoa.dev/v1beta1\nkind: Webhook\nmetadata: {name: w, tenant: acme}\nspec: {url: "https://user:canary1@x.example.com", events: [x], secret_ref: canary2, secret: canary3}\n---\napiVersion: gostoa.dev/v1beta1\nkind: Consumer\nmetadata: {name: stoa_sk_0123456789abcdefghijklmnopqrstuv, tenant: acme}\nspec: {email: stoa_sk_0123456789abcdefghijklmnopqrstuv}\n',
      'a.yaml',
    );

    const { diagnostics } = check(catalog, manifests.manifests);

    expect(diagnostics.length).toBeGreaterThan(4);
    expect(JSON.stringify(diagnostics)).not.toMatch(/canary|stoa_sk_\w{10}/);
  });
});

describe('a large set', () => {
  const api = (index: number): string =>
    `---\napiVersion: gostoa.dev/v1beta1\nkind: API\nmetadata: {name: api-${index}, tenant: acme}\nspec:\n  path: /api-${index}\n  upstream_url: https://up.example.com\n`;

  it('of ten thousand resources is checked in a moment, also when every reference is wrong', () => {
    const right = Array.from({ length: 5000 }, (_, index) => api(index)).join('');
    const wrong = Array.from(
      { length: 5000 },
      (_, index) =>
        `---\napiVersion: gostoa.dev/v1beta1\nkind: Subscription\nmetadata: {name: s-${index}, tenant: acme}\nspec: {api: apx-${index}}\n`,
    ).join('');
    const started = performance.now();

    const { manifests } = parseManifests(right + wrong, 'large.yaml');
    const { resources, diagnostics } = check(catalog, manifests);

    expect(resources).toHaveLength(10_000);
    expect(diagnostics).toHaveLength(5000);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

/** Manifests of the older spellings that others wrote; they stand beside a checkout, never in it. */
const REAL = path.resolve(import.meta.dirname, '../../shared/data/stoa');

describe.skipIf(!existsSync(REAL))('manifests that others wrote', () => {
  const files = existsSync(REAL) ? readdirSync(REAL, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yaml')) : [];

  it.each(files)('%s: every finding has a place and says something', (file) => {
    const { manifests, diagnostics } = parseManifests(readFileSync(path.join(REAL, file), 'utf8'), file);

    const findings = [...diagnostics, ...check(catalog, manifests).diagnostics];

    expect(findings.length).toBeGreaterThan(0);
    for (const { source, message } of findings) {
      expect(source).toMatchObject({ file });
      expect(message).toMatch(/^.{10,}\.$/s);
    }
  });
});

it('tells a manifest whose document has more operations than become tools, and not one that names those that it needs (DP24)', () => {
  const paths = Object.fromEntries(Array.from({ length: 501 }, (_each, at) => [`/${at}`, { get: {} }]));
  const manifest = (mcp: object): string =>
    JSON.stringify({
      apiVersion: 'gostoa.dev/v1beta1',
      kind: 'API',
      metadata: { name: 'pay', tenant: 'acme' },
      spec: { path: '/pay', upstream_url: 'https://a.example.com', openapi: { openapi: '3.1.0', paths }, mcp },
    });
  const findings = (mcp: object) => check(catalog, parseManifests(manifest(mcp), 'pay.yaml').manifests, { offline: true });

  const { resources, diagnostics } = findings({ enabled: true });

  expect(diagnostics).toMatchObject([
    {
      severity: 'warning',
      code: 'too_many_operations',
      path: 'spec.openapi',
      message: expect.stringContaining('500 of its 501 operations') as string,
    },
  ]);
  expect(resources).toHaveLength(1);
  expect(findings({ operations: ['GET /1'] }).diagnostics).toEqual([]);
});
