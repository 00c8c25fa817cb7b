/** docs/week-one.md, day by day and command by command, with the output that it shows. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examplesOf, pathWithNpx, runExamples, settled } from '../helpers/console.js';
import { ROOT, startStack, type TestStack } from '../helpers/stack.js';

const PAGE = readFileSync(join(ROOT, 'docs', 'week-one.md'), 'utf8');
const missing = ['curl', 'jq'].filter((program) => spawnSync(program, ['--version']).error !== undefined);
if (missing.length > 0) console.log(`Skipped: docs/week-one.md needs ${missing.join(' and ')}.`);

describe.skipIf(missing.length > 0)('docs/week-one.md', { timeout: 180_000 }, () => {
  let stack: TestStack;
  let directory: string;
  let path: string;
  beforeAll(async () => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'stoa-week-')));
    for (const name of ['stoa.config.yaml', 'examples', 'deploy']) cpSync(join(ROOT, name), join(directory, name), { recursive: true });
    path = pathWithNpx(directory);
    stack = await startStack({ cwd: directory, dataDir: join(directory, '.stoa') });
  });
  afterAll(async () => {
    await stack.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('shows what its commands really print, from Monday to Sunday (OP3 OP4 OP10 OP11 OP19)', async () => {
    const examples = examplesOf(PAGE);

    const printed = await runExamples(
      examples.map(({ command }) => command),
      { cwd: directory, env: { ...stack.env, API_KEY: stack.sample?.apiKey ?? '', PATH: path } },
    );

    expect(examples.length).toBeGreaterThan(20);
    const asRun = examples.map(({ command }, index) => `$ ${command}\n${settled(printed[index] ?? '')}`);
    expect(asRun).toEqual(examples.map(({ command, output }) => `$ ${command}\n${settled(output)}`));
  });
});
