/** The pages of docs/guide, command by command against a running stack, with the output that they show. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runExamples, settled } from '../helpers/console.js';
import { guideExamples, guidePages } from '../helpers/guide.js';
import { ROOT, startStack, type TestStack } from '../helpers/stack.js';

const missing = ['curl', 'jq'].filter((program) => spawnSync(program, ['--version']).error !== undefined);
if (missing.length > 0) console.log(`Skipped: the pages of docs/guide need ${missing.join(' and ')}.`);

/** Where the pages say that `dev` has put its echo upstream. */
const ECHO = /http:\/\/127\.0\.0\.1:3999/g;

describe.skipIf(missing.length > 0)('docs/guide', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack.stop());

  it.each(guidePages())('%s shows what its commands really print', async (page) => {
    const examples = guideExamples(page);
    const commands = examples.map(({ command }) => command.replace(ECHO, stack.urls.echo));

    const printed = await runExamples(commands, { cwd: ROOT, env: { ...stack.env, STOA_ADMIN_TOKEN: stack.adminToken } });

    expect(examples.length).toBeGreaterThan(4);
    const asRun = examples.map(({ command }, index) => `$ ${command}\n${settled(printed[index] ?? '')}`);
    expect(asRun).toEqual(examples.map(({ command, output }) => `$ ${command}\n${settled(output)}`));
  });
});
