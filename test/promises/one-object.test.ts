/** Promises 5 and 6 of the command line: exit code, JSON and text tell the same, and every finding has its place, the value and what to do. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../schema/change.js';
import type { Diagnostic } from '../../schema/error.js';
import { openWorkbench, type Workbench } from '../helpers/workbench.js';
import { changesOf, yamlOf, type Written } from './generated.js';
import { openScenario, scenarios, workplaceFor, type Scenario } from './scenarios.js';

interface Failure {
  readonly error: { readonly message: string; readonly hint?: string };
  readonly diagnostics?: readonly Diagnostic[];
}

const cases = scenarios(6).map((scenario) => [scenario.name, scenario] as const);
const SYMBOLS = { create: '+', update: '~', delete: '-' } as const;

it.each(cases)('text, JSON and exit code of a plan are one: %s', async (_name, scenario) => {
  const { plan, cwd, env } = scenario;
  const bench = await openScenario(scenario);

  const json = await bench.run([...plan, '-o', 'json'], { cwd, env });
  const human = await bench.run(plan, { cwd, env });

  expect(human.exitCode).toBe(json.exitCode);
  const told = JSON.parse(json.stdout) as Failure | Plan | { plan: Plan };
  if ('error' in told) expectFailure(told, human.stdout + human.stderr);
  else expectPlan('plan' in told ? told.plan : told, human.stdout);
  await bench.close();
});

function expectFailure({ error, diagnostics = [] }: Failure, text: string): void {
  expect(text).toContain(`Error: ${error.message}\n`);
  if (error.hint !== undefined) expect(text).toContain(`${error.hint}\n`);
  for (const { message, source } of diagnostics) {
    expect(text).toContain(message);
    if (source !== undefined) expect(text).toContain(`${source.file}:${source.line}:${source.column}: `);
  }
}

function expectPlan({ changes, summary, refusals }: Plan, text: string): void {
  for (const { action, kind, name } of changes) expect(text).toContain(`  ${SYMBOLS[action]} ${kind} ${name}\n`);
  for (const { message } of refusals) expect(text).toContain(message);
  if (changes.length > 0) expect(text).toContain(`${summary.create} to create, ${summary.update} to change, ${summary.delete} to delete.`);
  else expect(text).toContain('No changes');
}

it.each(cases.filter(([, { apply }]) => apply[0] === 'apply'))(
  'every form of validate tells the same findings: %s',
  async (_name, scenario) => {
    const { cwd, env } = scenario;
    const bench = await openWorkbench();
    const flags = scenario.apply.filter(
      (flag, index, all) => /^(-f|--environment)$/.test(flag) || /^(-f|--environment)$/.test(all[index - 1] ?? ''),
    );
    const run = (form: string) => bench.run(['validate', ...flags, '-o', form], { cwd, env });

    const json = await run('json');
    const others = [await run('human'), await run('github'), await run('sarif'), await run('junit')] as const;

    const told = JSON.parse(json.stdout) as { diagnostics: Diagnostic[]; summary?: { errors: number }; error: { message: string } };
    const { diagnostics, summary, error } = told;
    if (summary === undefined) {
      for (const { exitCode, stdout, stderr } of others) {
        expect(exitCode).toBe(json.exitCode);
        expect(stdout + stderr).toContain(error.message);
      }
      return;
    }
    const [human, github, sarif, junit] = others.map(({ stdout }) => stdout);
    expect(others.map(({ exitCode }) => exitCode)).toEqual(others.map(() => json.exitCode));
    expect(json.exitCode).toBe(summary.errors > 0 ? 6 : 0);
    for (const { message, source } of diagnostics) {
      expect(human).toContain(message);
      expect(human).toContain(`${source?.file ?? '?'}:${source?.line ?? '?'}:${source?.column ?? '?'}: `);
    }
    expect((JSON.parse(sarif ?? '') as { runs: { results: unknown[] }[] }).runs[0]?.results).toHaveLength(diagnostics.length);
    expect(junit).toContain(`failures="${summary.errors}"`);
    expect(github?.split('\n').filter((line) => line.startsWith('::error')).length).toBe(Math.min(10, summary.errors));
    await bench.close();
  },
);

/** The findings of a command as JSON, warnings and notes apart. */
async function errorsOf(bench: Workbench, args: readonly string[], { cwd, env }: Pick<Scenario, 'cwd' | 'env'>): Promise<Diagnostic[]> {
  const { stdout } = await bench.run([...args, '-o', 'json'], { cwd, env });
  const { diagnostics = [] } = JSON.parse(stdout) as Failure;
  return diagnostics.filter(({ severity }) => severity === 'error');
}

/** Whether a place is one of its file. */
function isPlace(cwd: string, { source }: Diagnostic): boolean {
  if (source === undefined) return false;
  const line = readFileSync(join(cwd, source.file), 'utf8').split('\n')[source.line - 1];
  return line !== undefined && source.column >= 1 && source.column <= line.length + 1;
}

describe('every finding has a place in its file', () => {
  const applied = cases.filter(([, { plan }]) => plan[0] === 'diff');

  it.each(applied)('here, and where only the control plane can tell: %s', async (_name, scenario) => {
    const bench = await openScenario(scenario);

    const findings = await errorsOf(bench, scenario.plan, scenario);

    const refused = findings.filter(({ code }) => code === 'conflict' || code === 'guard_refused');
    expect(findings.filter((finding) => !refused.includes(finding) && !isPlace(scenario.cwd, finding))).toEqual([]);
    await bench.close();
  });

  const ways: readonly ((manifest: Written) => Written)[] = [
    (manifest) => ({ ...manifest, kind: `${manifest.kind}s` }),
    (manifest) => ({ ...manifest, spec: { ...manifest.spec, nonsense: 1 } }),
    (manifest) => ({ ...manifest, metadata: { ...manifest.metadata, name: 'Not A Name' } }),
    (manifest) => ({ ...manifest, metadata: { ...manifest.metadata, tenat: 'acme' } as Written['metadata'] }),
    (manifest) => ({ ...manifest, spec: [manifest.spec] }),
    (manifest) => ({ ...manifest, apiVersion: 'gostoa.dev/v9' }),
  ];

  it('of a set with several mistakes each is found, where it is, in one run', { timeout: 120_000 }, async () => {
    const bench = await openWorkbench();
    const sets = changesOf(7, 40).map(({ after }) => after);
    const way = fc.constantFrom(...ways);
    const broken = fc.sample(fc.array(fc.tuple(fc.nat({ max: 99 }), way), { minLength: 1, maxLength: 5 }), {
      seed: 7,
      numRuns: sets.length,
    });

    for (const [index, set] of sets.entries()) {
      const mistakes = new Map((broken[index] ?? []).map(([at, breaks]) => [at % set.length, breaks]));
      const written = set.map((manifest, at) => mistakes.get(at)?.(manifest) ?? manifest);
      const cwd = workplaceFor(`mistakes-${index}`, { 'set.yaml': yamlOf(written), 'secret.txt': 'x' });
      const findings = await errorsOf(bench, ['validate', 'set.yaml'], { cwd, env: { HOOK_SECRET: 'x' } });

      const ends = written.map((_manifest, at) => yamlOf(written.slice(0, at + 1)).split('\n').length - 1);
      const documents = new Set(findings.map(({ source }) => ends.findIndex((end) => (source?.line ?? 0) <= end)));
      expect(findings.filter((finding) => !isPlace(cwd, finding))).toEqual([]);
      expect([...mistakes.keys()].filter((at) => !documents.has(at))).toEqual([]);
    }
    await bench.close();
  });
});
