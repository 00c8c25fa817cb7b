/** stoactl against a real control plane: exit codes, valid JSON on failure, and the promises of the command line. */
import { execFile, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCountedControlPlane, type CountedControlPlane } from '../helpers/counted-control-plane.js';
import { cleanEnv, ROOT, runStoactl } from '../helpers/stack.js';

const CANARY = 'canary-webhook-secret-91c2d4';
const KEY = /stoa_sk_[0-9a-z]{32}/;

let cp: CountedControlPlane;
let root: string;

beforeAll(async () => {
  cp = await startCountedControlPlane();
  root = mkdtempSync(join(tmpdir(), 'stoactl-e2e-'));
});

afterAll(async () => {
  await cp.stop();
  rmSync(root, { recursive: true, force: true });
});

/** A directory with these files. */
function directory(files: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(root, 'case-'));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), text);
  }
  return path;
}

const manifest = (kind: string, metadata: object, spec: object): string =>
  `${JSON.stringify({ apiVersion: 'gostoa.dev/v1beta1', kind, metadata, spec })}\n---\n`;
const tenant = (name: string): string => manifest('Tenant', { name }, { tier: 'enterprise' });
const api = (owner: string, name: string, spec: object = {}): string =>
  manifest('API', { name, tenant: owner }, { path: `/${name}`, upstream_url: 'http://127.0.0.1:9', ...spec });
const shop = (owner: string): string =>
  tenant(owner) +
  api(owner, 'orders', { rate_limit: { requests_per_hour: 100 } }) +
  manifest('Consumer', { name: 'mobile', tenant: owner }, { email: 'a@example.com' }) +
  manifest('Subscription', { name: 'mobile-orders', tenant: owner }, { api: 'orders', consumer: 'mobile' }) +
  manifest(
    'Webhook',
    { name: 'hook', tenant: owner },
    { url: 'https://hooks.example.com/x', events: ['*'], secret_ref: 'env:HOOK_SECRET' },
  );

const withSecret = { HOOK_SECRET: CANARY };
const json = (text: string): Record<string, never> => JSON.parse(text) as Record<string, never>;

/** A tenant that was applied from one manifest file by the project of the same name. */
async function applied(name: string, text = shop(name)): Promise<string> {
  const path = directory({ 'all.yaml': text, 'stoa.config.yaml': `project: ${name}\nmanifests: ["*.yaml"]\n` });
  const result = await cp.stoactl(['apply', '--yes'], { cwd: path, env: withSecret });
  expect(result, result.stderr).toMatchObject({ exitCode: 0 });
  cp.takeRequests();
  return path;
}

describe('exit codes', () => {
  let good: string;
  beforeAll(async () => {
    good = await applied('codes');
  });

  const run = async (args: readonly string[], env: Record<string, string> = {}, cwd = good): Promise<number> =>
    (await cp.stoactl(args, { cwd, env: { ...withSecret, ...env } })).exitCode;

  it.each([
    ['a valid set', ['validate'], 0],
    ['a diff without changes', ['diff', '--exit-code'], 0],
    ['an apply without changes and without a terminal', ['apply'], 0],
    ['a list', ['get', 'apis'], 0],
    ['one resource', ['get', 'API', 'codes/orders', '-o', 'yaml'], 0],
    ['a description', ['describe', 'subscription', 'codes/mobile-orders'], 0],
    ['an export', ['export', '--tenant', 'codes'], 0],
    ['a dry run of a delete', ['delete', 'webhook', 'codes/hook', '--dry-run'], 0],
    ['an explanation', ['explain', 'api.rate_limit'], 0],
    ['help', ['--help'], 0],
    ['help of a command', ['help', 'diff'], 0],
    ['a resource that is not there', ['get', 'api', 'codes/order'], 4],
    ['a description of what is not there', ['describe', 'api', 'nothing'], 4],
    ['a delete of what is not there', ['delete', 'api', 'codes/nothing', '--yes'], 4],
    ['a rotation for nobody', ['rotate-key', 'codes/nobody'], 4],
    ['a file that is not there', ['diff', '-f', 'nothing.yaml'], 4],
    ['a field that is not there', ['explain', 'api.nothing'], 4],
    ['an unknown command', ['aply'], 64],
    ['an unknown flag', ['diff', '--prun'], 64],
    ['an unknown kind', ['get', 'things'], 64],
    ['an unknown form of output', ['get', 'apis', '-o', 'xml'], 64],
    ['a missing argument', ['rotate-key'], 64],
    ['an unknown environment', ['diff', '--environment', 'moon'], 64],
    ['a grace window that is too short', ['rotate-key', 'codes/mobile-orders', '--grace', '30m'], 64],
    ['a delete without a name', ['delete', 'api'], 64],
    ['a delete without a terminal', ['delete', 'api', 'codes/orders'], 64],
    ['an address that is none', ['get', 'apis', '--server', 'nonsense'], 64],
  ])('%s', async (_, args, code) => {
    expect(await run(args)).toBe(code);
  });

  it('1 when the server cannot be reached', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));

    const result = await cp.stoactl(['get', 'apis'], { env: { STOA_API_URL: `http://127.0.0.1:${port}` } });

    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain(`http://127.0.0.1:${port} cannot be reached`);
  });

  it('2 with changes and --exit-code, 0 when only breaking changes count', async () => {
    const path = directory({
      'all.yaml': shop('codes').replace('a@example.com', 'b@example.com'),
      'stoa.config.yaml': 'project: codes\nmanifests: [all.yaml]\n',
    });

    expect(await run(['diff'], {}, path)).toBe(0);
    expect(await run(['diff', '--exit-code'], {}, path)).toBe(2);
    expect(await run(['diff', '--exit-code', '--fail-on', 'breaking'], {}, path)).toBe(0);
  });

  it('3 with a wrong secret, with no secret, and with a refused token', async () => {
    expect(await run(['get', 'apis'], { STOA_CLIENT_SECRET: 'wrong' })).toBe(3);
    expect(await run(['get', 'apis'], { STOA_CLIENT_SECRET: '' })).toBe(3);
    expect(await run(['get', 'apis'], { STOA_TOKEN: 'nonsense' })).toBe(3);
  });

  it('5 when another project owns what is declared', async () => {
    const path = directory({
      'all.yaml': api('codes', 'orders', { timeout_ms: 1 }),
      'stoa.config.yaml': 'project: other\nmanifests: [all.yaml]\n',
    });

    expect(await run(['apply', '--yes'], {}, path)).toBe(5);
  });

  it('6 with findings, for validate, diff and apply alike', async () => {
    const path = directory({ 'bad.yaml': api('codes', 'orders', { retries: 'many' }) });

    for (const command of ['validate', 'diff', 'apply']) expect(await run([command, '-f', 'bad.yaml'], {}, path)).toBe(6);
  });

  it('7 for an empty set with --prune and for too many deletes', async () => {
    const empty = directory({ 'none.yaml': '# nothing\n', 'stoa.config.yaml': 'project: codes\nmanifests: [none.yaml]\n' });
    const less = directory({ 'all.yaml': tenant('codes'), 'stoa.config.yaml': 'project: codes\nmanifests: [all.yaml]\n' });

    expect(await run(['apply', '--prune', '--yes'], {}, empty)).toBe(7);
    expect(await run(['apply', '--prune', '--max-deletes', '1', '--yes'], {}, less)).toBe(7);
  });

  it('64 when an apply has changes and nobody can confirm', async () => {
    const path = directory({ 'all.yaml': tenant('unconfirmed') });

    const result = await cp.stoactl(['apply', '-f', 'all.yaml'], { cwd: path });

    expect(result.exitCode).toBe(64);
    expect(result.stderr).toContain('--yes');
    expect(await run(['get', 'tenant', 'unconfirmed'])).toBe(4);
  });
});

describe('-o json', () => {
  it.each([
    ['validate', ['validate', '-f', 'bad.yaml', '-o', 'json'], 'validation_error'],
    ['diff', ['diff', '-f', 'bad.yaml', '--json'], 'validation_error'],
    ['apply', ['apply', '-f', 'bad.yaml', '-o=json'], 'validation_error'],
    ['get', ['get', 'api', 'nothing', '-ojson'], 'not_found'],
    ['describe', ['describe', 'api', 'nothing', '--output=json'], 'not_found'],
    ['delete', ['delete', 'things', 'x', '-o', 'json'], 'usage_error'],
    ['rotate-key', ['rotate-key', 'nobody', '--json'], 'not_found'],
    ['explain', ['explain', 'things', '--json'], 'usage_error'],
    ['an unknown command', ['nothing', '--json'], 'usage_error'],
    ['an unknown flag', ['export', '--nothing', '--json'], 'usage_error'],
  ])('is valid on failure: %s', async (_, args, code) => {
    const path = directory({ 'bad.yaml': api('codes', 'orders', { retries: 'many' }) });

    const { stdout, exitCode } = await cp.stoactl(args, { cwd: path });

    expect(exitCode).not.toBe(0);
    expect(json(stdout)).toMatchObject({ schema_version: 1, error: { code, message: expect.any(String) as string } });
  });

  it('of a finding has file, line and column', async () => {
    const path = directory({ 'bad.yaml': 'apiVersion: gostoa.dev/v1beta1\nkind: Tenant\nmetadata:\n  name: acme\nspec:\n  teir: free\n' });

    const { stdout } = await runStoactl(['validate', 'bad.yaml', '--json'], { cwd: path });

    expect(json(stdout)).toMatchObject({
      valid: false,
      diagnostics: [{ code: 'unknown_field', source: { file: 'bad.yaml', line: 6, column: 3 } }],
    });
  });
});

describe('promise 1: apply twice', () => {
  it('the second makes no write and one request', async () => {
    const path = await applied('twice');
    const before = await cp.stoactl(['get', 'all', '--tenant', 'twice', '-o', 'json']);
    cp.takeRequests();

    const second = await cp.stoactl(['apply', '--yes', '-o', 'json'], { cwd: path, env: withSecret });

    expect(cp.takeRequests()).toEqual(['POST /v1/plan']);
    expect(json(second.stdout)).toMatchObject({ applied: false, plan: { changes: [], summary: { unchanged: 5 } } });
    expect((await cp.stoactl(['get', 'all', '--tenant', 'twice', '-o', 'json'])).stdout).toBe(before.stdout);
  });

  it.each(['quickstart', 'saas-staging', 'saas-production', 'gitops'])(
    'also for the environment %s of the examples',
    async (environment) => {
      const other = await startCountedControlPlane();
      const env = { HOOK_SECRET: 'x', LUMEN_WEBHOOK_SECRET: 'x', NORTHWIND_WEBHOOK_SECRET: 'x', WEBHOOK_SECRET: 'x' };
      try {
        const first = await other.stoactl(['apply', '--yes', '--environment', environment], { env });
        other.takeRequests();
        const second = await other.stoactl(['apply', '--yes', '--environment', environment], { env });

        expect(first, first.stderr).toMatchObject({ exitCode: 0 });
        expect(second, second.stdout).toMatchObject({ exitCode: 0 });
        expect(other.takeRequests()).toEqual(['POST /v1/plan']);
      } finally {
        await other.stop();
      }
    },
  );
});

describe('promise 2: no secret in any output or file', () => {
  it('finds no canary in what every command prints, nor on the disk of the control plane', async () => {
    const path = await applied('secrets');
    const key = (await cp.stoactl(['rotate-key', 'secrets/mobile-orders', '--quiet'])).stdout.trim();
    const changed = { HOOK_SECRET: `${CANARY}-new` };
    const commands = [
      ['validate', '-o', 'json'],
      ['diff'],
      ['diff', '-o', 'json'],
      ['diff', '-o', 'markdown'],
      ['diff', '-o', 'unified'],
      ['apply', '--yes', '-v'],
      ['get', 'all', '-o', 'json'],
      ['get', 'webhook', 'secrets/hook', '-o', 'yaml'],
      ['describe', 'webhook', 'secrets/hook', '-o', 'json'],
      ['describe', 'subscription', 'secrets/mobile-orders', '-o', 'json'],
      ['export', '--tenant', 'secrets'],
    ];
    let output = '';
    for (const args of commands) {
      const result = await cp.stoactl(args, { cwd: path, env: changed });
      expect(result.exitCode, result.stderr).toBe(0);
      output += result.stdout + result.stderr;
    }

    expect(key).toMatch(KEY);
    expect(output).not.toMatch(KEY);
    expect(output).not.toContain('canary');
    expect(output).toContain('[secret]');
    const disk = readdirSync(cp.dataDir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
      .join('');
    expect(disk).not.toContain(CANARY);
    expect(disk).not.toContain(key);
  });

  it('does not show a secret that was written out in a manifest', async () => {
    const path = directory({
      'a.yaml': `apiVersion: gostoa.dev/v1beta1\nkind: Webhook\nmetadata: {name: h, tenant: acme}\nspec:\n  url: https://hooks.example.com\n  events: ["*"]\n  secret_ref: ${CANARY}\n  secret: ${CANARY}\n`,
    });

    for (const form of ['human', 'json', 'github', 'sarif', 'junit']) {
      const { stdout, stderr, exitCode } = await runStoactl(['validate', 'a.yaml', '-o', form], { cwd: path });
      expect(exitCode).toBe(6);
      expect(stdout + stderr).not.toContain(CANARY);
    }
  });
});

describe('promise 5: one object for exit code, JSON and text', () => {
  it('says the same in all three', async () => {
    const human = await cp.stoactl(['get', 'api', 'twice/oders']);
    const machine = await cp.stoactl(['get', 'api', 'twice/oders', '-o', 'json']);

    const { error } = json(machine.stdout) as unknown as { error: { message: string; hint: string } };
    expect(human.stderr).toBe(`Error: ${error.message}\n${error.hint}\n`);
    expect(error.hint).toBe('Did you mean "orders"?');
    expect(human.exitCode).toBe(machine.exitCode);
  });
});

describe('promise 6: every finding in one run', () => {
  it('has its place, the value and what to do', async () => {
    const path = directory({
      'a.yaml':
        'apiVersion: gostoa.dev/v1beta1\nkind: API\nmetadata:\n  name: a\n  tenant: acme\nspec:\n  pth: /a\n  upstream_url: nowhere\n  retries: many\n',
      'b.yaml': 'apiVersion: gostoa.dev/v1beta1\nkind: Subscription\nmetadata: {name: s, tenant: acme}\nspec: {api: missing}\n',
    });

    const { stdout } = await runStoactl(['validate', '.'], { cwd: path });

    const places = stdout.split('\n').filter((line) => /^[\w.]+:\d+:\d+: error: /.test(line));
    expect(places.map((line) => line.split(': ')[0])).toEqual(expect.arrayContaining(['a.yaml:7:3', 'a.yaml:8:17', 'a.yaml:9:12']));
    expect(places.some((line) => line.startsWith('b.yaml:4:') && line.includes('"missing"'))).toBe(true);
    expect(stdout).toContain('Did you mean "path"?');
  });
});

describe('promise 7: deletes', () => {
  it('happen only with --prune, and are listed before', async () => {
    const path = await applied('pruned');
    writeFileSync(join(path, 'all.yaml'), tenant('pruned') + api('pruned', 'orders'));

    const kept = await cp.stoactl(['apply', '--yes'], { cwd: path, env: withSecret });
    const shown = await cp.stoactl(['diff', '--prune'], { cwd: path, env: withSecret });
    const pruned = await cp.stoactl(['apply', '--prune', '--yes'], { cwd: path, env: withSecret });

    expect(kept.stdout).toContain('0 to delete');
    expect(shown.stdout).toContain('- Consumer mobile');
    expect(shown.stdout).toContain('3 to delete');
    expect(pruned.stdout).toContain('3 deleted');
    expect((await cp.stoactl(['get', 'consumers', '--tenant', 'pruned'])).stdout).toBe('Nothing found.\n');
  });
});

describe('promise 4: the plan shown is the plan applied', () => {
  it('or nothing is, when a resource moves between the two', async () => {
    const path = await applied('moved');
    writeFileSync(
      join(path, 'all.yaml'),
      shop('moved').replace('"requests_per_hour":100', '"requests_per_hour":200') + api('moved', 'maps'),
    );
    cp.before('/v1/apply', () => cp.call('PATCH', '/v1/tenants/moved/apis/orders', { rate_limit: { requests_per_hour: 7 } }));

    const stale = await cp.stoactl(['apply', '--yes'], { cwd: path, env: withSecret });
    const diff = await cp.stoactl(['diff'], { cwd: path, env: withSecret });
    const again = await cp.stoactl(['apply', '--yes'], { cwd: path, env: withSecret });

    expect(stale.stdout).toContain('100 -> 200');
    expect(stale, stale.stderr).toMatchObject({ exitCode: 5 });
    expect(diff.stdout).toContain('+ API maps');
    expect(diff.stdout).toContain('drift: changed by service-account-control-plane-api at 20');
    expect(diff.stdout).toContain('7 -> 200');
    expect(again, again.stderr).toMatchObject({ exitCode: 0 });
  });
});

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
  it('then diff is empty, also for a file a resource', async () => {
    await applied('exported');
    const path = directory({ 'stoa.config.yaml': 'project: exported\nmanifests: [live/**]\n' });

    const written = await cp.stoactl(['export', '--tenant', 'exported', '--to-dir', 'live'], { cwd: path });
    const diff = await cp.stoactl(['diff', '--exit-code', '--prune'], { cwd: path, env: withSecret });

    expect(written, written.stderr).toMatchObject({ exitCode: 0 });
    expect(existsSync(join(path, 'live/exported/apis/orders.yaml'))).toBe(true);
    expect(diff, diff.stdout).toMatchObject({ exitCode: 0 });
  });

  it('and get -o yaml are manifests that apply', async () => {
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

    const { stdout, exitCode } = await cp.stoactl(['rotate-key', 'mobile', '--tenant', 'keys', '--to-file', 'key', '--force'], {
      cwd: path,
    });

    expect(exitCode).toBe(0);
    expect(stdout).not.toMatch(KEY);
    expect(readFileSync(join(path, 'key'), 'utf8')).toMatch(/^stoa_sk_[0-9a-z]{32}\n$/);
    expect(statSync(join(path, 'key')).mode & 0o777).toBe(0o600);
  });

  it('leaves the file alone when the rotation is refused', async () => {
    const path = directory({ key: 'the old one' });

    const { exitCode } = await cp.stoactl(['rotate-key', 'keys/mobile-orders', '--to-file', 'key'], { cwd: path });

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

describe('the examples', () => {
  it('are valid', async () => {
    const copy = join(root, 'examples');
    cpSync(join(ROOT, 'examples'), copy, { recursive: true });

    const { stdout, exitCode } = await runStoactl(
      ['validate', '-R', '-f', 'quickstart', '-f', 'saas/manifests', '-f', 'gitops/manifests'],
      { cwd: copy },
    );

    expect(exitCode, stdout).toBe(0);
  });
});

describe('a pipe that is closed', () => {
  it('is quiet', async () => {
    await applied('piped', tenant('piped') + Array.from({ length: 400 }, (_, index) => api('piped', `api-${index}`)).join(''));
    const command = `"${process.execPath}" "${join(ROOT, 'bin/stoactl.js')}" get all --tenant piped -o json | head -c 10`;

    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', `set -o pipefail; ${command}`], {
      env: { ...cleanEnv(), ...cp.env },
    });

    expect([stdout, stderr]).toEqual(['{\n  "schem', '']);
  });
});

describe('Ctrl-C', () => {
  it('ends with 130 and says what holds', async () => {
    const path = await applied('stopped');
    writeFileSync(join(path, 'all.yaml'), shop('stopped').replace('a@example.com', 'b@example.com'));
    let release = (): void => undefined;
    const reached = new Promise<void>((resolve) => {
      cp.before('/v1/apply', () => {
        resolve();
        return new Promise<void>((go) => (release = go));
      });
    });
    const child = spawn(process.execPath, [join(ROOT, 'bin/stoactl.js'), 'apply', '--yes'], {
      cwd: path,
      env: { ...cleanEnv(), ...cp.env, ...withSecret },
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const ended = new Promise((resolve) => child.once('close', resolve));

    await reached;
    child.kill('SIGINT');
    const code = await ended;
    release();

    expect(code).toBe(130);
    expect(stderr).toContain('Error: Interrupted.\nThe plan was applied whole or not at all');
  });
});
