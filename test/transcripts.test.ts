/**
 * What each command prints, on a terminal that has colours, in a pipe and with -o json: `test/golden-transcripts/<command>/`. The commands run one after another against
 * one control plane; those that need a whole stack are in `test/e2e/transcripts.test.ts`. UPDATE_GOLDEN=1 writes what comes out.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { json, manifest, shop } from './helpers/cli-case.js';
import { startForge, type Forge } from './helpers/forge.js';
import { freePort } from './helpers/ports.js';
import { expectTranscript, folderOf, FORMS, transcriptOf, TRANSCRIPTS } from './helpers/transcripts.js';
import { openWorkbench, type Workbench } from './helpers/workbench.js';

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
  'comment.md': '<!-- stoactl diff of shop -->\nNo changes.\n',
  'gateway.log': `${LOG.join('\n')}\n`,
};

/** Stands for the id of the newest key. */
const NEWEST_KEY = 'NEWEST_KEY';
/** Stands for an address at which nothing listens. */
const NOBODY = 'NOBODY';

/** In the order in which they run; a name is that of the command, with a word in brackets for a second transcript of it. */
const STEPS: readonly (readonly [string, readonly string[]])[] = [
  ['ci init', ['ci', 'init', 'github']],
  ['ci comment', ['ci', 'comment', 'comment.md']],
  ['status (nothing runs)', ['status', '--server', NOBODY]],
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
  ['keys revoke', ['keys', 'revoke', NEWEST_KEY, '--yes']],
  ['review', ['review', '--tenant', 'acme']],
  ['keys stale', ['keys', 'stale', '--tenant', 'acme']],
  ['subscriptions revoke', ['subscriptions', 'revoke', 'acme/partner-orders', '--yes']],
  ['usage', ['usage', '--tenant', 'acme']],
  ['export', ['export', '--tenant', 'acme']],
  ['delete', ['delete', 'webhook', 'acme/hook', '--yes']],
  ['history', ['history']],
  ['rollback', ['rollback', '--to', '1', '--dry-run']],
  ['audit', ['audit', '--tenant', 'acme', '--action', 'subscription.rejected']],
];

describe.each(FORMS)('as a %s', (form, more, env) => {
  let bench: Workbench;
  let forge: Forge;
  let cwd: string;
  let nobody: string;
  beforeAll(async () => {
    nobody = `http://127.0.0.1:${await freePort()}`;
    bench = await openWorkbench();
    forge = await startForge();
    cwd = mkdtempSync(join(tmpdir(), 'stoa-transcripts-'));
    for (const [file, text] of Object.entries(FILES)) writeFileSync(join(cwd, file), text);
  });
  afterAll(async () => {
    forge.stop();
    await bench.close();
    rmSync(cwd, { recursive: true, force: true });
  });

  const run = (args: readonly string[]) => {
    const home = { HOME: cwd, XDG_CONFIG_HOME: '', XDG_CACHE_HOME: '', HOOK_SECRET: 'x', STOA_GATEWAY_URL: nobody };
    return bench.run(args, { cwd, env: { ...home, ...(args[0] === 'ci' ? forge.github : {}), ...env } });
  };
  const newestKey = async (): Promise<string> => {
    const { keys } = json((await run(['keys', 'list', '--tenant', 'acme', '-o', 'json'])).stdout) as unknown as { keys: { id: string }[] };
    return keys[0]?.id ?? '';
  };

  it.each(STEPS)('%s', async (name, given) => {
    const words: Readonly<Record<string, string>> = { [NOBODY]: nobody, [NEWEST_KEY]: given.includes(NEWEST_KEY) ? await newestKey() : '' };
    const args = [...given.map((word) => words[word] ?? word), ...more];

    const shown = transcriptOf({ args, cwd, ...(await run(args)) });

    expectTranscript(name, form, shown);
  });
});

/** Their JSON is of others: a schema, manifests, log lines, events. */
const FOREIGN_JSON = ['schema', 'logs', 'dev'];

it('every JSON names the version of its form (CL1)', () => {
  const texts = readdirSync(TRANSCRIPTS)
    .filter((folder) => !FOREIGN_JSON.includes(folder))
    .map((folder) => [folder, readFileSync(join(TRANSCRIPTS, folder, 'json.txt'), 'utf8').split(/^\$ .*\n|^--- /m)[1] ?? ''] as const);

  const unversioned = texts
    .filter(([, text]) => (json(text) as { schema_version?: unknown }).schema_version !== 1)
    .map(([folder]) => folder);

  expect(unversioned).toEqual([]);
});

it('every command has a transcript in every form, and each that is kept is of a command (CL1)', () => {
  const commands = (readdirSync(COMMANDS, { recursive: true }) as string[])
    .filter((file) => /(?<!\.test)\.ts$/.test(file))
    .map((file) => file.replace(/\.ts$/, '').replaceAll('/', '-'));
  const folders = readdirSync(TRANSCRIPTS);

  const missing = commands.flatMap((command) =>
    FORMS.filter(([form]) => !existsSync(join(TRANSCRIPTS, command, `${form}.txt`))).map(([form]) => `${command} as a ${form}`),
  );

  expect(missing).toEqual([]);
  expect(folders.filter((folder) => !commands.includes(folder.replace(/\..*/, '')))).toEqual([]);
  expect(STEPS.map(([name]) => folderOf(name)).filter((folder) => !folders.includes(folder))).toEqual([]);
});
