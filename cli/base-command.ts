/** What every command shares: global flags, settings, the client, and the one place where results and errors become output and exit code. */
import { Command } from '@oclif/core/command';
import type { Interfaces } from '@oclif/core';
import { redactApiKeys } from '../schema/api-key.js';
import { ERRORS, StoaError } from '../schema/error.js';
import type { Client } from './client.js';
import { globalFlags, withEnvironment } from './flags.js';
import type { ConfigFile, Settings } from './settings.js';
import type { ChosenContext } from './user-config.js';
import { hasUserConfig } from './user-config-path.js';
import { fitted, shortened } from './views/layout.js';
import { colours, plain, type Paint } from './views/paint.js';
import type { SourceLine } from './views/diagnostics.js';

interface ParsedGlobals {
  readonly output?: string | undefined;
  readonly json?: boolean | undefined;
  readonly server?: string | undefined;
  readonly context?: string | undefined;
  readonly environment?: string | undefined;
  readonly tenant?: string | undefined;
  readonly timeout?: string | undefined;
  readonly project?: string | undefined;
  readonly quiet?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  readonly 'no-color'?: boolean | undefined;
  readonly 'no-input'?: boolean | undefined;
}

/** A form of output: the result as text. `json` needs none. */
export type View<T> = (data: T, paint: Paint) => string | Promise<string>;

const PROGRESS_EVERY_MS = 10_000;
const REDRAW_EVERY_MS = 1000;
const INTERRUPT_MS = 300;
/** Forms whose lines are made to fit a terminal. */
const TO_BE_READ: ReadonlySet<string> = new Set(['human', 'wide']);
const INTERRUPTED = ERRORS.interrupted.exit;

export abstract class BaseCommand extends Command {
  static override baseFlags = globalFlags;

  /** A command that ends by itself on signals (`dev`) sets this to false. */
  protected endsOnInterrupt = true;
  /** Whether the human form is text for other programs (manifests, scripts), of which no line is broken. */
  protected isVerbatim = false;
  /** Places of findings are shown with their line when a command has read files. */
  protected sourceLine: SourceLine | undefined;
  /** What holds when the command is interrupted and the client has sent nothing that changes anything. A command that works by another way says what holds of it. */
  protected untouchedHint = 'Nothing was changed.';
  /** What holds once a request that changes something is under way: nobody knows whether it has arrived. */
  protected interruptHint = 'The server may have done it, or not: look before you run it again.';

  readonly #interrupted = new AbortController();
  readonly #onInterrupt = (): void => this.#interrupt();
  #hasWritten = false;
  /** A line of a phase stands on the terminal. */
  #hasPhaseLine = false;
  /** Ctrl-C waits for this. */
  #held: Promise<unknown> = Promise.resolve();
  #globals: ParsedGlobals = {};
  #settings: Promise<Settings> | undefined;
  #client: Promise<Client> | undefined;

  protected override async init(): Promise<void> {
    await super.init();
    this.answerInterrupts(true);
  }

  /** Aborted by the first Ctrl-C, which is answered from now on. */
  protected get interrupted(): AbortController {
    this.answerInterrupts(true);
    return this.#interrupted;
  }

  /**
   * Whether Ctrl-C is answered by the command, or ends the process at once, as the system does: for what computes for long and holds nothing, where nobody
   * could answer. Gives what it was before.
   */
  protected answerInterrupts(isAnswered: boolean): boolean {
    const before = process.listeners('SIGINT').includes(this.#onInterrupt);
    if (isAnswered && !before && this.endsOnInterrupt && !this.#interrupted.signal.aborted) process.once('SIGINT', this.#onInterrupt);
    if (!isAnswered) process.off('SIGINT', this.#onInterrupt);
    return before;
  }

  #interrupt(): void {
    process.once('SIGINT', () => process.exit(INTERRUPTED));
    const reason = new StoaError('interrupted', 'Interrupted.', { hint: this.#hasWritten ? this.interruptHint : this.untouchedHint });
    this.#interrupted.abort(reason);
    // What does not listen to the signal (reading stdin, say) is given a moment, then ended.
    const end = (): Promise<void> => this.catch(reason).finally(() => process.exit(INTERRUPTED));
    setTimeout(() => void this.#held.then(end, end), INTERRUPT_MS).unref();
  }

  protected override async parse<
    F extends Interfaces.OutputFlags<F>,
    B extends Interfaces.OutputFlags<B>,
    A extends Interfaces.OutputArgs<A>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const input = options ?? (this.ctor as unknown as Interfaces.Input<F, B, A>);
    const named = { ...input, flags: withEnvironment(input.flags ?? {}), baseFlags: withEnvironment(BaseCommand.baseFlags) };
    const result = await super.parse(named as unknown as Interfaces.Input<F, B, A>, argv);
    this.#globals = result.flags;
    return result;
  }

  /** The chosen form of output. */
  protected get format(): string {
    return this.#globals.json === true ? 'json' : (this.#globals.output ?? 'human');
  }

  protected get isQuiet(): boolean {
    return this.#globals.quiet === true;
  }

  /** Whether a person sits at the terminal and may be asked. */
  protected get isInteractive(): boolean {
    const { CI, TERM } = process.env;
    return this.#globals['no-input'] !== true && process.stdin.isTTY && process.stderr.isTTY && (CI ?? '') === '' && TERM !== 'dumb';
  }

  /** Settles global flags by something other than the command line, before `settings` is asked for. */
  protected settle(flags: Pick<ParsedGlobals, 'context' | 'environment' | 'tenant' | 'project' | 'timeout'>): void {
    this.#globals = { ...this.#globals, ...flags };
  }

  /** Flags, environment and stoa.config.yaml, resolved once. */
  protected settings(): Promise<Settings> {
    this.#settings ??= this.#resolveSettings();
    return this.#settings;
  }

  async #resolveSettings(): Promise<Settings> {
    const [{ resolveSettings }, configFile, chosen] = await Promise.all([import('./settings.js'), this.configFile(), this.#context()]);
    return resolveSettings(this.#globals, process.env, configFile, chosen);
  }

  /** The named or the current context of the user's configuration. Without the file nothing is loaded for it. */
  async #context(): Promise<ChosenContext | undefined> {
    const { context } = this.#globals;
    if (context === undefined && !hasUserConfig(process.env)) return undefined;
    const { findContext, readUserConfig } = await import('./user-config.js');
    return findContext(readUserConfig(process.env), context);
  }

  /** The nearest stoa.config.yaml of the working directory and those above it. */
  protected async configFile(): Promise<ConfigFile | undefined> {
    const { findConfig } = await import('./operations/config.js');
    return findConfig(process.cwd());
  }

  /** The control plane that the settings name, with one token for all that the command asks of it. */
  protected client(): Promise<Client> {
    this.#client ??= this.#createClient();
    return this.#client;
  }

  async #createClient(): Promise<Client> {
    const [settings, { createClient }] = await Promise.all([this.settings(), import('./client.js')]);
    const log = this.#globals.verbose === true ? (line: string): void => this.note(line) : undefined;
    const onWrite = (): void => void (this.#hasWritten = true);
    const session = { ...settings, signal: this.interrupted.signal, now: () => Date.now(), log, onWrite };
    if (settings.keptBy === undefined) return createClient(session);
    const { keptTokens } = await import('./kept-tokens.js');
    const hold = (work: Promise<unknown>): void => void (this.#held = work);
    return createClient({ ...session, tokens: keptTokens({ ...session, env: process.env, context: settings.keptBy, hold }) });
  }

  /** Variables and files that manifests may refer to. */
  protected get environment(): Readonly<Record<string, string | undefined>> {
    return process.env;
  }

  /** Prints a result in the chosen form and sets the exit code. Every printed form is made from the same data. */
  protected async show<T>(data: T, views: Readonly<Record<string, View<T>>>, exit = 0): Promise<T> {
    const view = views[this.format];
    const text = this.format === 'json' ? `${JSON.stringify(data, null, 2)}\n` : ((await view?.(data, this.paint(process.stdout))) ?? '');
    this.print(redactApiKeys(text));
    if (exit !== 0) process.exitCode = exit;
    return data;
  }

  /** Writes to stdout; what is to be read fits the terminal. Only the new key of a rotation comes here unredacted. */
  protected print(text: string): void {
    const isFree = this.isVerbatim || !TO_BE_READ.has(this.format);
    if (text !== '') process.stdout.write(isFree ? text : fitted(text, this.paint(process.stdout).columns));
  }

  /** A line for the person who watches, on stderr; not with --quiet. */
  protected note(text: string): void {
    if (this.isQuiet) return;
    this.#clearPhaseLine();
    process.stderr.write(`${redactApiKeys(fitted(text, this.paint(process.stderr).columns))}\n`);
  }

  /** Waits for a phase and says so: on a terminal one line with the seconds, which vanishes, else a line every 10 s. */
  protected async phase<T>(label: string, work: Promise<T>): Promise<T> {
    const isLive = this.isInteractive && this.format === 'human' && !this.isQuiet;
    const started = Date.now();
    const line = (): string => `${label}… ${Math.round((Date.now() - started) / 1000)} s`;
    if (isLive) this.#drawPhaseLine(`${label}…`);
    const timer = isLive
      ? setInterval(() => this.#drawPhaseLine(line()), REDRAW_EVERY_MS)
      : setInterval(() => this.note(line()), PROGRESS_EVERY_MS);
    try {
      return await work;
    } finally {
      clearInterval(timer);
      this.#clearPhaseLine();
    }
  }

  #drawPhaseLine(text: string): void {
    process.stderr.write(`\r${shortened(text, this.paint(process.stderr).columns - 1)}`);
    this.#hasPhaseLine = true;
  }

  #clearPhaseLine(): void {
    if (this.#hasPhaseLine) process.stderr.write('\r\u001B[K');
    this.#hasPhaseLine = false;
  }

  /** Asks yes or no. Without a person to ask it is `usage_error`: `hint` names the flag that answers. */
  protected async confirm(question: string, hint = 'When this is what you want, run the command again with --yes.'): Promise<void> {
    if (!this.isInteractive) {
      const why = this.#globals['no-input'] === true ? '--no-input forbids to ask' : 'there is no terminal to ask on';
      throw new StoaError('usage_error', `A confirmation is needed, and ${why}.`, { hint });
    }
    // React is several times slower, and talks, without it.
    process.env['NODE_ENV'] ??= 'production';
    const { confirm } = await import('./views/confirm.js');
    const answer = await confirm(question);
    if (answer !== 'yes')
      throw new StoaError('interrupted', answer === 'no' ? 'Not confirmed.' : 'Interrupted.', { hint: this.untouchedHint });
  }

  /** Colours for a stream, or none: --no-color, NO_COLOR, FORCE_COLOR, TERM=dumb, then whether it is a terminal; and the width of that. */
  protected paint(stream: NodeJS.WriteStream): Paint {
    const isOff = this.#globals['no-color'] === true || process.argv.includes('--no-color');
    return {
      ...(wantsColour(stream, isOff, process.env) ? colours : plain),
      columns: stream.isTTY && stream.columns > 0 ? stream.columns : Infinity,
    };
  }

  protected override async catch(thrown: unknown): Promise<void> {
    this.parsed = true;
    this.#clearPhaseLine();
    const { toFailure } = await import('./report.js');
    const reason = this.#interrupted.signal.aborted ? (this.#interrupted.signal.reason as unknown) : thrown;
    const failure = toFailure(reason, this.sourceLine);
    const isJson = wantsJson(this.argv, process.env);
    const paint = this.paint(process.stderr);
    if (isJson) process.stdout.write(`${redactApiKeys(JSON.stringify(failure.json, null, 2))}\n`);
    if (!isJson || failure.isBug) process.stderr.write(fitted(failure.text(paint), paint.columns));
    process.exitCode = failure.exit;
  }
}

function wantsColour(stream: NodeJS.WriteStream, isOff: boolean, env: NodeJS.ProcessEnv): boolean {
  if (isOff || (env['NO_COLOR'] ?? '') !== '') return false;
  if (env['FORCE_COLOR'] !== undefined) return env['FORCE_COLOR'] !== '0' && env['FORCE_COLOR'] !== 'false';
  return stream.isTTY && env['TERM'] !== 'dumb';
}

/** Whether errors are JSON: decided from the arguments as they stand, since a wrong flag leaves none parsed. */
export function wantsJson(argv: readonly string[], env: NodeJS.ProcessEnv): boolean {
  const end = argv.indexOf('--');
  const flags = end === -1 ? argv : argv.slice(0, end);
  const isJson = flags.some(
    (flag, index) => /^(--json|-ojson|-o=json|--output=json)$/.test(flag) || (/^(-o|--output)$/.test(flag) && flags[index + 1] === 'json'),
  );
  const hasOutput = flags.some((flag) => /^(-o|--output)/.test(flag));
  return isJson || (!hasOutput && (env['STOACTL_OUTPUT'] === 'json' || /^(1|true)$/.test(env['STOACTL_JSON'] ?? '')));
}
