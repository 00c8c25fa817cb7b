/** Runs the commands of docs/operations.md against a whole local stack, as they stand there. */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, startStack, type TestStack } from './helpers/stack.js';

const page = readFileSync(path.join(ROOT, 'docs/operations.md'), 'utf8');
const blocks = page.split(/^## /m).flatMap((section) => {
  const title = section.split('\n', 1)[0] ?? '';
  return [...section.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, text = '']) => ({ title, text }));
});

const missing = ['curl', 'jq'].filter((program) => spawnSync(program, ['--version']).error !== undefined);
if (missing.length > 0) console.log(`Skipped: docs/operations.md needs ${missing.join(' and ')}.`);

describe.skipIf(missing.length > 0)('docs/operations.md', () => {
  let stack: TestStack;

  beforeAll(async () => {
    stack = await startStack();
  });

  afterAll(() => stack.stop());

  it('has commands', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(5);
  });

  it.each(blocks)(
    '"$title": the commands succeed',
    async ({ text }) => {
      const env = { ...process.env, ...stack.env, STOA_ADMIN_TOKEN: stack.adminToken, STOA_DATA_DIR: stack.dataDir };

      const { stdout } = await promisify(execFile)('bash', ['-e', '-o', 'pipefail', '-c', text], { cwd: ROOT, env });

      expect(stdout).not.toBe('');
    },
    120_000,
  );
});
