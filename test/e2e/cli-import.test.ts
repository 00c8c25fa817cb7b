/** `stoactl import` as a person uses it, and over the real documents that lie beside some checkouts. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT, runStoactl } from '../helpers/stack.js';

const directory = mkdtempSync(path.join(tmpdir(), 'stoa-import-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const file = (name: string, text: string): string => {
  const at = path.join(directory, name);
  writeFileSync(at, text);
  return at;
};
const SPEC =
  'openapi: 3.0.0\ninfo: {title: Pets}\nservers: [{url: "https://pets.example.com"}]\npaths: {/pets: {get: {}}}\nwebhooks: {a: {post: {}}}\n';

describe('stoactl import', () => {
  it('writes manifests to stdout and the report to stderr; the manifests are valid (CL18)', async () => {
    const { exitCode, stdout, stderr } = await runStoactl(['import', 'openapi', file('pets.yaml', SPEC), '--tenant', 'acme'], {
      cwd: directory,
    });

    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/pets\.yaml:5:\d+: not imported: webhooks\.a: It is a call that the API makes/);
    expect(stderr).toContain('1 manifest from');
    expect((await runStoactl(['validate', '-f', '-'], { cwd: directory, input: stdout })).exitCode).toBe(0);
  });

  it('reads stdin, writes a directory, and replaces nothing unasked', async () => {
    const args = ['import', 'openapi', '-', '--tenant', 'acme', '--to-dir', 'out'];

    expect((await runStoactl(args, { cwd: directory, input: SPEC })).exitCode).toBe(0);
    expect(readFileSync(path.join(directory, 'out/acme/apis/pets.yaml'), 'utf8')).toContain('upstream_url: https://pets.example.com');
    expect((await runStoactl(args, { cwd: directory, input: SPEC })).exitCode).toBe(5);
    expect((await runStoactl([...args, '--force'], { cwd: directory, input: SPEC })).exitCode).toBe(0);
  });

  it('gives the whole report as JSON', async () => {
    const { stdout, stderr } = await runStoactl(['import', 'openapi', file('json.yaml', SPEC), '--tenant', 'acme', '-o', 'json'], {
      cwd: directory,
    });

    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      schema_version: 1,
      format: 'OpenAPI 3.0.0',
      resources: [{ kind: 'API' }],
      items: expect.arrayContaining([expect.objectContaining({ item: 'paths./pets.get', outcome: 'mapped', resource: 'API acme/pets' })]),
    });
  });

  it.each([
    [['import', 'openapi', 'nothing.yaml', '--tenant', 'acme'], 4],
    [['import', 'openapi', '.', '--tenant', 'acme'], 64],
    [['import', 'openapi', 'https://example.com/openapi.json', '--tenant', 'acme'], 64],
    [['import', 'openapi', 'pets.yaml'], 64],
    [['import', 'kong', 'pets.yaml', '--tenant', 'acme'], 6],
    [['import', 'postman', 'pets.yaml'], 64],
  ])('%j exits with %i and no stack', async (args, code) => {
    const { exitCode, stderr } = await runStoactl(args, { cwd: directory });

    expect([exitCode, stderr.includes('    at ')]).toEqual([code, false]);
  });

  it('imports 500 operations in 3 MB, and the report has them all', { timeout: 30_000 }, async () => {
    const paths = Object.fromEntries(
      Array.from({ length: 250 }, (_, n) => [
        `/things-${n}`,
        { get: { description: 'x'.repeat(6000) }, post: { description: 'y'.repeat(6000) } },
      ]),
    );
    const large = file(
      'large.json',
      JSON.stringify({ openapi: '3.0.0', info: { title: 'Large' }, servers: [{ url: 'https://a.example.com' }], paths }, null, 2),
    );

    const { exitCode, stdout } = await runStoactl(['import', 'openapi', large, '--tenant', 'acme', '-o', 'json'], { cwd: directory });

    expect(exitCode).toBe(0);
    expect((JSON.parse(stdout) as { items: { outcome: string }[] }).items.filter(({ outcome }) => outcome === 'mapped')).toHaveLength(502);
  });
});

const DATA = path.resolve(ROOT, '../shared/data');
const documents = ['openapi', 'kong', 'kong/history-nestjs'].flatMap((folder) =>
  existsSync(path.join(DATA, folder))
    ? readdirSync(path.join(DATA, folder))
        .filter((name) => /\.(ya?ml|json)$/.test(name))
        .map((name) => [folder.replace(/\/.*/, ''), path.join(DATA, folder, name)] as const)
    : [],
);
if (documents.length === 0) console.warn('There are no documents of others beside the checkout: they are not imported.');

describe.skipIf(documents.length === 0)('documents of others', () => {
  it.each(documents)('%s %s is imported to valid manifests, or refused with its reason', { timeout: 30_000 }, async (format, document) => {
    const { exitCode, stdout, stderr } = await runStoactl(['import', format, document, '--tenant', 'acme'], { cwd: directory });

    expect(stderr).not.toContain('    at ');
    if (exitCode !== 0) {
      expect([exitCode, stderr]).toEqual([6, expect.stringMatching(/Swagger 2\.0|no operations/)]);
      return;
    }
    expect((await runStoactl(['validate', '-f', '-'], { cwd: directory, input: stdout })).exitCode).toBe(0);
    expect((await runStoactl(['import', format, document, '--tenant', 'acme'], { cwd: directory })).stdout).toBe(stdout);
  });
});
