/** Promise 2 of the command line: a secret is in no byte of any output, file, plan, error or log, nor of the database. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CLIENT_SECRET } from '../helpers/control-plane.js';
import { FAULTS, openWorkbench, type Workbench } from '../helpers/workbench.js';
import { CANARY, openScenario, scenarios, workplaceFor, type Scenario } from './scenarios.js';

const KEY = /stoa_sk_[0-9a-z]{32}/;
const TOKEN = /eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/;

/** What nothing may show: secrets of manifests, of the client, keys and tokens. */
function leaksIn(text: string): string[] {
  return [
    ...(text.includes(CANARY) ? ['a secret of a manifest'] : []),
    ...(text.includes(CLIENT_SECRET) ? ['the secret of the client'] : []),
    ...(KEY.test(text) ? ['an API key'] : []),
    ...(TOKEN.test(text) ? ['an access token'] : []),
  ];
}

/** Everything below a directory. */
const filesOf = (directory: string): string =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');

/** Every command that reads manifests or what came of them, in each of its forms, around the apply of a scenario. */
function commandsOf({ plan, apply }: Scenario, out: string): string[][] {
  const isApply = apply[0] === 'apply';
  const sources = plan.filter((flag, index, all) => /^(-f|--environment)$/.test(flag) || /^(-f|--environment)$/.test(all[index - 1] ?? ''));
  const each = (command: readonly string[], forms: readonly string[]): string[][] => forms.map((form) => [...command, '-o', form]);
  const reading = [
    ...each(['get', 'all'], ['human', 'json', 'yaml', 'wide', 'name']),
    ['describe', 'webhook', 'hook', '--tenant', 'acme', '-o', 'json'],
    ['export', '--to-dir', join(out, 'export'), '--force'],
    ...each(['history'], ['human', 'json']),
    ...each(['audit', '--tenant', 'acme'], ['human', 'json']),
  ];
  const planning = isApply
    ? [
        ...each(['validate', ...sources], ['human', 'json', 'github', 'sarif', 'junit']),
        ...each(plan, ['human', 'json', 'markdown', 'unified']),
        [...plan, '--out', join(out, 'plan.json')],
      ]
    : each(plan, ['human', 'json']);
  return [...planning, [...apply, '-v'], ...planning, [...apply, '-o', 'json'], ...reading];
}

it.each(scenarios(8).map((scenario) => [scenario.name, scenario] as const))(
  'nothing shows one: %s',
  { timeout: 60_000 },
  async (_name, scenario) => {
    const { cwd, env } = scenario;
    const bench = await openScenario(scenario);
    const out = mkdtempSync(join(tmpdir(), 'stoa-secrets-'));

    for (const args of commandsOf(scenario, out)) {
      const { stdout, stderr } = await bench.run(args, { cwd, env });
      expect([args.join(' '), ...leaksIn(stdout + stderr)]).toEqual([args.join(' ')]);
    }

    expect(leaksIn(filesOf(out))).toEqual([]);
    expect(leaksIn(bench.plane.logLines.join(''))).toEqual([]);
    expect(leaksIn(bench.database.bytes().toString('latin1'))).toEqual([]);
    await bench.close();
  },
);

it('no error shows one, whatever goes wrong on the way', { timeout: 60_000 }, async () => {
  const [scenario] = scenarios(2).slice(-1);
  if (scenario === undefined) throw new Error('There is no scenario.');
  const bench = await openScenario(scenario);
  for (const fault of FAULTS)
    for (const at of [0, 1, 2]) {
      bench.takeRequests();
      bench.disturb(fault, at, { stays: true });
      const { stdout, stderr } = await bench.run([...scenario.apply, '-v', '--timeout', '1s'], scenario);
      expect([fault, at, ...leaksIn(stdout + stderr)]).toEqual([fault, at]);
    }
  await bench.close();
});

it('no manifest that is wrong shows one: a literal in any field that holds text', async () => {
  const bench = await openWorkbench();
  const literal = `literal-${CANARY}`;
  const key = `stoa_sk_${'0a'.repeat(16)}`;
  const specs = [
    `secret_ref: ${literal}`,
    `secret_ref: env:HOOK_SECRET\n  secret: ${literal}`,
    `secret_ref: [${literal}]`,
    `secret_ref: {value: ${literal}}`,
    `url: https://user:${literal}@hooks.example.com`,
    `url: https://hooks.example.com/?key=${key}`,
    `password: ${literal}`,
    `secret_ref: "${literal}`,
  ];
  for (const [index, spec] of specs.entries()) {
    const text = `apiVersion: gostoa.dev/v1beta1\nkind: Webhook\nmetadata: {name: w, tenant: acme}\nspec:\n  events: ["*"]\n  ${spec}\n`;
    const cwd = workplaceFor(`literal-${index}`, { 'a.yaml': text });
    for (const args of [
      ['validate', 'a.yaml'],
      ['validate', 'a.yaml', '-o', 'json'],
      ['validate', 'a.yaml', '-o', 'sarif'],
      ['diff', '-f', 'a.yaml'],
      ['apply', '-f', 'a.yaml', '-o', 'json'],
    ]) {
      const { stdout, stderr, exitCode } = await bench.run(args, { cwd });
      expect([spec, ...leaksIn(stdout + stderr)]).toEqual([spec]);
      expect(exitCode).toBe(6);
    }
  }
  await bench.close();
});

it('a new key is in what a rotation prints, and nowhere else', async () => {
  const bench = await openWorkbench();
  const cwd = workplaceFor('rotation', { 'shop.yaml': SHOP });
  await bench.run(['apply', '-f', 'shop.yaml', '--yes'], { cwd });

  const rotated = await bench.run(['rotate-key', 'acme/app-orders', '--quiet'], { cwd });
  const others = await keysShown(bench, cwd);

  expect(rotated.stdout).toMatch(/^stoa_sk_[0-9a-z]{32}\n$/);
  expect(others).toEqual([]);
  // Prefix and digest of a key stand side by side in the database: what is looked for there is the key itself.
  expect(bench.database.bytes().toString('latin1')).not.toContain(rotated.stdout.trim());
  expect(leaksIn(bench.plane.logLines.join(''))).toEqual([]);
  await bench.close();
});

const SHOP = [
  ['Tenant', '{name: acme}', '{}'],
  ['API', '{name: orders, tenant: acme}', '{path: /orders, upstream_url: "https://up.example.com"}'],
  ['Consumer', '{name: app, tenant: acme}', '{}'],
  ['Subscription', '{name: app-orders, tenant: acme}', '{api: orders, consumer: app}'],
]
  .map(
    ([kind = '', metadata = '', spec = '']) => `apiVersion: gostoa.dev/v1beta1\nkind: ${kind}\nmetadata: ${metadata}\nspec: ${spec}\n---\n`,
  )
  .join('');

async function keysShown(bench: Workbench, cwd: string): Promise<string[]> {
  const commands = [
    ['get', 'all', '-o', 'json'],
    ['describe', 'subscription', 'acme/app-orders', '-o', 'json'],
    ['keys', 'list', '--tenant', 'acme', '-o', 'json'],
    ['audit', '--tenant', 'acme', '-o', 'json'],
    ['subscriptions', 'list', '--tenant', 'acme', '-o', 'json'],
  ];
  const found: string[] = [];
  for (const args of commands) {
    const { stdout, stderr } = await bench.run(args, { cwd });
    found.push(...leaksIn(stdout + stderr).map((leak) => `${args.join(' ')}: ${leak}`));
  }
  return found;
}
