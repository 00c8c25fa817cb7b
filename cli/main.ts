/** The entry of stoactl: finds the command, runs it, and answers what no command can. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Config } from '@oclif/core/config';
import { run as runCommand } from '@oclif/core/run';
import { settings } from '@oclif/core/settings';
import { productPath } from '../gateway/product-path.js';
import { suggest } from '../schema/did-you-mean.js';
import { StoaError } from '../schema/error.js';
import { wantsJson } from './base-command.js';
import { globalFlags } from './flags.js';
import { toFailure } from './report.js';
import { plain } from './views/paint.js';

/** Runs the command line of this process and sets its exit code; never throws. `code` is where `cli/` lies: the build, or the sources. */
export async function run(code: URL): Promise<void> {
  settings.enableAutoTranspile = false;
  quietBrokenPipes();
  const argv = normalize(process.argv.slice(2));
  try {
    const config = await loadConfig(fileURLToPath(code));
    refuseUnknownCommand(argv, config);
    refuseSurplusWords(argv, config);
    await runCommand(argv, config);
  } catch (error) {
    const failure = toFailure(error);
    const isJson = wantsJson(argv, process.env);
    if (isJson) process.stdout.write(`${JSON.stringify(failure.json, null, 2)}\n`);
    if (!isJson || failure.isBug) process.stderr.write(failure.text(plain));
    process.exitCode = failure.exit;
  }
}

async function loadConfig(root: string): Promise<Config> {
  const pjson = JSON.parse(readFileSync(productPath('package.json'), 'utf8')) as Config['pjson'];
  return Config.load({ root, pjson });
}

/** The reader of a pipe may leave at any moment (`stoactl get apis | head -1`): that is not an error. */
function quietBrokenPipes(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
}

/** `help X` is `X --help`, and global flags may stand before the command. */
function normalize(argv: readonly string[]): string[] {
  if (argv[0] === 'help') return [...argv.slice(1), '--help'];
  const leading = leadingFlags(argv);
  return argv.length === leading ? [...argv] : [...argv.slice(leading), ...argv.slice(0, leading)];
}

/** How many arguments before the command are global flags and their values. */
function leadingFlags(argv: readonly string[]): number {
  let count = 0;
  while (argv[count]?.startsWith('-') === true) {
    const flag = Object.entries(globalFlags).find(([name, { char }]) => argv[count] === `--${name}` || argv[count] === `-${char ?? ''}`);
    count += flag?.[1].type === 'option' ? 2 : 1;
  }
  return Math.min(count, argv.length);
}

function refuseUnknownCommand(argv: readonly string[], config: Config): void {
  const [word] = argv;
  if (word === undefined || word.startsWith('-')) return;
  // Every command counts as a topic of its own; what matters is whether there is something below it.
  const isTopic = config.commandIDs.some((id) => id.startsWith(`${word}:`));
  if (config.findCommand(word) !== undefined && !isTopic) return;
  const [, second] = argv;
  // A topic alone, or with flags: its commands are shown, or it is a command, too.
  if (isTopic && (second === undefined || second.startsWith('-') || config.findCommand(`${word}:${second}`) !== undefined)) return;
  if (isTopic) throw unknownCommand(`${word} ${second ?? ''}`, `${word}:${second ?? ''}`, config);
  throw unknownCommand(word, word, config);
}

/** oclif takes the words behind a command without arguments for a part of its name. */
function refuseSurplusWords(argv: readonly string[], config: Config): void {
  const end = argv.findIndex((word) => word.startsWith('-'));
  const words = end === -1 ? argv : argv.slice(0, end);
  const lengths = words.map((_, index) => words.length - index);
  const named = lengths.find((length) => config.findCommand(words.slice(0, length).join(':')) !== undefined);
  const command = named === undefined ? undefined : config.findCommand(words.slice(0, named).join(':'));
  const surplus = words[named ?? words.length];
  if (command === undefined || surplus === undefined || Object.keys(command.args).length > 0) return;
  const name = words.slice(0, named).join(' ');
  throw new StoaError('usage_error', `"${name}" takes no argument; "${surplus}" was given.`, {
    hint: `Run "stoactl ${name} --help" to see how it is used.`,
  });
}

function unknownCommand(typed: string, id: string, config: Config): StoaError {
  const nearest = suggest(id, config.commandIDs);
  return new StoaError('usage_error', `There is no command "${typed}".`, {
    hint:
      nearest === undefined ? 'Run "stoactl --help" for the list of commands.' : `Did you mean "stoactl ${nearest.replaceAll(':', ' ')}"?`,
  });
}
