/** The tour of README.md, command by command, with the output that it shows. */
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { examplesOf, pathWithNpx, runExamples, settled } from '../helpers/console.js';
import { ROOT, startStack, type TestStack } from '../helpers/stack.js';

const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
let stack: TestStack;
let directory: string;
let path: string;

beforeAll(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'stoa-readme-')));
  for (const name of ['stoa.config.yaml', 'examples', 'docs']) cpSync(join(ROOT, name), join(directory, name), { recursive: true });
  path = pathWithNpx(directory);
  // As a person starts it: the secret is made at this start, and there is no admin token.
  stack = await startStack({ cwd: directory, env: { STOA_CLIENT_SECRET: '', STOA_ADMIN_TOKEN: '' } });
});

afterAll(async () => {
  await stack.stop();
  rmSync(directory, { recursive: true, force: true });
});

it('shows what the commands of the tour really print', async () => {
  const examples = examplesOf(README);

  const env = { ...stack.env, PATH: path };
  const printed = await runExamples(
    examples.map(({ command }) => command),
    { cwd: directory, env },
  );

  expect(examples.length).toBeGreaterThan(5);
  const asRun = examples.map(({ command }, index) => `$ ${command}\n${settled(printed[index] ?? '')}`);
  expect(asRun).toEqual(examples.map(({ command, output }) => `$ ${command}\n${settled(output)}`));
}, 120_000);

it('shows what dev really prints at its start', () => {
  const [, block = ''] = /```text\n([^]*?)```/.exec(README) ?? [];
  const printed = new Set(stack.output().split('\n').map(settled));

  const missing = block
    .split('\n')
    .map(settled)
    .filter((line) => line !== '' && !printed.has(line));

  expect(block).not.toBe('');
  expect(missing).toEqual([]);
});
