/** The tour of README.md, command by command, with the output that it shows. */
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT, cleanEnv, startStack, type TestStack } from '../helpers/stack.js';

const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const MARK = '\u0001';

interface Example {
  readonly command: string;
  readonly output: string;
}

/** Every `$ command` of the console blocks, each with the lines below it. */
function examplesOf(text: string): Example[] {
  const blocks = [...text.matchAll(/```console\n([^]*?)```/g)].map(([, block = '']) => block);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [, command = '', output = ''] = /^((?:.*\\\n)*.*\n)([^]*)$/.exec(part) ?? [];
        return { command: command.trim(), output: output.trim() };
      }),
  );
}

/** What differs from run to run: keys, ids, times, ports. */
function settled(text: string): string {
  return text
    .replace(/stoa_sk_\w{4,32}…?/g, 'KEY')
    .replace(/\b(?:sub|key|api|con|ten|pol)-[\w-]{6,}/g, 'ID')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/127\.0\.0\.1:\d+/g, 'HOST')
    .replace(/\b\d+ ms\b/g, 'N ms')
    .replace(/pid \d+/g, 'pid N')
    .replace(/\b(\d+[dhms] ?)+ago\b|\b\d+[dhms]\b/g, 'AGE')
    .replace(/export STOA_CLIENT_SECRET=.*/, 'export STOA_CLIENT_SECRET=SECRET')
    .replace(/[ \t]+/g, ' ')
    .trim();
}

let stack: TestStack;
let directory: string;

beforeAll(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'stoa-readme-')));
  for (const name of ['stoa.config.yaml', 'examples', 'docs']) cpSync(join(ROOT, name), join(directory, name), { recursive: true });
  const npx = join(directory, 'npx');
  writeFileSync(npx, `#!/bin/sh\nshift\nexec ${process.execPath} ${join(ROOT, 'bin', 'stoactl.js')} "$@"\n`);
  chmodSync(npx, 0o755);
  // As a person starts it: the secret is made at this start, and there is no admin token.
  stack = await startStack({ cwd: directory, env: { STOA_CLIENT_SECRET: '', STOA_ADMIN_TOKEN: '' } });
});

afterAll(async () => {
  await stack.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function runAll(examples: readonly Example[]): Promise<string[]> {
  const script = examples.map(({ command }) => `printf '${MARK}'\n${command}\n`).join('');
  const env = { ...cleanEnv(), ...stack.env, PATH: `${directory}:${process.env['PATH'] ?? ''}` };
  const shell = spawn('bash', ['-c', `exec 2>&1\n${script}`], { cwd: directory, env });
  let output = '';
  shell.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await new Promise((resolve) => shell.once('close', resolve));
  return output.split(MARK).slice(1);
}

it('shows what the commands of the tour really print', async () => {
  const examples = examplesOf(README);

  const printed = await runAll(examples);

  expect(examples.length).toBeGreaterThan(5);
  const asRun = examples.map(({ command }, index) => `$ ${command}\n${settled(printed[index] ?? '')}`);
  expect(asRun).toEqual(examples.map(({ command, output }) => `$ ${command}\n${settled(output)}`));
});

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
