/** `stoactl diff --impact` after real traffic: the log of a real gateway, replayed. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Impact } from '../../schema/impact.js';
import { CANARY, KEY, manifest, tenant } from '../helpers/cli-case.js';
import { startStack, type CommandResult, type TestStack } from '../helpers/stack.js';

let stack: TestStack;
let directory: string;
let upstream: { readonly server: Server; readonly url: string };
beforeAll(async () => {
  const server = createServer((req, res) => req.resume().on('end', () => res.end('{}')));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  upstream = { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  directory = mkdtempSync(join(tmpdir(), 'stoactl-impact-'));
  stack = await startStack({ seed: false, cwd: directory });
}, 120_000);
afterAll(async () => {
  await stack.stop();
  upstream.server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** The shop as it is written: orders with a limit, and a list that anybody may read. */
function write(limit: number, methods: readonly string[] = ['GET', 'POST']): void {
  const text =
    tenant('shop') +
    manifest(
      'API',
      { name: 'orders', tenant: 'shop' },
      { path: '/orders', upstream_url: upstream.url, methods, rate_limit: { requests_per_hour: limit } },
    ) +
    manifest('API', { name: 'list', tenant: 'shop' }, { path: '/list', upstream_url: upstream.url, auth_required: false }) +
    manifest('Consumer', { name: 'app', tenant: 'shop' }, { email: 'a@example.com' }) +
    manifest('Subscription', { name: 'app-orders', tenant: 'shop' }, { api: 'orders', consumer: 'app' });
  writeFileSync(join(directory, 'shop.yaml'), text);
  writeFileSync(join(directory, 'stoa.config.yaml'), 'project: shop\nmanifests: [shop.yaml]\n');
}

const run = (...args: string[]): Promise<CommandResult> => stack.stoactl(args, { cwd: directory });
const impactOf = ({ stdout }: CommandResult): Impact => (JSON.parse(stdout) as { impact: Impact }).impact;

it('says what a change would have done to the requests that the gateway has served, and no key, body or query', async () => {
  write(10);
  const applied = await run('apply', '--yes');
  expect(applied, applied.stderr).toMatchObject({ exitCode: 0 });
  const [key = ''] = KEY.exec((await run('rotate-key', 'shop/app-orders')).stdout) ?? [];
  const send = async (path: string, init: RequestInit = {}): Promise<number> =>
    (await fetch(`${stack.urls.gateway}/apis/shop${path}?secret=${CANARY}`, init)).status;
  const headers = { 'x-api-key': key };
  await expect.poll(() => send('/orders/first', { headers }), { timeout: 20_000 }).toBe(200);
  for (let count = 0; count < 11; count += 1) await send('/orders/17', { headers });
  for (let count = 0; count < 2; count += 1) await send('/orders/1', { headers: {} });
  await send('/list', { method: 'POST', body: CANARY });
  await send('/nowhere');
  const served = 12 + 2 + 1 + 1;

  write(4, ['POST']);
  const log = join(stack.dataDir, 'logs', 'gateway.log');
  await expect
    .poll(() => readFileSync(log, 'utf8').split('"request completed"').length - 1, { timeout: 20_000 })
    .toBeGreaterThanOrEqual(served);
  const methodGone = await run('diff', '--impact', '1h', '--log', log, '-o', 'json', '--exit-code', '--fail-on', 'impact');
  write(4);
  const tighter = await run('diff', '--impact', '1h', '--log', log, '-o', 'json');
  const piped = await stack.stoactl(['diff', '--impact', '1h', '--log', '-', '-o', 'json'], {
    cwd: directory,
    input: readFileSync(log, 'utf8'),
  });
  const text = await run('diff', '--impact', '1h', '--log', log);
  const markdown = await run('diff', '--impact', '1h', '--log', log, '-o', 'markdown');

  expect([methodGone.exitCode, tighter.exitCode, tighter.stderr]).toEqual([2, 0, '']);
  expect(impactOf(methodGone).refused).toEqual([
    expect.objectContaining({ reason: 'method_not_allowed', status: 405, consumer: 'app', requests: 10 }),
  ]);
  const { summary, refused, ...rest } = impactOf(tighter);
  expect(rest).toMatchObject({ allowed: [], moved: [], undecided: [] });
  expect(refused).toEqual([
    expect.objectContaining({
      tenant: 'shop',
      api: 'orders',
      consumer: 'app',
      status: 429,
      requests: 6,
      limit: { requests: 4, window_secs: 3600 },
    }),
  ]);
  expect(summary).toMatchObject({ refused: 6, consumers: 1 });
  // The configuration of today decides the same again, but for the requests before it was there.
  expect(summary.requests - summary.as_recorded).toBe(summary.requests - served);
  expect(impactOf(piped).summary).toEqual(summary);
  expect(text.stdout).toMatch(
    /6 requests of 1 consumer would have been refused\n.*\n6 +shop\/orders +app +429 rate_limit_exceeded \(4 in 3600 s\)/,
  );
  expect(markdown.stdout).toContain('| 6 | shop/orders | app | 429 rate\\_limit\\_exceeded (4 in 3600 s) |');
  const written = [readFileSync(log, 'utf8'), tighter.stdout, text.stdout, markdown.stdout].join('');
  expect([CANARY, key].filter((secret) => written.includes(secret))).toEqual([]);
}, 180_000);

it('refuses what has no meaning, and needs the logs of a server elsewhere', async () => {
  const results = await Promise.all([
    run('diff', '--log', 'x.log'),
    run('diff', '--exit-code', '--fail-on', 'impact'),
    run('diff', '--impact', 'soon'),
    run('diff', '--impact', '1h', '--server', 'https://api.example.com'),
    run('diff', '--impact', '1h', '--log', join(directory, 'none.log')),
  ]);

  expect(results.map(({ exitCode }) => exitCode)).toEqual([64, 64, 64, 64, 4]);
  expect(results.map(({ stderr }) => stderr.split('\n')[0])).toEqual([
    expect.stringContaining('--log goes with --impact.'),
    expect.stringContaining('--fail-on impact goes with --impact.'),
    expect.stringContaining('--impact: "soon" is neither a duration nor a time.'),
    expect.stringContaining('--impact needs the logs of the gateways of https://api.example.com.'),
    expect.stringContaining('none.log cannot be read'),
  ]);
}, 60_000);
