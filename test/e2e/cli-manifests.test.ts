/** stoactl against a real control plane: environments, deletes, exports and keys. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { api, json, KEY, manifest, startCliCase, tenant, withSecret, type CliCase } from '../helpers/cli-case.js';
import { runStoactl } from '../helpers/stack.js';

let cp: CliCase['cp'];
let directory: CliCase['directory'];
let applied: CliCase['applied'];
let suite: CliCase;

beforeAll(async () => {
  suite = await startCliCase();
  ({ cp, directory, applied } = suite);
});

afterAll(() => suite.stop());

describe('a set that leans on what is live', () => {
  it('may refer to it', async () => {
    await applied('leaning');
    const path = directory({
      'more.yaml': manifest('Subscription', { name: 'second', tenant: 'leaning' }, { api: 'orders', consumer: 'mobile' }),
    });

    const result = await cp.stoactl(['apply', '-f', 'more.yaml', '--project', 'leaning', '--yes'], { cwd: path });

    expect(result, result.stderr).toMatchObject({ exitCode: 0 });
  });

  it('is told with file, line and column what is nowhere', async () => {
    const path = directory({
      'more.yaml': 'apiVersion: gostoa.dev/v1beta1\nkind: Subscription\nmetadata: {name: third, tenant: leaning}\nspec:\n  api: nowhere\n',
    });

    const result = await cp.stoactl(['diff', '-f', 'more.yaml', '--project', 'leaning'], { cwd: path });

    expect(result.exitCode).toBe(6);
    expect(result.stderr).toMatch(/^more\.yaml:5:8: error: There is no API "nowhere"/);
  });
});

describe('delete', () => {
  const rest = async (kind: string, owner: string): Promise<string> =>
    (await cp.stoactl(['get', kind, '--tenant', owner, '-o', 'name'])).stdout;

  it('takes what is named and what cannot live without it is told before', async () => {
    const path = await applied('named');

    const dry = await cp.stoactl(['delete', 'api', 'named/orders', '--dry-run'], { cwd: path });
    const done = await cp.stoactl(['delete', 'webhook', 'hook', '--tenant', 'named', '--yes'], { cwd: path });

    expect(dry.stdout).toContain('goes or breaks with it: Subscription named/mobile-orders');
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    expect(await rest('webhooks', 'named')).toBe('');
    expect(await rest('apis', 'named')).toBe('api/named/orders\n');
  });

  it('takes what manifests name', async () => {
    const path = await applied('listed');

    const done = await cp.stoactl(['delete', '-f', 'all.yaml', '--yes', '-o', 'json'], { cwd: path, env: withSecret });

    expect(json(done.stdout)).toMatchObject({ applied: true, plan: { summary: { delete: 5 } } });
    expect(await rest('all', 'listed')).toBe('');
  });

  it('leaves what another project owns, until it is taken over', async () => {
    await applied('owned');
    const path = directory({});

    const refused = await cp.stoactl(['delete', 'webhook', 'owned/hook', '--yes'], { cwd: path });
    const done = await cp.stoactl(['delete', 'webhook', 'owned/hook', '--yes', '--take-ownership'], { cwd: path });

    expect(refused, refused.stdout).toMatchObject({ exitCode: 5 });
    expect(refused.stderr).toContain('belongs to the project "owned"');
    expect(done.exitCode).toBe(0);
  });
});

describe('environments', () => {
  const files = {
    'stoa.config.yaml': [
      'project: envs',
      'manifests: [base/*.yaml]',
      'environments:',
      '  staging: {variables: {HOST: staging.example.com}}',
      '  production: {tenant: envs, overlay: over/production, variables: {HOST: api.example.com}}',
      '  guarded: {tenant: another}',
      '',
    ].join('\n'),
    'base/all.yaml': tenant('envs') + api('envs', 'orders', { upstream_url: 'https://${env:HOST}/orders' }),
    'over/production/orders.yaml': manifest('API', { name: 'orders', tenant: 'envs' }, { timeout_ms: 1234 }),
  };
  const planned = async (args: readonly string[], env: Record<string, string> = {}): Promise<Record<string, unknown>> => {
    const { stdout, stderr } = await cp.stoactl(['diff', '-o', 'json', ...args], { cwd: directory(files), env });
    const { changes } = JSON.parse(stdout || stderr) as { changes: { kind: string; fields: { path: string; after: unknown }[] }[] };
    return Object.fromEntries((changes.find(({ kind }) => kind === 'API')?.fields ?? []).map(({ path, after }) => [path, after]));
  };

  it('have variables and an overlay', async () => {
    expect(await planned(['--environment', 'staging'])).toMatchObject({
      'spec.upstream_url': 'https://staging.example.com/orders',
      'spec.timeout_ms': 30_000,
    });
    expect(await planned(['--environment', 'production'])).toMatchObject({
      'spec.upstream_url': 'https://api.example.com/orders',
      'spec.timeout_ms': 1234,
    });
  });

  it('are overruled by the environment of the process, which can also choose one', async () => {
    expect(await planned([], { STOACTL_ENVIRONMENT: 'staging', HOST: 'mine.example.com' })).toMatchObject({
      'spec.upstream_url': 'https://mine.example.com/orders',
    });
  });

  it('report a variable that is set nowhere with its place', async () => {
    const { stdout, exitCode } = await runStoactl(['validate'], { cwd: directory(files) });

    expect(exitCode).toBe(6);
    expect(stdout).toMatch(/^base\/all\.yaml:3:\d+: error: The variable "HOST" is not set\./);
  });

  it("that are one tenant's touch no other", async () => {
    const { stderr, exitCode } = await cp.stoactl(['apply', '--yes', '--environment', 'guarded'], {
      cwd: directory(files),
      env: { HOST: 'x.example.com' },
    });

    expect(exitCode).toBe(7);
    expect(stderr).toContain('is of tenant "envs", not of "another"');
  });
});

describe('export', () => {
  it('then diff is empty, also for a file a resource (CL16)', async () => {
    await applied('exported');
    const path = directory({ 'stoa.config.yaml': 'project: exported\nmanifests: [live/**]\n' });

    const written = await cp.stoactl(['export', '--tenant', 'exported', '--to-dir', 'live'], { cwd: path });
    const diff = await cp.stoactl(['diff', '--exit-code', '--prune'], { cwd: path, env: withSecret });

    expect(written, written.stderr).toMatchObject({ exitCode: 0 });
    expect(existsSync(join(path, 'live/exported/apis/orders.yaml'))).toBe(true);
    expect(diff, diff.stdout).toMatchObject({ exitCode: 0 });
  });

  it('has the documents of APIs too; a plan shows which part of one changed (CL4, CL16)', async () => {
    const document =
      "openapi: 3.1.0\npaths:\n  /items/{id}:\n    get:\n      summary: One item\n      responses: {'200': {description: ok}}\n";
    const set = tenant('documented') + api('documented', 'items', { openapi: '${file:docs/items.yaml}', mcp: { cache_ttl_secs: 60 } });
    const path = directory({ 'set.yaml': set, 'docs/items.yaml': document, 'live/none.txt': '' });
    const run = (...args: string[]) => cp.stoactl([...args, '--project', 'documented'], { cwd: path });

    const applied = await run('apply', '-f', 'set.yaml', '--yes');
    const again = await run('diff', '-f', 'set.yaml', '--exit-code');
    await cp.stoactl(['export', '--tenant', 'documented', '--to-dir', 'live'], { cwd: path });
    const exported = await run('diff', '-f', 'live', '-R', '--exit-code');
    writeFileSync(join(path, 'docs/items.yaml'), document.replace('One item', 'A single item'));
    const changed = await run('diff', '-f', 'set.yaml');

    expect([applied.exitCode, again.exitCode, exported.exitCode], applied.stderr + again.stdout + exported.stdout).toEqual([0, 0, 0]);
    expect(readFileSync(join(path, 'live/documented/apis/items.yaml'), 'utf8')).toContain('    /items/{id}:');
    expect(changed.stdout).toMatch(/paths\.\/items\/\{id\}\.get\.summary.*One item.*A single item/);
  });

  it('and get -o yaml are manifests that apply (CL16)', async () => {
    await applied('yaml');

    const { stdout } = await cp.stoactl(['get', 'all', '--tenant', 'yaml', '-o', 'yaml']);
    const result = await cp.stoactl(['apply', '-f', '-', '--project', 'yaml'], { input: stdout, env: withSecret });

    expect(result, result.stderr).toMatchObject({ exitCode: 0 });
    expect(result.stdout).toContain('No changes');
  });
});

describe('rotate-key', () => {
  beforeAll(async () => {
    await applied('keys');
  });

  it('prints only the key with --quiet', async () => {
    const { stdout, stderr, exitCode } = await cp.stoactl(['rotate-key', 'keys/mobile-orders', '--grace', '24h', '-q', '--force']);

    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^stoa_sk_[0-9a-z]{32}\n$/);
  });

  it('writes the key to a file that only its owner can read', async () => {
    const path = directory({ key: 'the old one' });

    const { stdout, exitCode } = await cp.stoactl(
      ['rotate-key', 'mobile', '--tenant', 'keys', '--to-file', 'key', '--force', '--overwrite'],
      {
        cwd: path,
      },
    );

    expect(exitCode).toBe(0);
    expect(stdout).not.toMatch(KEY);
    expect(readFileSync(join(path, 'key'), 'utf8')).toMatch(/^stoa_sk_[0-9a-z]{32}\n$/);
    expect(statSync(join(path, 'key')).mode & 0o777).toBe(0o600);
  });

  it('makes no key when the file is there already: it may hold the only copy of one', async () => {
    const path = directory({ key: 'the old one' });

    const { stderr, exitCode } = await cp.stoactl(['rotate-key', 'keys/mobile-orders', '--to-file', 'key', '--force'], { cwd: path });

    expect([exitCode, stderr]).toEqual([5, expect.stringContaining('No key was made')]);
    expect(readFileSync(join(path, 'key'), 'utf8')).toBe('the old one');
  });

  it('leaves the file alone when the rotation is refused', async () => {
    const path = directory({ key: 'the old one' });

    const { exitCode } = await cp.stoactl(['rotate-key', 'keys/mobile-orders', '--to-file', 'key', '--overwrite'], { cwd: path });

    expect(exitCode).toBe(5);
    expect(readdirSync(path)).toEqual(['key']);
    expect(readFileSync(join(path, 'key'), 'utf8')).toBe('the old one');
  });

  it("gives document C's answer as JSON and says what was rounded", async () => {
    const { stdout, stderr } = await cp.stoactl(['rotate-key', 'keys/mobile-orders', '--grace', '90m', '--force', '-o', 'json']);

    expect(json(stdout)).toMatchObject({
      schema_version: 1,
      grace_period_hours: 2,
      new_api_key: expect.stringMatching(KEY) as string,
      rotation_count: expect.any(Number) as number,
    });
    expect(stderr).toContain('90m is rounded up to 2h');
  });
});
