/** Every example runs: on a stack of its own, through the commands that its README and its pipelines name. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ROOT, cleanEnv, startStack, type TestStack } from '../helpers/stack.js';

const EXAMPLES = join(ROOT, 'examples');

/** Name of an environment of the root stoa.config.yaml, and a route that shows that it serves. */
const ENVIRONMENTS = [
  { environment: 'quickstart', tenant: 'acme', resources: 7, subscription: 'mobile-app-payments', path: '/apis/acme/payments/hello' },
  { environment: 'saas-staging', tenant: 'lumen', resources: 19, subscription: 'umbrella-reports', path: '/apis/lumen/reports/v2/monthly' },
  { environment: 'saas-production', tenant: 'lumen', resources: 19, subscription: 'umbrella-reports', path: '/apis/lumen/reports/monthly' },
  { environment: 'gitops', tenant: 'northwind', resources: 4, subscription: 'web-shop-orders', path: '/apis/northwind/orders/v1/17' },
];

let work: string;

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'stoa-examples-'));
});

afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

/** A stack whose echo upstream runs and whose control plane is empty. */
async function emptyStack(): Promise<TestStack> {
  const directory = mkdtempSync(join(work, 'empty-'));
  writeFileSync(join(directory, 'stoa.config.yaml'), 'project: nothing\nmanifests: [nothing.yaml]\n');
  writeFileSync(join(directory, 'nothing.yaml'), '');
  return startStack({ cwd: directory });
}

async function keyOf(stack: TestStack, tenant: string, name: string): Promise<string> {
  const { body: subscription } = await stack.call('GET', `/v1/resources/Subscription/${tenant}/${name}`);
  const { body } = await stack.call('POST', `/v1/tenants/${tenant}/apikeys`, {
    subscription_id: (subscription as { id: string }).id,
    name: 'example',
  });
  return (body as { api_key: string }).api_key;
}

async function statusWithin(url: string, init: RequestInit, expected: number, timeoutMs = 3000): Promise<number> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const response = await fetch(url, init);
    await response.arrayBuffer();
    if (response.status === expected || Date.now() > deadline) return response.status;
    await new Promise((done) => setTimeout(done, 30));
  }
}

describe.each(ENVIRONMENTS)('the environment $environment', ({ environment, tenant, resources, subscription, path }) => {
  let stack: TestStack;
  const stoactl = (...args: readonly string[]) =>
    stack.stoactl([...args, '--environment', environment], {
      cwd: ROOT,
      env: { STOA_ECHO_URL: stack.urls.echo, ORDERS_URL: stack.urls.echo },
    });

  beforeAll(async () => {
    stack = await emptyStack();
  });
  afterAll(() => stack.stop());

  it('is valid, without a server', async () => {
    const { exitCode, stdout } = await stoactl('validate', '-o', 'json');

    expect(JSON.parse(stdout)).toMatchObject({ valid: true, resources, summary: { errors: 0, warnings: 0 } });
    expect(exitCode).toBe(0);
  });

  it('passes its tests', { timeout: 120_000 }, async () => {
    const { exitCode, stdout } = await stoactl('test', '-o', 'json');

    expect(JSON.parse(stdout)).toMatchObject({ passed: true, summary: { failed: 0 } });
    expect(exitCode).toBe(0);
  });

  it('is applied, and then there is nothing to do', async () => {
    const first = await stoactl('apply', '--yes', '-o', 'json');
    const second = await stoactl('apply', '--yes', '-o', 'json');
    const diff = await stoactl('diff', '--prune', '--exit-code', '-o', 'json');

    expect(JSON.parse(first.stdout)).toMatchObject({ applied: true, plan: { summary: { create: resources } } });
    expect(JSON.parse(second.stdout)).toMatchObject({ applied: false, plan: { changes: [] } });
    expect(JSON.parse(diff.stdout)).toMatchObject({ changes: [] });
    expect([first.exitCode, second.exitCode, diff.exitCode]).toEqual([0, 0, 0]);
  });

  it('comes out of export as it went in', async () => {
    const exported = await stack.stoactl(['export', '--tenant', tenant]);
    const file = join(work, `${environment}.yaml`);
    writeFileSync(file, exported.stdout);
    const diff = await stack.stoactl(['diff', '-f', file, '--project', 'stoa-examples', '--exit-code', '-o', 'json']);

    expect(exported.exitCode).toBe(0);
    expect(JSON.parse(diff.stdout)).toMatchObject({ changes: [], summary: { unchanged: resources } });
    expect(diff.exitCode).toBe(0);
  });

  it('serves requests with a key, and refuses them without', async () => {
    const headers = { 'x-api-key': await keyOf(stack, tenant, subscription) };
    const url = stack.urls.gateway + path;

    expect(await statusWithin(url, { headers }, 200)).toBe(200);
    expect(await statusWithin(url, {}, 401)).toBe(401);
  });
});

describe('what the SaaS example promises', () => {
  let stack: TestStack;
  const apply = (environment: string) =>
    stack.stoactl(['apply', '--environment', environment, '--yes'], { cwd: ROOT, env: { STOA_ECHO_URL: stack.urls.echo } });

  beforeAll(async () => {
    stack = await emptyStack();
    await apply('saas-production');
  });
  afterAll(() => stack.stop());

  it('limits a customer by plan: the eleventh search of a minute on the free plan is refused', async () => {
    const headers = { 'x-api-key': await keyOf(stack, 'lumen', 'initech-search') };
    const url = `${stack.urls.gateway}/apis/lumen/search?q=a`;
    await statusWithin(url, { headers }, 200);

    const statuses: number[] = [];
    for (let index = 0; index < 10; index++) statuses.push((await fetch(url, { headers })).status);

    expect(statuses).toEqual([...Array.from({ length: 9 }, () => 200), 429]);
  });

  it('lets the web app in from the browser, and no other page', async () => {
    const preflight = (origin: string) =>
      fetch(`${stack.urls.gateway}/apis/lumen/search`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'x-api-key' },
      });

    const ours = await preflight('https://app.lumen.example');
    const foreign = await preflight('https://evil.example');

    expect(ours.headers.get('access-control-allow-origin')).toBe('https://app.lumen.example');
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('waits for a person before an enterprise customer gets a key', async () => {
    const { body: subscription } = await stack.call('GET', '/v1/resources/Subscription/lumen/globex-reports');
    const { id, lived } = subscription as { id: string; lived: { status: string } };
    expect(lived.status).toBe('pending_approval');

    const approved = await stack.call('POST', `/v1/tenants/lumen/subscriptions/${id}/approve`, {});
    const { api_key: key } = approved.body as { api_key: string };

    expect(await statusWithin(`${stack.urls.gateway}/apis/lumen/reports/v2/all`, { headers: { 'x-api-key': key } }, 200)).toBe(200);
  });

  it('gives Globex its own limit on reports', async () => {
    const headers = { 'x-api-key': await keyOf(stack, 'lumen', 'globex-reports') };
    const url = `${stack.urls.gateway}/apis/lumen/reports/v2/all`;
    await statusWithin(url, { headers }, 200);

    const response = await fetch(url, { headers });

    expect(response.headers.get('x-ratelimit-limit')).toBe('2000');
  });

  it('is different in staging exactly where the overlay says so', async () => {
    const { stdout } = await stack.stoactl(['diff', '--environment', 'saas-staging', '-o', 'json'], {
      cwd: ROOT,
      env: { STOA_ECHO_URL: stack.urls.echo },
    });
    const { changes } = JSON.parse(stdout) as { changes: { kind: string; name: string; fields: { path: string }[] }[] };

    const touched = changes.map(({ kind, name }) => `${kind} ${name}`).sort();

    expect(touched).toEqual(['API reports', 'Plan free', 'Policy web-app-cors', 'Tenant lumen']);
  });

  it('protects the tenant in production', async () => {
    const { exitCode, stderr } = await stack.stoactl(['delete', 'tenant', 'lumen', '--yes'], { cwd: ROOT });

    expect(exitCode).toBe(7);
    expect(stderr).toContain('protected');
  });
});

/** A directory with a `stoactl` (and a `gh`, a `curl` and an `npm` that only note how they were called) on its PATH. */
function toolbox(): { path: string; calls: () => string } {
  const bin = mkdtempSync(join(work, 'bin-'));
  const log = join(bin, 'calls.log');
  const script = (name: string, text: string): void => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  script('stoactl', `exec ${process.execPath} ${join(ROOT, 'bin', 'stoactl.js')} "$@"`);
  for (const name of ['gh', 'curl', 'npm']) script(name, `echo "${name} $*" >> ${log}`);
  return { path: `${bin}:${process.env['PATH'] ?? ''}`, calls: () => (existsSync(log) ? readFileSync(log, 'utf8') : '') };
}

async function shell(script: string, cwd: string, env: Readonly<Record<string, string>>): Promise<{ exitCode: number; output: string }> {
  const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', script], { cwd, env: { ...cleanEnv(), ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exitCode = await new Promise<number>((done) => child.once('close', (code) => done(code ?? -1)));
  return { exitCode, output };
}

interface Step {
  readonly name: string;
  readonly run: string;
}

/** The shell steps of each job, with expressions of the pipeline replaced by words. */
function jobsOf(file: string): Record<string, Step[]> {
  const text = readFileSync(file, 'utf8').replace(/\$\{\{[^}]*\}\}/g, 'word');
  const document = parse(text) as Record<string, unknown>;
  if (!('jobs' in document)) {
    const jobs = Object.entries(document).filter(
      (entry): entry is [string, { script: string[] }] => typeof entry[1] === 'object' && entry[1] !== null && 'script' in entry[1],
    );
    return Object.fromEntries(jobs.map(([job, { script }]) => [job, script.map((run) => ({ name: run, run }))]));
  }
  const jobs = Object.entries(document['jobs'] as Record<string, { steps: Partial<Step>[] }>);
  return Object.fromEntries(
    jobs.map(([job, { steps }]) => [job, steps.flatMap(({ name = '', run }) => (run === undefined ? [] : [{ name, run }]))]),
  );
}

describe('the pipelines of the GitOps example', () => {
  const GITHUB = join(EXAMPLES, 'gitops', '.github', 'workflows');
  let stack: TestStack;
  let repository: string;

  beforeAll(async () => {
    stack = await emptyStack();
    repository = join(work, 'repository');
    mkdirSync(join(repository, 'manifests'), { recursive: true });
    writeFileSync(join(repository, 'stoa.config.yaml'), readFileSync(join(EXAMPLES, 'gitops', 'stoa.config.yaml')));
    writeFileSync(join(repository, 'manifests', 'orders.yaml'), readFileSync(join(EXAMPLES, 'gitops', 'manifests', 'orders.yaml')));
  });
  afterAll(() => stack.stop());

  async function runJob(steps: readonly Step[] | undefined): Promise<{ exitCode: number; output: string; calls: string }> {
    const { path, calls } = toolbox();
    const env = { ...stack.env, PATH: path, ORDERS_URL: stack.urls.echo, STOACTL_PACKAGE: 'stoactl.tgz' };
    let output = '';
    for (const { run } of steps ?? []) {
      const result = await shell(run, repository, env);
      output += result.output;
      if (result.exitCode !== 0) return { exitCode: result.exitCode, output, calls: calls() };
    }
    return { exitCode: 0, output, calls: calls() };
  }

  const github = {
    ...jobsOf(join(GITHUB, 'stoa.yml')),
    ...jobsOf(join(GITHUB, 'stoa-drift.yml')),
    ...jobsOf(join(GITHUB, 'stoa-rotate.yml')),
  };
  const gitlab = jobsOf(join(EXAMPLES, 'gitops', '.gitlab-ci.yml'));

  it('has the same jobs on both systems', () => {
    expect(Object.keys(github)).toEqual(['check', 'apply', 'drift', 'rotate']);
    expect(Object.keys(gitlab)).toEqual(['validate', 'diff', 'apply', 'drift', 'rotate']);
  });

  it('comments on a pull request with the diff', async () => {
    const onGithub = await runJob(github['check']);
    const onGitlab = await runJob([...(gitlab['validate'] ?? []), ...(gitlab['diff'] ?? [])]);

    expect(onGithub).toMatchObject({ exitCode: 0 });
    expect(onGithub.calls).toContain('gh pr comment word --edit-last --create-if-none --body-file diff.md');
    expect(onGitlab).toMatchObject({ exitCode: 0 });
    expect(readFileSync(join(repository, 'diff.md'), 'utf8')).toContain('orders');
    expect(readFileSync(join(repository, 'validate.xml'), 'utf8')).toContain('<testsuite');
  });

  it('fails the check of a pull request that breaks a manifest', async () => {
    const file = join(repository, 'manifests', 'broken.yaml');
    writeFileSync(file, 'apiVersion: gostoa.dev/v1beta1\nkind: API\nmetadata: {name: broken, tenant: northwind}\nspec: {pth: /x}\n');

    const { exitCode, output } = await runJob(github['check']);
    rmSync(file);

    expect(exitCode).toBe(6);
    expect(output).toMatch(/^::error .*file=manifests\/broken\.yaml,line=4/m);
  });

  it.each([
    ['GitHub', github],
    ['GitLab', gitlab],
  ])('applies on main, finds no drift at night, and fails the night after a change by hand: %s', async (_name, jobs) => {
    expect(await runJob(jobs['apply'])).toMatchObject({ exitCode: 0 });
    expect(await runJob(jobs['drift'])).toMatchObject({ exitCode: 0 });
    const { body } = await stack.call('GET', '/v1/resources/API/northwind/orders');
    await stack.call('PATCH', `/v1/tenants/northwind/apis/${(body as { id: string }).id}`, { rate_limit: { requests_per_hour: 1 } });

    const drift = await runJob(jobs['drift']);

    expect(drift.exitCode).toBe(2);
    expect(drift.output).toContain('drift: changed by');
    expect(await runJob(jobs['apply'])).toMatchObject({ exitCode: 0 });
  });

  it('rotates the key into a file, and shows it in no log', async () => {
    const first = await keyOf(stack, 'northwind', 'web-shop-orders');

    const { exitCode, output, calls } = await runJob(github['rotate']);
    const key = readFileSync(join(repository, 'orders.key'), 'utf8').trim();

    expect(exitCode).toBe(0);
    expect(output + calls).not.toContain(key);
    for (const candidate of [first, key])
      expect(await statusWithin(`${stack.urls.gateway}/apis/northwind/orders/1`, { headers: { 'x-api-key': candidate } }, 200)).toBe(200);
    expect(gitlab['rotate']?.[0]?.run).toBe(github['rotate']?.at(-2)?.run);
  });
});

describe('the files of the examples', () => {
  const manifests = (readdirSync(EXAMPLES, { recursive: true }) as string[])
    .filter((file) => /\.yaml$/.test(file) && !file.includes('overlays'))
    .map((file) => join(EXAMPLES, file));

  it.each([...manifests, join(ROOT, 'stoa.config.yaml')])('names a schema that is there: %s', (file) => {
    const [, schema = ''] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(readFileSync(file, 'utf8')) ?? [];

    expect(existsSync(resolve(dirname(file), schema))).toBe(true);
  });

  it.each(readdirSync(EXAMPLES))('shows in its README commands that run: %s', async (example) => {
    const readme = readFileSync(join(EXAMPLES, example, 'README.md'), 'utf8');
    const block = /```sh\n([^]*?)```/.exec(readme)?.[1] ?? '';
    const stack = await startStack();
    const { path } = toolbox();

    const commands = block.replaceAll('npx stoactl', 'stoactl');
    const { exitCode, output } = await shell(commands, ROOT, { ...stack.env, PATH: path });
    await stack.stop();

    expect(`${exitCode}\n${output}`).toMatch(/^0\n/);
  });
});
