import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { readFileSync } from 'node:fs';
import { ROOT } from '../helpers/stack.js';
import { examples, generated, golden, openScenario } from './scenarios.js';

it('every directory of examples/ is among them, by an environment that reads it', () => {
  const { environments } = parse(readFileSync(join(ROOT, 'stoa.config.yaml'), 'utf8')) as {
    environments: Record<string, { manifests?: string[] }>;
  };
  const globs = Object.values(environments).flatMap(({ manifests = ['examples/quickstart/*.yaml'] }) => manifests);

  for (const directory of readdirSync(join(ROOT, 'examples')))
    expect(globs.some((glob) => glob.startsWith(`examples/${directory}/`))).toBe(true);
  expect(examples()).toHaveLength(Object.keys(environments).length);
  expect(golden().length).toBeGreaterThanOrEqual(readdirSync(join(ROOT, 'test/golden')).length);
});

it('generated sets are right, and change one another in every way', async () => {
  const summaries: string[] = [];
  for (const scenario of generated(12)) {
    const bench = await openScenario(scenario);
    const { stdout, exitCode } = await bench.run(scenario.plan, scenario);
    expect(exitCode, stdout).toBe(0);
    summaries.push(/^Plan: .*$/m.exec(stdout)?.[0] ?? '');
    await bench.close();
  }

  expect(summaries.filter((line) => /[1-9]\d* to create, [1-9]\d* to change, [1-9]\d* to delete/.test(line)).length).toBeGreaterThan(2);
});
