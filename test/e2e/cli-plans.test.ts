/** Plans that are kept: `diff --out` and `apply PLAN`, against a real control plane. */
import { cpSync, existsSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { api, CANARY, json, manifest, shop, startCliCase, tenant, withSecret, type CliCase } from '../helpers/cli-case.js';

let cp: CliCase['cp'];
let directory: CliCase['directory'];
let applied: CliCase['applied'];
let suite: CliCase;

beforeAll(async () => {
  suite = await startCliCase();
  ({ cp, directory, applied } = suite);
});

afterAll(() => suite.stop());

const run = (args: readonly string[], cwd: string, env: Record<string, string> = {}): ReturnType<CliCase['cp']['stoactl']> =>
  cp.stoactl(args, { cwd, env: { ...withSecret, ...env } });
const specOf = async (name: string): Promise<Record<string, unknown>> =>
  ((await cp.call('GET', `/v1/resources/API/${name}`)).body as { spec: Record<string, unknown> }).spec;
const limit = async (owner: string): Promise<unknown> => (await specOf(`${owner}/orders`))['rate_limit'];

/** A shop that is live, with a change of its API in the manifests and a plan of it in plan.json. */
async function planned(name: string, flags: readonly string[] = []): Promise<string> {
  const path = await applied(name);
  edit(path, '"requests_per_hour":100', '"requests_per_hour":200');
  const result = await run(['diff', '--out', 'plan.json', ...flags], path);
  expect(result, result.stderr).toMatchObject({ exitCode: 0 });
  return path;
}

const edit = (path: string, from: string, to: string, file = 'all.yaml'): void =>
  writeFileSync(join(path, file), readFileSync(join(path, file), 'utf8').replace(from, to));

describe('a plan that is kept', () => {
  it('is applied as it was shown, once', async () => {
    const path = await planned('kept');

    cp.takeRequests();
    const done = await run(['apply', 'plan.json', '--yes'], path);
    const requests = cp.takeRequests();
    const again = await run(['apply', 'plan.json', '--yes'], path);

    expect(done.stdout).toContain('requests_per_hour  100 -> 200');
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    expect(requests).toEqual(['POST /v1/plan', 'POST /v1/apply']);
    expect(await limit('kept')).toMatchObject({ requests_per_hour: 200 });
    expect(again.exitCode).toBe(5);
    expect(again.stderr).toMatch(/API kept\/orders has changed since the plan was made: service-account-control-plane-api wrote it at 20/);
  });

  it('is applied in another checkout, by another job (CL7)', async () => {
    const path = await planned('moved-job');
    const other = directory({});
    cpSync(path, other, { recursive: true });

    const dry = await run(['apply', 'plan.json', '--dry-run'], other);
    const before = await limit('moved-job');
    const unasked = await run(['apply', 'plan.json'], other);
    const done = await run(['apply', join(other, 'plan.json'), '--yes', '-o', 'json'], other);

    expect(dry.stdout).toContain('Dry run: nothing was changed.');
    expect(before).toMatchObject({ requests_per_hour: 100 });
    expect(unasked.exitCode).toBe(64);
    expect(json(done.stdout)).toMatchObject({ applied: true });
  });

  it('holds no secret and no digest that one could be guessed by', async () => {
    const path = await applied('public');
    const secret = `${CANARY}-2`;

    const shown = await run(['diff', '--out', 'plan.json'], path, { HOOK_SECRET: secret });
    const file = readFileSync(join(path, 'plan.json'), 'utf8');
    const wrong = await run(['apply', 'plan.json', '--yes'], path, { HOOK_SECRET: `${CANARY}-3` });
    const none = await cp.stoactl(['apply', 'plan.json', '--yes'], { cwd: path });
    const right = await run(['apply', 'plan.json', '--yes', '-v'], path, { HOOK_SECRET: secret });

    expect(shown.stdout).toContain('"[secret]" -> "[secret]"');
    expect(shown.stdout).toContain('Run "stoactl apply plan.json" to apply it.');
    for (const text of [file, shown.stdout, shown.stderr, wrong.stderr, right.stdout, right.stderr]) expect(text).not.toContain('canary');
    expect(statSync(join(path, 'plan.json')).mode & 0o600).toBe(0o600);
    expect(wrong, wrong.stderr).toMatchObject({ exitCode: 5 });
    expect(wrong.stderr).toContain('What Webhook public/hook is to become is not what was planned');
    expect(none).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('HOOK_SECRET') as string });
    expect(right, right.stderr).toMatchObject({ exitCode: 0 });
  });

  it('says when it was made, from which commit, and what a manifest has to do with it', async () => {
    const path = await planned('origin');
    const commit = { GITHUB_SHA: 'abc123', GITHUB_RUN_ID: '7', GITHUB_SERVER_URL: 'https://ci.example.com', GITHUB_REPOSITORY: 'a/b' };

    await run(['diff', '--out', 'plan.json'], path, commit);
    const file = json(readFileSync(join(path, 'plan.json'), 'utf8'));
    edit(path, 'a@example.com', 'b@example.com');
    const stale = await run(['apply', 'plan.json', '--yes'], path);

    expect(file).toMatchObject({
      schema_version: 1,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      made_at: expect.stringMatching(/^20.*Z$/) as string,
      source: { commit: 'abc123', ci_run: 'https://ci.example.com/a/b/actions/runs/7' },
      files: [{ file: 'stoa.config.yaml' }, { file: 'all.yaml' }],
    });
    expect(stale.exitCode).toBe(5);
    expect(stale.stderr).toMatch(/^Error: all\.yaml has changed since the plan was made\.\n.*made at 20.* from commit abc123/);
  });
});

describe('a plan is refused', () => {
  it('with who and when, when one of its resources has moved', async () => {
    const path = await planned('stale');
    await cp.call('PATCH', '/v1/tenants/stale/apis/orders', { description: 'by hand' });

    const result = await run(['apply', 'plan.json', '--yes'], path);

    expect(result.exitCode).toBe(5);
    expect(result.stderr).toMatch(/^Error: API stale\/orders has changed since the plan was made: service-account-\S+ wrote it at 20/);
    expect(await limit('stale')).toMatchObject({ requests_per_hour: 100 });
  });

  it('also when it moves between the question and the answer; and not when something else has moved', async () => {
    const path = await planned('late');
    const plan = readFileSync(join(path, 'plan.json'), 'utf8');
    await cp.call('POST', '/v1/tenants', { name: 'somebody-else' });
    cp.before('/v1/apply', async () => {
      await cp.call('PATCH', '/v1/tenants/late/apis/orders', { description: 'by hand' });
    });

    const late = await run(['apply', 'plan.json', '--yes'], path);

    expect(late).toMatchObject({ exitCode: 5, stdout: expect.stringContaining('100 -> 200') as string });
    expect(await limit('late')).toMatchObject({ requests_per_hour: 100 });
    expect(readFileSync(join(path, 'plan.json'), 'utf8')).toBe(plan);
  });

  it('when something that was to stay has moved, and would be changed back', async () => {
    const path = await planned('stayed');
    await cp.call('PATCH', '/v1/tenants/stayed', { tier: 'free' });

    const result = await run(['apply', 'plan.json', '--yes'], path);

    expect(result.exitCode).toBe(5);
    expect(result.stderr).toContain('Tenant stayed would be changed now, which was not planned');
  });

  it('when a value, a flag, a version or the digest in it was edited', async () => {
    const path = await planned('edited');
    const plan = readFileSync(join(path, 'plan.json'), 'utf8');
    const edits = [
      ['"after": 200', '"after": 300'],
      ['"prune": false', '"prune": true'],
      ['"version": 1', '"version": 2'],
      ['"digest": "', '"digest": "0'],
    ] as const;

    for (const [from, to] of edits) {
      expect(plan).toContain(from);
      writeFileSync(join(path, 'plan.json'), plan.replace(from, to));
      const result = await run(['apply', 'plan.json', '--yes'], path);
      expect(result.exitCode).toBe(6);
      expect(result.stderr).toMatch(/^Error: plan\.json was changed after it was made at 20/);
    }
  });

  it('when a manifest has gone or is new', async () => {
    const path = directory({
      'a.yaml': tenant('files'),
      'b.yaml': api('files', 'b'),
      'stoa.config.yaml': 'project: files\nmanifests: ["*.yaml"]\n',
    });
    await run(['diff', '--out', 'plan.json'], path);
    const plan = readFileSync(join(path, 'plan.json'), 'utf8');
    writeFileSync(join(path, 'c.yaml'), api('files', 'c'));
    const more = await run(['apply', 'plan.json', '--yes'], path);
    rmSync(join(path, 'c.yaml'));
    rmSync(join(path, 'b.yaml'));
    const less = await run(['apply', 'plan.json', '--yes'], path);

    expect(more).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('c.yaml is new since the plan was made.') as string });
    expect(less).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('b.yaml is gone since the plan was made.') as string });
    expect(readFileSync(join(path, 'plan.json'), 'utf8')).toBe(plan);
  });

  it.each([
    ['is not there', undefined, 4],
    ['is no JSON', 'apiVersion: gostoa.dev/v1beta1\n', 6],
    ['is another JSON', '{"schema_version": 1, "changes": []}', 6],
    ['is of a later version', '{"schema_version": 2}', 6],
  ])('when its file %s', async (_, text, code) => {
    const path = directory(text === undefined ? {} : { 'plan.json': text });

    const result = await run(['apply', 'plan.json', '--yes'], path);

    expect(result.exitCode).toBe(code);
    expect(result.stderr).toContain('stoactl diff --out');
  });
});

describe('the flags of a plan', () => {
  it('are those of the diff: prune, environment, tenant and overlay', async () => {
    const config = `project: flags
manifests: [base]
environments:
  staging: {tenant: flags, overlay: overlay, variables: {UPSTREAM: "http://127.0.0.1:7"}}
`;
    const patch = manifest('API', { name: 'a', tenant: 'flags' }, { retries: 0 });
    const path = directory({
      'base/all.yaml': tenant('flags') + api('flags', 'a', { upstream_url: '${env:UPSTREAM}' }) + api('flags', 'old'),
      'overlay/a.yaml': patch,
      'stoa.config.yaml': config,
    });
    await run(['apply', '--environment', 'staging', '--yes'], path);
    writeFileSync(join(path, 'base/all.yaml'), tenant('flags') + api('flags', 'a', { upstream_url: '${env:UPSTREAM}', timeout_ms: 5 }));

    const shown = await run(['diff', '--environment', 'staging', '--prune', '--out', 'plan.json'], path);
    const other = await run(['apply', 'plan.json', '--environment', 'production', '--yes'], path);
    const paths = await run(['apply', 'plan.json', '-f', 'base', '--yes'], path);
    const variable = await run(['apply', 'plan.json', '--yes'], path, { UPSTREAM: 'http://127.0.0.1:8' });
    const done = await run(['apply', 'plan.json', '--environment', 'staging', '--yes'], path);

    expect(shown.stdout).toContain('- API old');
    expect(other).toMatchObject({
      exitCode: 64,
      stderr: expect.stringContaining('--environment is not what the plan was made with') as string,
    });
    expect(paths).toMatchObject({ exitCode: 64, stderr: expect.stringContaining('--filename') as string });
    expect(variable).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('API flags/a is to become') as string });
    expect(done.stdout).toContain('0 created, 1 changed, 1 deleted.');
    expect(await specOf('flags/a')).toMatchObject({ retries: 0, timeout_ms: 5, upstream_url: 'http://127.0.0.1:7' });
  });

  it('of stdin and of a plan that is refused keep no file', async () => {
    const path = await applied('unkept');
    writeFileSync(join(path, 'all.yaml'), tenant('unkept'));

    const stdin = await cp.stoactl(['diff', '-f', '-', '--out', 'plan.json'], { cwd: path, input: shop('unkept'), env: withSecret });
    const guarded = await run(['diff', '--prune', '--max-deletes', '1', '--out', 'plan.json'], path);

    expect(stdin.exitCode).toBe(64);
    expect(guarded).toMatchObject({ exitCode: 7, stdout: expect.stringContaining('Refused:') as string });
    expect(existsSync(join(path, 'plan.json'))).toBe(false);
  });

  it('leave the file that a link names in its place, and say when it cannot be written', async () => {
    const path = await planned('linked');
    symlinkSync('plan.json', join(path, 'latest'));

    await run(['diff', '--out', 'latest'], path);
    const nowhere = await run(['diff', '--out', 'nowhere/plan.json'], path);

    expect(await run(['apply', 'latest', '--yes'], path)).toMatchObject({ exitCode: 0 });
    expect(nowhere).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('nowhere/plan.json cannot be written') as string });
  });
});
