/** A command of stoactl in this process: what it prints, and how it ends. One at a time: directory, environment and streams are the process's own. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Config } from '@oclif/core/config';
import { cleanEnv, ROOT, type CommandResult } from './stack.js';

export interface InProcessOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const COMMANDS = join(ROOT, 'cli/commands');

interface CommandClass {
  run(argv: string[], config: Config): Promise<unknown>;
}

let loaded: Promise<Config> | undefined;

/** The framework's view of the package, without its search for commands: that needs a build. */
function loadConfig(): Promise<Config> {
  const pjson = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Config['pjson'];
  const { commands: _commands, ...oclif } = pjson.oclif;
  loaded ??= Config.load({ root: ROOT, pjson: { ...pjson, oclif } });
  return loaded;
}

/** Runs `stoactl ARGS` (`['keys', 'list']` is the command of two words). Never throws for an exit code. */
export async function runInProcess(args: readonly string[], { cwd = ROOT, env = {} }: InProcessOptions = {}): Promise<CommandResult> {
  const { command, rest } = await findCommand(args);
  const config = await loadConfig();
  const taken = takeOver(cwd, { ...cleanEnv(), ...env });
  try {
    await command.run([...rest], config);
    return { exitCode: Number(process.exitCode ?? 0), ...taken.printed() };
  } finally {
    taken.giveBack();
  }
}

async function findCommand([first = '', second, ...others]: readonly string[]): Promise<{
  command: CommandClass;
  rest: readonly string[];
}> {
  const two = TOPICS.has(`${first} ${second ?? ''}`);
  const path = two ? `${first}/${second ?? ''}` : first;
  const { default: command } = (await import(/* @vite-ignore */ join(COMMANDS, `${path}.ts`))) as { default: CommandClass };
  return { command, rest: two ? others : second === undefined ? [] : [second, ...others] };
}

/** Commands of two words, such as `keys list`. */
const TOPICS: ReadonlySet<string> = new Set(
  readdirSync(COMMANDS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: topic }) => readdirSync(join(COMMANDS, topic)).map((file) => `${topic} ${file.replace(/\.ts$/, '')}`)),
);

/** Makes directory, environment, streams and exit code the command's until they are given back. */
function takeOver(cwd: string, env: Readonly<Record<string, string>>) {
  const before = { cwd: process.cwd(), env: process.env, exitCode: process.exitCode, sigint: process.listeners('SIGINT') };
  const text = { stdout: '', stderr: '' };
  const streams = (['stdout', 'stderr'] as const).map((name) => {
    const { write } = process[name];
    process[name].write = (chunk: string | Uint8Array) => {
      text[name] += String(chunk);
      return true;
    };
    return () => (process[name].write = write);
  });
  process.chdir(cwd);
  process.env = { ...env };
  process.exitCode = 0;
  return {
    printed: () => ({ ...text }),
    giveBack: () => {
      for (const restore of streams) restore();
      process.chdir(before.cwd);
      process.env = before.env;
      process.exitCode = before.exitCode;
      for (const listener of process.listeners('SIGINT')) if (!before.sigint.includes(listener)) process.off('SIGINT', listener);
    },
  };
}
