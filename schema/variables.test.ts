import { describe, expect, it } from 'vitest';
import { buildCatalog } from './catalog.js';
import { kinds } from './kinds/index.js';
import { parseManifests, type Manifest } from './manifest.js';
import type { Resource } from './resource.js';
import { visitFields } from './schema-walk.js';
import { collectSecrets, fromVariable, resolveVariables } from './variables.js';

const sources = {
  env: (name: string) => ({ STAGE: 'prod', EMPTY: '', LONG: 'a'.repeat(10) })[name],
  file: (path: string, from: string) => (path === 'text.txt' ? `from ${from}\n` : undefined),
};

const read = (spec: string, metadata = '{name: a, tenant: acme}'): Manifest[] =>
  parseManifests(
    `apiVersion: gostoa.dev/v1beta1\nkind: Consumer\nmetadata: ${metadata}\nspec:\n${spec.replace(/^/gm, '  ')}\n`,
    'dir/a.yaml',
  ).manifests;

const resolve = (spec: string): unknown => resolveVariables(read(spec), sources).manifests[0]?.spec;

describe('variables', () => {
  it.each([
    ['x: ${env:STAGE}', { x: 'prod' }],
    ['x: a-${env:STAGE}-${env:STAGE}-b', { x: 'a-prod-prod-b' }],
    ['x: ${env:NONE:-fallback}', { x: 'fallback' }],
    ['x: "${env:NONE:-}"', { x: '' }],
    ['x: "${env:EMPTY:-fallback}"', { x: '' }],
    ['x: "${env:NONE:-http://a:80/b?c}"', { x: 'http://a:80/b?c' }],
    ['x: ${file:text.txt}', { x: 'from dir/a.yaml' }],
    ['x: $${env:STAGE}', { x: '${env:STAGE}' }],
    ['x: [1, {y: "${env:STAGE}"}, null, true]', { x: [1, { y: 'prod' }, null, true] }],
    ['x: $env:STAGE {a} $', { x: '$env:STAGE {a} $' }],
  ])('in %j give %j', (spec, expected) => {
    expect(resolve(spec)).toEqual(expected);
  });

  it('are resolved once: a value that looks like a variable stays as it is', () => {
    const manifests = read('x: ${env:TRICK}');

    const { manifests: resolved } = resolveVariables(manifests, { ...sources, env: () => '${env:SECRET} $& $1' });

    expect(resolved[0]?.spec).toEqual({ x: '${env:SECRET} $& $1' });
  });

  it('stand in names, tenants, labels and annotations too', () => {
    const [manifest] = resolveVariables(
      read('{}', '{name: "${env:STAGE}-a", tenant: "${env:STAGE}", labels: {stage: "${env:STAGE}"}}'),
      sources,
    ).manifests;

    expect(manifest).toMatchObject({ name: 'prod-a', tenant: 'prod', labels: { stage: 'prod' } });
  });

  it('that are not set are findings with their places, all of them', () => {
    const { diagnostics } = resolveVariables(read('a: ${env:NOPE}\nb: [ok, "${file:no.txt}"]\nc: ${NOPE}'), sources);

    expect(diagnostics.map(({ severity, code, source }) => [severity, code, source?.line, source?.column])).toEqual([
      ['error', 'unset_variable', 5, 6],
      ['error', 'unreadable_file', 6, 11],
      ['warning', 'unknown_variable', 7, 6],
    ]);
  });

  it.each([
    ['17', 17],
    ['true', true],
    ['{"openapi": "3.1.0", "paths": {"/a/{id}": {"$ref": "#/x"}}}', { openapi: '3.1.0', paths: { '/a/{id}': { $ref: '#/x' } } }],
    ["openapi: 3.1.0\npaths:\n  /a/{id}:\n    $ref: '#/x'\n", { openapi: '3.1.0', paths: { '/a/{id}': { $ref: '#/x' } } }],
    ['a: [\n', 'a: [\n'],
    ['a: 1\n---\nb: 2\n', 'a: 1\n---\nb: 2\n'],
  ])('that gave %j where a text does not fit are read as %j', (text, expected) => {
    expect(fromVariable({ openapi: text, other: text }, [['openapi'], ['other']], new Set(['spec.openapi']))).toEqual({
      openapi: expected,
      other: text,
    });
  });

  it('leave a manifest without any as it is', () => {
    const manifests = read('x: 1');

    expect(resolveVariables(manifests, sources).manifests[0]).toBe(manifests[0]);
  });
});

describe('secrets', () => {
  const webhook = (secret_ref: string): Resource => ({
    kind: 'Webhook',
    tenant: 'acme',
    name: 'w',
    labels: {},
    annotations: {},
    spec: { url: 'https://a.example.com', events: ['*'], secret_ref },
  });

  it('are read by resource and field, without the last line end', () => {
    const { secrets, diagnostics } = collectSecrets([webhook('file:text.txt')], [], sources);

    expect(secrets).toEqual({ 'Webhook acme/w': { secret_ref: 'from ' } });
    expect(diagnostics).toEqual([]);
  });

  it.each([
    ['env:NOPE', 'The secret "env:NOPE" is not set.'],
    ['env:EMPTY', 'The secret "env:EMPTY" is empty.'],
    ['file:no.txt', 'The secret "file:no.txt" cannot be read.'],
  ])('of %j cannot be read', (reference, message) => {
    const { secrets, diagnostics } = collectSecrets([webhook(reference)], [], sources);

    expect(secrets).toBeUndefined();
    expect(diagnostics.map((diagnostic) => diagnostic.message)).toEqual([message]);
  });

  it('are declared by the kinds that they are collected from, and by no other', () => {
    const declaring = buildCatalog([]).kinds.filter((definition) => {
      const fields: string[] = [];
      visitFields(definition.spec, undefined, definition.example, ({ traits, path }) => {
        if (traits.secretRef === true) fields.push(path.join('.'));
      });
      return fields.length > 0;
    });

    expect(declaring.every((definition) => kinds.includes(definition))).toBe(true);
    expect(declaring.map(({ kind }) => kind)).toEqual(['Webhook']);
  });
});
