/** Console blocks of our own pages: commands after `$`, each with the output that is shown below it. */
import { spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanEnv, ROOT } from './stack.js';

const MARK = '\u0001';

export interface Example {
  readonly command: string;
  readonly output: string;
}

/** Every `$ command` of the console blocks, each with the lines below it. */
export function examplesOf(text: string): Example[] {
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
export function settled(text: string): string {
  return text
    .replace(/stoa_sk_\w{4,32}…?/g, 'KEY')
    .replace(/\b(?:sub|key|api|con|ten|pol|bin|web|del)-[\w-]{6,}/g, 'ID')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/\b\d{4}-\d\d-\d\d\b/g, 'DAY')
    .replace(/127\.0\.0\.1:\d+/g, 'HOST')
    .replace(/\b\d+ ms\b/g, 'N ms')
    .replace(/pid \d+/g, 'pid N')
    .replace(/\b(\d+[dhms] ?)+ago\b|\b\d+[dhms]\b/g, 'AGE')
    .replace(/export STOA_CLIENT_SECRET=.*/, 'export STOA_CLIENT_SECRET=SECRET')
    .replace(/[ \t]+/g, ' ')
    .trim();
}

/** Runs all commands in one shell, in order. What each has printed, stderr included. */
export async function runExamples(
  commands: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<string[]> {
  const script = commands.map((command) => `printf '${MARK}'\n${command}\n`).join('');
  const shell = spawn('bash', ['-c', `exec 2>&1\n${script}`], { cwd, env: { ...cleanEnv(), ...env } });
  let output = '';
  shell.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await new Promise((resolve) => shell.once('close', resolve));
  return output.split(MARK).slice(1);
}

/** Puts an `npx` into a directory that runs the built stoactl: pages say `npx stoactl`. Gives the PATH with it in front. */
export function pathWithNpx(directory: string): string {
  const npx = join(directory, 'npx');
  writeFileSync(npx, `#!/bin/sh\nshift\nexec ${process.execPath} ${join(ROOT, 'bin', 'stoactl.js')} "$@"\n`);
  chmodSync(npx, 0o755);
  return `${directory}:${process.env['PATH'] ?? ''}`;
}
