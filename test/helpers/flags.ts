/** The flags that a program knows, from its own `--help`. */
import { spawnSync } from 'node:child_process';
import { ROOT } from './stack.js';

const known = new Map<string, ReadonlySet<string>>();

/** Flags of `node SCRIPT [WORD...]`, such as `--port`. */
export function flagsOf(...command: readonly string[]): ReadonlySet<string> {
  const key = command.join(' ');
  const flags =
    known.get(key) ?? new Set(spawnSync('node', [...command, '--help'], { cwd: ROOT, encoding: 'utf8' }).stdout.match(/--[a-z][\w-]+/g));
  known.set(key, flags);
  return flags;
}

/** Flags of a command line that the program does not know. `argv` begins with the script. */
export function unknownFlags(argv: readonly string[]): string[] {
  const words = argv.filter((word) => !word.startsWith('--'));
  const used = argv.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0] ?? '');
  const flags = flagsOf(...words);
  return used.filter((flag) => !flags.has(flag));
}
