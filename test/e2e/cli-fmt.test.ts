/** `stoactl fmt` as people run it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { json } from '../helpers/cli-case.js';
import { runStoactl } from '../helpers/stack.js';

const UGLY = 'kind: Tenant\napiVersion: stoa.io/v1\nmetadata: {name:  acme}\n';
const TIDY = 'apiVersion: stoa.io/v1\nkind: Tenant\nmetadata: {name: acme}\n';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'stoactl-fmt-'));
  mkdirSync(join(root, 'manifests'));
  mkdirSync(join(root, 'production'));
  writeFileSync(join(root, 'stoa.config.yaml'), 'manifests: [manifests]\nenvironments:\n  production: {overlay: production}\n');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const run = (args: readonly string[], input?: string): ReturnType<typeof runStoactl> =>
  runStoactl(['fmt', ...args], { cwd: root, ...(input === undefined ? {} : { input }) });
const write = (file: string, text: string): void => writeFileSync(join(root, file), text);
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

it('checks, then formats the manifests and overlays of a repository, and is done the second time', async () => {
  write('manifests/a.yaml', UGLY);
  write('manifests/b.yaml', TIDY);
  write('production/a.yaml', UGLY);

  const checked = await run(['--check']);
  const untouched = read('manifests/a.yaml');
  const done = await run(['-o', 'json']);
  const mode = statSync(join(root, 'manifests/a.yaml')).mode;
  const again = await run(['--check']);

  expect(checked).toMatchObject({ exitCode: 6, stdout: 'manifests/a.yaml\nproduction/a.yaml\n2 of 3 files would be formatted.\n' });
  expect(untouched).toBe(UGLY);
  expect(json(done.stdout)).toMatchObject({ schema_version: 1, files: 3, changed: ['manifests/a.yaml', 'production/a.yaml'] });
  expect([read('manifests/a.yaml'), read('production/a.yaml')]).toEqual([TIDY, TIDY]);
  expect(mode).toBe(statSync(join(root, 'manifests/b.yaml')).mode);
  expect(again).toMatchObject({ exitCode: 0, stdout: 'Nothing to format in 3 files.\n' });
});

it('writes older spellings as they are written now, also from stdin', async () => {
  write('manifests/a.yaml', UGLY);

  const file = await run(['manifests/a.yaml', '--upgrade']);
  const stdin = await run(['-', '--upgrade'], UGLY);

  expect(file.exitCode).toBe(0);
  expect(read('manifests/a.yaml')).toBe(TIDY.replace('stoa.io/v1', 'gostoa.dev/v1beta1'));
  expect(stdin.stdout).toBe(read('manifests/a.yaml'));
});

it('writes no file when one of them is no YAML, and says where', async () => {
  write('manifests/a.yaml', UGLY);
  write('manifests/z.yaml', 'kind: [\n');

  const result = await run([]);

  expect(result.exitCode).toBe(6);
  expect(result.stderr).toMatch(/^manifests\/z\.yaml:\d+:\d+: error: /);
  expect(read('manifests/a.yaml')).toBe(UGLY);
  expect(await run(['nowhere.yaml'])).toMatchObject({ exitCode: 4 });
});
