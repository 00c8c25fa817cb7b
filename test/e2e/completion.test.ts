/** Completion as shells do it: the real scripts in the real shells, with names that a control plane gives. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCliCase, type CliCase } from '../helpers/cli-case.js';
import { cleanEnv, ROOT, runStoactl } from '../helpers/stack.js';

const hasShell = (shell: string): boolean => spawnSync(shell, ['-c', 'true']).status === 0;

let suite: CliCase;
let home: string;
beforeAll(async () => {
  suite = await startCliCase();
  await suite.applied('acme');
  home = mkdtempSync(join(tmpdir(), 'stoa-completion-'));
  mkdirSync(join(home, 'bin'));
  const started = `#!/bin/sh\nexec "${process.execPath}" "${join(ROOT, 'bin/stoactl.js')}" "$@"\n`;
  writeFileSync(join(home, 'bin', 'stoactl'), started, { mode: 0o755 });
});
afterAll(async () => {
  await suite.stop();
  rmSync(home, { recursive: true, force: true });
});

const env = (): Record<string, string> => ({
  ...cleanEnv(),
  ...suite.cp.env,
  HOME: home,
  XDG_CACHE_HOME: '',
  PATH: `${join(home, 'bin')}:${process.env['PATH'] ?? ''}`,
});
const printed = async (program: string, args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(program, [...args], { env: env() })).stdout;
const scriptOf = async (shell: string): Promise<string> => (await runStoactl(['autocomplete', shell])).stdout;
const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

const COMPLETIONS: readonly (readonly [string, readonly string[]])[] = [
  ['stoactl rotate-', ['rotate-key']],
  ['stoactl get ap', ['apis']],
  ['stoactl get apis acme/o', ['acme/orders']],
  ['stoactl describe webhooks ', ['acme/hook']],
  ['stoactl rotate-key ac', ['acme/mobile-orders']],
  ['stoactl subscriptions appr', ['approve']],
  ['stoactl subscriptions approve ac', ['acme/mobile-orders']],
  ['stoactl get apis --tenant ac', ['acme']],
  ['stoactl diff --exit', ['--exit-code']],
];

describe.each([
  [
    'bash',
    (script: string, line: string): Promise<string> => {
      const words = line.split(' ');
      const call = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _stoactl; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return printed('bash', ['-c', `${script}\n${call}`]);
    },
  ],
  [
    'zsh',
    (script: string, line: string): Promise<string> => {
      const words = line.split(' ');
      const call = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; setopt localoptions ksharrays shwordsplit; _stoactl; print -l -- \${COMPREPLY[@]}`;
      return printed('zsh', ['-fc', `autoload -U +X compinit && compinit -u -d ${home}/zcompdump\n${script}\nrun() { ${call} }\nrun`]);
    },
  ],
  [
    'fish',
    (script: string, line: string): Promise<string> => {
      const file = join(home, 'stoactl.fish');
      writeFileSync(file, script);
      return printed('fish', ['--no-config', '-c', `source ${file}; complete -C '${line}'`]);
    },
  ],
] as const)('in %s', (shell, complete) => {
  let script = '';
  beforeAll(async () => {
    script = await scriptOf(shell);
  });

  it.skipIf(!hasShell(shell)).each(COMPLETIONS)('"%s" becomes %j', async (line, expected) => {
    const found = linesOf(await complete(script, line)).map((each) => each.split('\t')[0] ?? '');

    // zsh is given all words and keeps those that fit.
    const typed = line.split(' ').at(-1) ?? '';
    expect(found.filter((each) => shell !== 'zsh' || each.startsWith(typed))).toEqual(expected);
  });
});

describe('names', () => {
  it('are kept for a moment, for their owner alone, and asked once', async () => {
    rmSync(join(home, '.cache'), { recursive: true, force: true });
    suite.cp.takeRequests();

    const first = await suite.cp.stoactl(['complete-names', 'apis'], { env: env() });
    const second = await suite.cp.stoactl(['complete-names', 'apis'], { env: env() });

    expect([first.stdout, second.stdout]).toEqual(['acme/orders\n', 'acme/orders\n']);
    expect(suite.cp.takeRequests().filter((line) => line.startsWith('GET /v1/resources'))).toHaveLength(1);
    const directory = join(home, '.cache/stoa/names');
    for (const file of readdirSync(directory)) expect(statSync(join(directory, file)).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['nobody answers', { STOA_API_URL: 'http://127.0.0.1:9' }],
    ['the secret is wrong', { STOA_CLIENT_SECRET: 'wrong' }],
    ['there is no address', { STOA_API_URL: 'nonsense' }],
  ])('are none, without a word, when %s', async (_when, wrong) => {
    expect(await runStoactl(['complete-names', 'apis'], { env: { ...env(), HOME: join(home, 'other'), ...wrong } })).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: '',
    });
  });
});
