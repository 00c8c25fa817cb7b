/** Every example runs: on a stack of its own, through the commands that its README and its pipelines name. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startForge, type Forge } from '../helpers/forge.js';
import { jobsOf, runJob, shell, toolbox, type Step } from '../helpers/pipeline.js';
import { ROOT, startStack, type TestStack } from '../helpers/stack.js';

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

describe('the pipelines of the GitOps example', { timeout: 240_000 }, () => {
  const GITHUB = join(EXAMPLES, 'gitops', '.github', 'workflows');
  let stack: TestStack;
  let forge: Forge;
  let repository: string;

  beforeAll(async () => {
    stack = await emptyStack();
    forge = await startForge();
    repository = join(work, 'repository');
    mkdirSync(repository);
    writeFileSync(join(repository, 'stoa.config.yaml'), readFileSync(join(EXAMPLES, 'gitops', 'stoa.config.yaml')));
    for (const part of ['manifests', 'tests']) cpSync(join(EXAMPLES, 'gitops', part), join(repository, part), { recursive: true });
  });
  afterAll(async () => {
    forge.stop();
    await stack.stop();
  });

  const run = (steps: readonly Step[] | undefined, system: 'github' | 'gitlab' = 'github') =>
    runJob(steps, repository, { ...stack.env, ...forge[system], ORDERS_URL: stack.urls.echo, STOACTL_PACKAGE: 'stoactl.tgz' });

  const github = {
    ...jobsOf(join(GITHUB, 'stoa.yml')),
    ...jobsOf(join(GITHUB, 'stoa-drift.yml')),
    ...jobsOf(join(GITHUB, 'stoa-rotate.yml')),
  };
  const gitlab = jobsOf(join(EXAMPLES, 'gitops', '.gitlab-ci.yml'));

  it('has the same jobs on both systems', () => {
    expect(Object.keys(github)).toEqual(['check', 'apply', 'drift', 'rotate']);
    expect(Object.keys(gitlab)).toEqual(['validate', 'test', 'diff', 'apply', 'drift', 'rotate']);
  });

  it('comments on a pull request with the diff, once (CL12)', { timeout: 240_000 }, async () => {
    const onGithub = await run(github['check']);
    const again = await run(github['check']?.slice(-2));
    const onGitlab = await run([...(gitlab['validate'] ?? []), ...(gitlab['test'] ?? []), ...(gitlab['diff'] ?? [])], 'gitlab');

    expect([onGithub, again, onGitlab]).toMatchObject([{ exitCode: 0 }, { exitCode: 0 }, { exitCode: 0 }]);
    expect(forge.calls.filter((call) => !call.startsWith('GET'))).toEqual(['POST /repos/acme/gateway/issues/17/comments']);
    expect(forge.comments.map(({ body }) => body)).toEqual([
      expect.stringMatching(/^<!-- stoactl diff: northwind-gateway -->\n[^]*orders/),
    ]);
    expect(readFileSync(join(repository, 'validate.xml'), 'utf8')).toContain('<testsuite');
    expect(readFileSync(join(repository, 'tests.xml'), 'utf8')).toContain('<testsuites tests="2" failures="0" errors="0"');
  });

  it('fails the check of a pull request that breaks a manifest', async () => {
    const file = join(repository, 'manifests', 'broken.yaml');
    writeFileSync(file, 'apiVersion: gostoa.dev/v1beta1\nkind: API\nmetadata: {name: broken, tenant: northwind}\nspec: {pth: /x}\n');

    const { exitCode, output } = await run(github['check']);
    rmSync(file);

    expect(exitCode).toBe(6);
    expect(output).toMatch(/^::error .*file=manifests\/broken\.yaml,line=4/m);
  });

  it.each([
    ['GitHub', github],
    ['GitLab', gitlab],
  ])('applies on main, finds no drift at night, and fails the night after a change by hand: %s', async (_name, jobs) => {
    expect(await run(jobs['apply'])).toMatchObject({ exitCode: 0 });
    expect(await run(jobs['drift'])).toMatchObject({ exitCode: 0 });
    const { body } = await stack.call('GET', '/v1/resources/API/northwind/orders');
    await stack.call('PATCH', `/v1/tenants/northwind/apis/${(body as { id: string }).id}`, { rate_limit: { requests_per_hour: 1 } });

    const drift = await run(jobs['drift']);

    expect(drift.exitCode).toBe(2);
    expect(drift.output).toContain('drift: changed by');
    expect(await run(jobs['apply'])).toMatchObject({ exitCode: 0 });
  });

  it('rotates the key into a file, and shows it in no log', async () => {
    const first = await keyOf(stack, 'northwind', 'web-shop-orders');

    const { exitCode, output, calls } = await run(github['rotate']);
    const key = readFileSync(join(repository, 'new.key'), 'utf8').trim();

    expect(exitCode).toBe(0);
    expect(output + calls).not.toContain(key);
    for (const candidate of [first, key])
      expect(await statusWithin(`${stack.urls.gateway}/apis/northwind/orders/1`, { headers: { 'x-api-key': candidate } }, 200)).toBe(200);
    expect(gitlab['rotate']?.[0]?.run).toBe(github['rotate']?.at(-2)?.run);
  });
});

describe('the files of the examples', { timeout: 120_000 }, () => {
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
    const { path } = toolbox(work);

    const commands = block.replaceAll('npx stoactl', 'stoactl');
    const { exitCode, output } = await shell(commands, ROOT, { ...stack.env, PATH: path });
    await stack.stop();

    expect(`${exitCode}\n${output}`).toMatch(/^0\n/);
  });
});
