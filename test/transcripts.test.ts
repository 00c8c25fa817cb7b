/**
 * What each command prints, on a terminal that has colours, in a pipe and with -o json: `test/golden-transcripts/<command>/`. The commands run one after another against
 * one control plane. `UPDATE_GOLDEN=1 npx vitest run test/transcripts.test.ts` writes what comes out.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest, shop } from './helpers/cli-case.js';
import type { CommandResult } from './helpers/stack.js';
import { openWorkbench, type Workbench } from './helpers/workbench.js';

const ROOT = join(import.meta.dirname, 'golden-transcripts');
const COMMANDS = join(import.meta.dirname, '../cli/commands');

const OPENAPI =
  'openapi: 3.1.0\ninfo: {title: Pets}\nservers: [{url: "https://pets.example.com/v1"}]\npaths: {/pets: {get: {}, post: {}}}\nwebhooks: {born: {post: {}}}\n';
const KONG =
  '_format_version: "3.0"\nservices:\n  - name: carts\n    url: http://carts.internal:8080\n    routes: [{name: carts, paths: [/carts]}]\n    plugins: [{name: rate-limiting, config: {minute: 5}}, {name: acl}]\n';
const LOG = [
  '{"ts":"2026-11-30T08:00:00.000Z","level":"info","event":"request completed","consumer":"mobile","path":"/apis/acme/orders","status":200,"latency_ms":3}',
  '{"ts":"2026-11-30T08:00:01.000Z","level":"warn","event":"rate_limit_exceeded","consumer":"mobile","path":"/apis/acme/orders","status":429}',
];
const FILES: Readonly<Record<string, string>> = {
  'stoa.config.yaml': 'project: shop\nmanifests: [shop.yaml]\n',
  'shop.yaml':
    shop('acme') +
    manifest('Plan', { name: 'gold', tenant: 'acme' }, { requires_approval: true }) +
    manifest('Consumer', { name: 'partner', tenant: 'acme' }, {}) +
    manifest('Subscription', { name: 'partner-orders', tenant: 'acme' }, { api: 'orders', consumer: 'partner', plan: 'gold' }) +
    manifest('Consumer', { name: 'visitor', tenant: 'acme' }, {}) +
    manifest('Subscription', { name: 'visitor-orders', tenant: 'acme' }, { api: 'orders', consumer: 'visitor', plan: 'gold' }),
  'wrong.yaml':
    'apiVersion: gostoa.dev/v1beta1\nkind: API\nmetadata: {name: carts, tenant: acme}\nspec:\n  pth: /carts\n  upstream_url: nowhere\n  retries: many\n',
  'openapi.yaml': OPENAPI,
  'kong.yaml': KONG,
  'gateway.log': `${LOG.join('\n')}\n`,
};

/** In the order in which they run; a name is that of the command, with a word in brackets for a second transcript of it. */
const STEPS: readonly (readonly [string, readonly string[]])[] = [
  ['validate', ['validate']],
  ['validate (wrong)', ['validate', 'wrong.yaml']],
  ['explain', ['explain', 'api.rate_limit']],
  ['schema', ['schema', 'consumer']],
  ['fmt', ['fmt', '--check', 'wrong.yaml']],
  ['import openapi', ['import', 'openapi', 'openapi.yaml', '--tenant', 'acme']],
  ['import kong', ['import', 'kong', 'kong.yaml', '--tenant', 'acme']],
  ['init', ['init', 'fresh']],
  ['logs', ['logs', 'gateway.log', '--status', '4xx']],
  ['context set', ['context', 'set', 'local', '--server', 'http://127.0.0.1:8000']],
  ['context use', ['context', 'use', 'local']],
  ['context list', ['context', 'list']],
  ['context show', ['context', 'show', '--origin']],
  ['diff', ['diff']],
  ['apply (unconfirmed)', ['apply']],
  ['apply', ['apply', '--yes']],
  ['apply (again)', ['apply']],
  ['get', ['get', 'apis']],
  ['get (nothing)', ['get', 'api', 'acme/oders']],
  ['describe', ['describe', 'api', 'acme/orders']],
  ['complete-names', ['complete-names', 'apis']],
  ['subscriptions list', ['subscriptions', 'list', '--status', 'active']],
  ['subscriptions approve', ['subscriptions', 'approve', 'acme/partner-orders', '--rate-limit', '1000']],
  ['subscriptions reject', ['subscriptions', 'reject', 'acme/visitor-orders', '--reason', 'no contract']],
  ['subscriptions suspend', ['subscriptions', 'suspend', 'acme/partner-orders']],
  ['subscriptions resume', ['subscriptions', 'resume', 'acme/partner-orders']],
  ['rotate-key', ['rotate-key', 'acme/mobile-orders', '--grace', '24h']],
  ['keys list', ['keys', 'list', '--subscription', 'acme/mobile-orders']],
  ['keys stale', ['keys', 'stale', '--tenant', 'acme']],
  ['subscriptions revoke', ['subscriptions', 'revoke', 'acme/partner-orders', '--yes']],
  ['usage', ['usage', '--tenant', 'acme']],
  ['export', ['export', '--tenant', 'acme']],
  ['delete', ['delete', 'webhook', 'acme/hook', '--yes']],
  ['history', ['history']],
  ['rollback', ['rollback', '--to', '1', '--dry-run']],
  ['audit', ['audit', '--tenant', 'acme', '--action', 'subscription.rejected']],
];

/** `apply (again)` is kept in `apply.again`, `keys list` in `keys-list`. */
const folderOf = (name: string): string => name.replace(' (', '.').replace(')', '').replaceAll(' ', '-');

/** These need processes, directories or answers of their own; test/e2e holds what they print. */
const ELSEWHERE = [
  'autocomplete',
  'backup',
  'ci comment',
  'ci init',
  'dev',
  'dev logs',
  'dev ps',
  'dev restart',
  'dev start',
  'dev stop',
  'doctor',
  'keys revoke',
  'login',
  'restore',
  'review',
  'status',
  'test',
];

/** What differs from run to run, in the same number of characters so that tables stay as they are. */
const VARYING: readonly (readonly [RegExp, (found: string) => string])[] = [
  [/stoa_sk_[0-9a-z]{4,32}/g, (found) => `stoa_sk_${'x'.repeat(found.length - 8)}`],
  [/\b(?:ten|api|con|pla|sub|pol|web|key|eve|aud)-[0-9a-z]{12}\b/g, (found) => `${found.slice(0, 4)}${'0'.repeat(12)}`],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, () => '00000000-0000-0000-0000-000000000000'],
  [/\b20\d\d-\d\d(-\d\d)?(T\d\d:\d\d(:\d\d(\.\d+)?)?Z?)?/g, (found) => found.replace(/\d/g, '0')],
  [/http:\/\/127\.0\.0\.1:(?!8000)\d{4,5}/g, (found) => found.replace(/\d+$/, (port) => '0'.repeat(port.length))],
];

const forms = [
  ['terminal', [], { FORCE_COLOR: '1' }],
  ['pipe', [], {}],
  ['json', ['-o', 'json'], {}],
] as const;

function transcript(args: readonly string[], { stdout, stderr, exitCode }: CommandResult, cwd: string): string {
  const text = `$ stoactl ${args.join(' ')}\n${stdout}${stderr === '' ? '' : `--- stderr\n${stderr}`}--- exit ${exitCode}\n`
    .replaceAll(cwd, '<directory>')
    .replaceAll('\u001b', '␛');
  return VARYING.reduce((shown, [pattern, same]) => shown.replace(pattern, same), text);
}

describe.each(forms)('as a %s', (form, more, env) => {
  let bench: Workbench;
  let cwd: string;
  beforeAll(async () => {
    bench = await openWorkbench();
    cwd = mkdtempSync(join(tmpdir(), 'stoa-transcripts-'));
    for (const [file, text] of Object.entries(FILES)) writeFileSync(join(cwd, file), text);
  });
  afterAll(async () => {
    await bench.close();
    rmSync(cwd, { recursive: true, force: true });
  });

  it.each(STEPS)('%s', async (name, given) => {
    const args = [...given, ...more];
    const home = { HOME: cwd, XDG_CONFIG_HOME: '', XDG_CACHE_HOME: '', HOOK_SECRET: 'x' };
    const file = join(ROOT, folderOf(name), `${form}.txt`);

    const shown = transcript(args, await bench.run(args, { cwd, env: { ...home, ...env } }), cwd);

    if (process.env['UPDATE_GOLDEN'] === '1') {
      mkdirSync(join(ROOT, folderOf(name)), { recursive: true });
      writeFileSync(file, shown);
    }
    expect(existsSync(file)).toBe(true);
    expect(shown).toBe(readFileSync(file, 'utf8'));
  });
});

it('every command has its transcripts, here or elsewhere', () => {
  const commands = (readdirSync(COMMANDS, { recursive: true }) as string[])
    .filter((file) => /(?<!\.test)\.ts$/.test(file))
    .map((file) => file.replace(/\.ts$/, '').split('/').join(' '));

  expect([...new Set(STEPS.map(([name]) => name.replace(/ \(.*/, ''))), ...ELSEWHERE].sort()).toEqual(commands.sort());
  expect(readdirSync(ROOT).sort()).toEqual(STEPS.map(([name]) => folderOf(name)).sort());
});
