/** `stoactl test`: the built command, its own control plane and gateway, and a repository on the disk. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CANARY, KEY, manifest } from '../helpers/cli-case.js';
import { runStoactl } from '../helpers/stack.js';

let root: string;
/** What the manifests name as upstreams and webhooks: nobody may call it. */
let outside: { readonly url: string; calls: number };
let closeOutside: () => unknown;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'stoactl-test-e2e-'));
  const found = { url: '', calls: 0 };
  const server = createServer((_req, res) => {
    found.calls += 1;
    res.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  found.url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  outside = found;
  closeOutside = () => server.close();
});
afterAll(() => {
  closeOutside();
  rmSync(root, { recursive: true, force: true });
});

/** A shop whose tenant is declared elsewhere: two APIs, one with two servers, and a subscription of each kind. */
const shop = (): string =>
  manifest('API', { name: 'orders', tenant: 'shop' }, { path: '/orders', upstream_url: `${outside.url}/v2`, retries: 0 }) +
  manifest(
    'API',
    { name: 'catalog', tenant: 'shop' },
    {
      path: '/catalog',
      auth_required: false,
      upstreams: [{ url: 'https://one.internal' }, { url: 'https://two.internal:8443' }],
      health_check: { path: '/health', interval_secs: 1 },
    },
  ) +
  manifest('Consumer', { name: 'app', tenant: 'shop' }, { email: 'a@example.com' }) +
  manifest('Plan', { name: 'gold', tenant: 'shop' }, { requires_approval: true, quota: { daily: 2 } }) +
  manifest('Subscription', { name: 'app-orders', tenant: 'shop' }, { api: 'orders', consumer: 'app' }) +
  manifest('Subscription', { name: 'gold-orders', tenant: 'shop' }, { api: 'orders', consumer: 'app', plan: 'gold' }) +
  manifest('Webhook', { name: 'hook', tenant: 'shop' }, { url: outside.url, events: ['*'], secret_ref: 'env:HOOK_SECRET' }) +
  manifest(
    'Policy',
    { name: 'office', tenant: 'shop' },
    { policy_type: 'ip_filter', config: { deny: ['203.0.113.0/24'] }, targets: [{ kind: 'API', name: 'catalog' }] },
  );

function repository(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(root, 'repository-'));
  const all = { 'stoa.config.yaml': 'project: shop\nmanifests: [manifests/*.yaml]\n', 'manifests/shop.yaml': shop(), ...files };
  for (const [file, text] of Object.entries(all)) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), text);
  }
  return directory;
}

const test = (cwd: string, ...args: readonly string[]) => runStoactl(['test', ...args], { cwd, env: { HOOK_SECRET: CANARY } });
const PASSING = `cases:
  - name: a quota of a day begins again at midnight UTC
    now: 2026-02-28T23:59:00Z
    steps:
      - approve: gold-orders
      - request: { path: /apis/shop/orders/1, key: gold-orders, repeat: 2 }
        expect: { status: 200, upstream: { requests: 2, path: /v2/1 } }
      - request: { path: /apis/shop/orders/1, key: shop/gold-orders }
        expect: { status: 429, upstream: { requests: 0 } }
      - advance: 1m
      - request: { path: /apis/shop/orders/1, key: gold-orders }
        expect: { status: 200 }
  - name: knows nothing of the case before
    steps:
      - approve: gold-orders
      - request: { path: /apis/shop/orders/1, key: gold-orders, repeat: 2 }
        expect: { status: 200 }
  - name: the key of a revoked subscription is refused
    steps:
      - revoke: app-orders
      - request: { path: /apis/shop/orders/1, key: app-orders }
        expect: { status: 401, body: { error: { code: unauthorized } } }
  - name: the other server is called when one cannot be reached
    steps:
      - upstream: { host: one.internal, down: true }
      - request: { path: /apis/shop/catalog/x, repeat: 4 }
        expect: { status: 200, upstream: { requests: 4, headers: { host: 'two.internal:8443' } } }
      - upstream: { down: true }
      - request: { path: /apis/shop/catalog/x }
        expect: { status: 502 }
      - upstream: { status: 404, times: 1, headers: { X-Shop: 7 }, body: gone fishing }
      - request: { path: /apis/shop/catalog/x }
        expect: { status: 404, headers: { x-shop: 7 }, body: fishing }
      - request: { path: /apis/shop/catalog/x }
        expect: { status: 200, body: {} }
  - name: who is kept out by address is kept out
    steps:
      - request: { path: /apis/shop/catalog/x, from: 203.0.113.9 }
        expect: { status: 403 }
      - request: { path: /apis/shop/catalog/x, from: 198.51.100.1 }
        expect: { status: 200 }
`;

describe('stoactl test', { timeout: 120_000 }, () => {
  it('runs each case in a world of its own, and calls nothing outside of it', async () => {
    const directory = repository({ 'tests/shop.yaml': PASSING });

    const { exitCode, stdout } = await test(directory);

    expect(stdout).toMatch(/^tests\/shop\.yaml\n( {2}ok {6}\S.*\n){5}\nPassed: 5 cases in \d+ ms\.\n/);
    expect(exitCode).toBe(0);
    expect(outside.calls).toBe(0);
    expect(readdirSync(directory).sort()).toEqual(['manifests', 'stoa.config.yaml', 'tests']);
  });

  it('points at every expectation that does not hold, and at a step that is refused', async () => {
    const directory = repository({
      'tests/a.yaml': `cases:
  - name: is created
    steps:
      - request: { path: /apis/shop/orders/1, key: app-orders, repeat: 2 }
        expect:
          status: 201
          headers: { x-shop: 7 }
  - name: rotates twice
    steps:
      - rotate: { subscription: app-orders, as: second }
      - rotate: { subscription: app-orders, as: third }
  - name: has no key
    steps:
      - request: { path: /apis/shop/orders/1, key: gold-orders }
`,
    });

    const human = await test(directory);
    const json = await test(directory, '-o', 'json');

    expect([human.exitCode, json.exitCode]).toEqual([1, 1]);
    expect(human.stdout).toContain('tests/a.yaml:6:19: error: Request 1 of 2: The status is 200, not 201. [test_failed]');
    expect(human.stdout).toContain('tests/a.yaml:7:30: error: Request 1 of 2: The answer has no header x-shop. [test_failed]');
    expect(human.stdout).toMatch(/^tests\/a\.yaml:11:9: error: The previous key .* has been promised until 2026-01-16T12:00:00\.000Z/m);
    expect(human.stdout).toContain('tests/a.yaml:14:52: error: There is no key "gold-orders" yet.');
    expect(human.stdout).toMatch(/^Failed: 3 of 3 cases in/m);
    expect(JSON.parse(json.stdout)).toMatchObject({
      schema_version: 1,
      passed: false,
      summary: { cases: 3, passed: 0, failed: 3 },
      cases: [{ name: 'is created', file: 'tests/a.yaml', line: 2, failures: [{ path: 'steps.0.expect.status' }, {}] }, {}, {}],
      diagnostics: [],
    });
    expect(human.stdout + human.stderr + json.stdout).not.toMatch(KEY);
  });

  it('runs nothing, with exit code 6, when a test file or a manifest is wrong, and reports all of it', async () => {
    const directory = repository({
      'manifests/wrong.yaml': manifest('API', { name: 'wrong', tenant: 'shop' }, { pth: '/x', upstream_url: 'http://a.internal' }),
      'tests/a.yaml': 'cases:\n  - name: a\n    steps:\n      - request: { path: /x, key: app-order }\n',
      'tests/b.yaml': 'cases:\n  - name: b\n    steps:\n      - reqest: { path: /x }\n',
    });

    const human = await test(directory);

    expect(human.exitCode).toBe(6);
    expect(human.stdout).toMatch(/^manifests\/wrong\.yaml:1:\d+: error: The field "pth" is not known\. \[unknown_field\]/m);
    expect(human.stdout).toMatch(
      /^tests\/a\.yaml:4:35: error: There is no subscription "app-order" in the manifests\.[^]* {4}Did you mean "app-orders"\?/m,
    );
    expect(human.stdout).toMatch(
      /^tests\/b\.yaml:4:9: error: The field "reqest" is not known in "cases\.0\.steps\.0"\.[^]* {4}Did you mean "request"\?/m,
    );
    expect(human.stdout).toMatch(/^Not run: \d errors\.$/m);
  });

  it('says where tests are looked for when there are none', async () => {
    const { exitCode, stderr } = await test(repository({}));

    expect(exitCode).toBe(64);
    expect(stderr).toContain('There are no tests: no paths, no "tests" in stoa.config.yaml, and no tests/*.yaml.');
  });
});
