/** A program on a pseudo terminal, as a person runs it. util-linux gives the terminal; without it `hasTerminal` is false, and tests of it are skipped. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { onTestFinished } from 'vitest';
import { cleanEnv, ROOT } from './stack.js';

export const hasTerminal = String(spawnSync('script', ['--version']).stdout).includes('util-linux');

export const CTRL_C = '\u0003';

const WAIT_MS = 20_000;

export interface Terminal {
  /** Everything that was written so far, without control sequences. */
  screen(): string;
  /** The same with them. */
  raw(): string;
  /** Resolves when the screen matches. Throws with the screen after 20 s. */
  until(pattern: RegExp): Promise<void>;
  type(keys: string): void;
  /** The exit code, and whether the terminal is as it was: lines are edited and echoed by it, and its cursor is seen. */
  readonly ended: Promise<{ readonly exitCode: number; readonly isRestored: boolean }>;
}

export interface TerminalOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly columns?: number;
}

/** Runs the built stoactl on a terminal of 24 lines. It is ended with the test. */
export function stoactlOnTerminal(args: readonly string[], { cwd = ROOT, env = {}, columns = 100 }: TerminalOptions = {}): Terminal {
  const words = [process.execPath, join(ROOT, 'bin/stoactl.js'), ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  // The shell of the terminal outlives Ctrl-C, and looks at what the program has left.
  const line = `stty cols ${columns} rows 24; trap : INT; ${words}; code=$?; echo; echo "STTY $(stty -a | grep -Eo '[ -](icanon|echo)( |;|$)' | tr -d '\\n')"; exit $code`;
  const given = Object.fromEntries(Object.entries(cleanEnv()).filter(([name]) => name !== 'CI'));
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    cwd,
    env: { ...given, TERM: 'xterm-256color', SHELL: '/bin/sh', ...env },
  });
  let raw = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (raw += chunk));
  const screen = (): string => stripVTControlCharacters(raw);
  const closed = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  onTestFinished(() => void child.kill('SIGKILL'));
  return {
    screen,
    raw: () => raw,
    type: (keys) => void child.stdin.write(keys),
    async until(pattern) {
      const deadline = Date.now() + WAIT_MS;
      while (!pattern.test(screen())) {
        if (Date.now() > deadline) throw new Error(`${String(pattern)} is not on the screen:\n${screen()}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    ended: closed.then((exitCode) => ({
      exitCode,
      isRestored: / icanon/.test(screen()) && / echo/.test(screen()) && raw.lastIndexOf('\u001B[?25l') <= raw.lastIndexOf('\u001B[?25h'),
    })),
  };
}
