/** stoactl against a real control plane: exit codes, valid JSON on failure, and the promises of the command line. */
import { execFile, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { api, CANARY, json, KEY, shop, startCliCase, tenant, withSecret, type CliCase } from '../helpers/cli-case.js';
import { startCountedControlPlane } from '../helpers/counted-control-plane.js';
import { cleanEnv, ROOT, runStoactl } from '../helpers/stack.js';

let cp: CliCase['cp'];
let root: string;
let directory: CliCase['directory'];
let applied: CliCase['applied'];
let suite: CliCase;

beforeAll(async () => {
  suite = await startCliCase();
  ({ cp, root, directory, applied } = suite);
});

afterAll(() => suite.stop());

describe('exit codes (CL13)', () => {
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

  it('2 with changes and --exit-code, 0 when only breaking changes count (CL4)', async () => {
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

describe('-o json (CL1)', () => {
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

describe('promise 1: apply twice (CL5)', () => {
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

describe('promise 2: no secret in any output or file (CL4)', () => {
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

describe('promise 6: every finding in one run (CL3)', () => {
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

describe('promise 7: deletes (CL6)', () => {
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

describe('promise 4: the plan shown is the plan applied (CL5)', () => {
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
