/** `stoactl ci init`, and the action of this repository: what they write and run, on a real stack and with a stand-in for GitHub and GitLab. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parsePipelines } from '../../schema/pipelines.js';
import { startForge, type Forge } from '../helpers/forge.js';
import { jobsOf, runJob, type Step } from '../helpers/pipeline.js';
import { ROOT, runStoactl, startStack, type TestStack } from '../helpers/stack.js';

const GITOPS = join(ROOT, 'examples', 'gitops');
const WRITTEN = {
  github: ['.github/workflows/stoa.yml', '.github/workflows/stoa-drift.yml', '.github/workflows/stoa-rotate.yml'],
  gitlab: ['.gitlab-ci.yml'],
};
const read = (directory: string, file: string): string => readFileSync(join(directory, file), 'utf8');

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'stoa-ci-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** The manifests of the GitOps example, without its pipelines. */
function copy(): string {
  const directory = mkdtempSync(join(work, 'copy-'));
  for (const part of ['stoa.config.yaml', 'manifests', 'tests']) cpSync(join(GITOPS, part), join(directory, part), { recursive: true });
  return directory;
}

describe.each(['github', 'gitlab'] as const)('stoactl ci init %s', (system) => {
  it('writes the pipelines that the GitOps example shows, and its test runs', async () => {
    const directory = copy();

    const { exitCode, stdout } = await runStoactl(['ci', 'init', system, '--rotate', 'northwind/web-shop-orders', '-o', 'json'], {
      cwd: directory,
    });

    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ schema_version: 1, system, files: WRITTEN[system], secrets: ['STOA_CLIENT_SECRET'] });
    for (const file of WRITTEN[system]) expect(read(directory, file)).toBe(read(GITOPS, file));
  });

  it('writes pipelines without a secret with --oidc, and the rules that let them in', async () => {
    const directory = copy();

    const { stdout } = await runStoactl(['ci', 'init', system, '--oidc', '--rotate', 'northwind/web-shop-orders', '-o', 'json'], {
      cwd: directory,
    });

    const written = JSON.parse(stdout) as { variables: string[]; secrets: string[]; pipelines: string };
    expect(written.secrets).toEqual([]);
    expect(written.variables).toEqual(['STOACTL_PACKAGE', 'STOA_API_URL', 'ORDERS_URL']);
    expect(parsePipelines(written.pipelines.replaceAll('TENANT', 'northwind'), 'rules').map(({ role }) => role)).toEqual([
      'devops',
      'viewer',
    ]);
    for (const file of WRITTEN[system]) {
      const text = read(directory, file);
      const { jobs = {}, ...rest } = parse(text) as { jobs?: Record<string, { permissions: object }>; '.stoactl'?: object };
      expect(text).not.toMatch(/STOA_(CLIENT|AUTH)/);
      for (const { permissions } of Object.values(jobs)) expect(permissions).toMatchObject({ contents: 'read', 'id-token': 'write' });
      if (system === 'gitlab') expect(rest['.stoactl']).toMatchObject({ id_tokens: { STOA_TOKEN: { aud: '$STOA_API_URL' } } });
      else expect(Object.keys(jobs).length).toBeGreaterThan(0);
    }
  });

  it('names what is in the way, and writes nothing', async () => {
    const directory = copy();
    const file = WRITTEN[system].at(-1) ?? '';
    await runStoactl(['ci', 'init', system, '--rotate', 'northwind/web-shop-orders'], { cwd: directory });
    for (const other of WRITTEN[system].slice(0, -1)) rmSync(join(directory, other));
    writeFileSync(join(directory, file), 'mine\n');

    const { exitCode, stderr } = await runStoactl(['ci', 'init', system, '--rotate', 'northwind/web-shop-orders'], { cwd: directory });

    expect([exitCode, stderr]).toEqual([5, expect.stringContaining(`Already there: ${file}.`)]);
    expect(WRITTEN[system].filter((name) => existsSync(join(directory, name)))).toEqual([file]);
    expect(read(directory, file)).toBe('mine\n');
  });
});

it('takes no name that could be a command, and keeps a default that is hard to quote', async () => {
  const directory = copy();
  const file = join(directory, 'manifests', 'orders.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('Orders of the web shop.', "${env:ABOUT:-Bob's: 7 # orders}"));

  const refused = await runStoactl(['ci', 'init', 'github', '--rotate', 'a/b; rm -rf /'], { cwd: directory });
  await runStoactl(['ci', 'init', 'github'], { cwd: directory });
  const { env } = parse(read(directory, WRITTEN.github[0] ?? '')) as { env: Record<string, string> };

  expect([refused.exitCode, refused.stderr]).toEqual([64, expect.stringContaining('names no subscription')]);
  expect(env['ABOUT']).toBe("${{ vars.ABOUT || 'Bob''s: 7 # orders' }}");
});

it('begins where there is a stoa.config.yaml', async () => {
  const { exitCode, stderr } = await runStoactl(['ci', 'init', 'github'], { cwd: mkdtempSync(join(work, 'empty-')) });

  expect([exitCode, stderr]).toEqual([64, expect.stringContaining('There is no stoa.config.yaml here or above.')]);
});

describe('a new repository', { timeout: 240_000 }, () => {
  let stack: TestStack;
  let forge: Forge;
  let shop: string;

  beforeAll(async () => {
    await runStoactl(['init', 'shop'], { cwd: work });
    shop = join(work, 'shop');
    writeFileSync(
      join(shop, 'manifests', 'webhook.yaml'),
      'apiVersion: gostoa.dev/v1beta1\nkind: Webhook\nmetadata: { name: hook, tenant: shop }\nspec: { url: https://hooks.example.com/x, events: ["*"], secret_ref: env:HOOK_SECRET }\n',
    );
    const empty = mkdtempSync(join(work, 'empty-'));
    writeFileSync(join(empty, 'stoa.config.yaml'), 'project: nothing\nmanifests: [nothing.yaml]\n');
    writeFileSync(join(empty, 'nothing.yaml'), '');
    stack = await startStack({ cwd: empty });
    forge = await startForge();
  });
  afterAll(async () => {
    forge.stop();
    await stack.stop();
  });

  const run = (steps: readonly Step[] | undefined, system: 'github' | 'gitlab', env: Readonly<Record<string, string>> = {}) =>
    runJob(steps, shop, { ...stack.env, ...forge[system], STOACTL_PACKAGE: 'stoactl.tgz', HOOK_SECRET: 'hook-secret-canary', ...env });

  it('has pipelines that check, apply and find no drift, with its own variables and without a rotation (CL12)', async () => {
    const written = await Promise.all(['github', 'gitlab'].map((system) => runStoactl(['ci', 'init', system], { cwd: shop })));
    const github = { ...jobsOf(join(shop, WRITTEN.github[0] ?? '')), ...jobsOf(join(shop, WRITTEN.github[1] ?? '')) };
    const gitlab = jobsOf(join(shop, '.gitlab-ci.yml'));

    expect(written.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(written[0]?.stdout).toContain('secrets    STOA_CLIENT_SECRET, HOOK_SECRET\n');
    expect(read(shop, WRITTEN.github[0] ?? '')).toContain(
      "  STOA_ECHO_URL: ${{ vars.STOA_ECHO_URL || 'http://127.0.0.1:3999' }}\n  HOOK_SECRET: ${{ secrets.HOOK_SECRET }}\n\njobs:",
    );
    expect(existsSync(join(shop, '.github/workflows/stoa-rotate.yml'))).toBe(false);
    expect([Object.keys(github), Object.keys(gitlab)]).toEqual([
      ['check', 'apply', 'drift'],
      ['validate', 'test', 'diff', 'apply', 'drift'],
    ]);
    expect(read(shop, '.gitlab-ci.yml')).not.toMatch(/northwind|rotate|ORDERS/i);

    const outcomes = [];
    for (const [job, system] of [
      [github['check'], 'github'],
      [github['apply'], 'github'],
      [github['drift'], 'github'],
      [[...(gitlab['validate'] ?? []), ...(gitlab['test'] ?? []), ...(gitlab['diff'] ?? [])], 'gitlab'],
      [gitlab['drift'], 'gitlab'],
    ] as const)
      outcomes.push(await run(job, system));

    expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0, 0]);
    expect(forge.comments.map(({ body }) => body)).toEqual([expect.stringContaining('No changes: what is declared is what is live.')]);
    expect(outcomes.map(({ output }) => output).join('')).not.toContain('hook-secret-canary');
  });

  it('may use the action of this repository instead', async () => {
    const { runs } = parse(read(ROOT, 'action.yml')) as { runs: { using: string; steps: (Step & { env?: Record<string, string> })[] } };
    const steps = runs.steps.filter((step) => 'run' in step);
    const env = { RUNNER_TEMP: work, PACKAGE: 'stoactl.tgz', ACTION: ROOT };

    const commented = await run(steps, 'github', { ...env, ARGS: 'diff --prune -o markdown', COMMENT: 'true' });
    writeFileSync(
      join(shop, 'manifests', 'wrong.yaml'),
      'apiVersion: gostoa.dev/v1beta1\nkind: API\nmetadata: { name: x, tenant: shop }\nspec: { pth: /x }\n',
    );
    const failed = await run(steps, 'github', { ...env, ARGS: 'validate -o github', COMMENT: 'false' });
    rmSync(join(shop, 'manifests', 'wrong.yaml'));

    expect(runs.using).toBe('composite');
    expect(commented).toMatchObject({ exitCode: 0, calls: 'npm install --global stoactl.tgz\n' });
    expect(commented.output).toMatch(/The comment is (created|updated|unchanged)\./);
    expect(failed.exitCode).toBe(6);
    expect(failed.output).toMatch(/^::error file=manifests\/wrong\.yaml,line=4/m);
    // Every name that a step reads is one that the action sets.
    for (const { run: script, env: set = {} } of steps)
      for (const [, name = ''] of script.matchAll(/\$(?:\{)?([A-Z_]+)/g)) expect([...Object.keys(set), 'RUNNER_TEMP']).toContain(name);
  });
});
