/** What both servers read alike of their flags and their environment: help, secrets as values or files, and what production does not allow. */
import { existsSync, readFileSync } from 'node:fs';
import { StoaError } from '../schema/error.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A flag as `parseArgs` takes it, and what people are told of it. */
export interface FlagText {
  readonly type: 'string' | 'boolean';
  readonly multiple?: boolean;
  readonly default?: string | boolean | readonly string[];
  /** What stands for its value: `DIR`. */
  readonly value?: string;
  /** Variable that sets it where the flag is not given. */
  readonly variable?: string;
  readonly summary: string;
  /** What holds without it, where no default says so. */
  readonly absent?: string;
}

export type FlagTexts = Readonly<Record<string, FlagText>>;

/** `--help` of a server; undefined when it was not asked for. */
export function helpOf(
  args: readonly string[],
  script: string,
  flags: FlagTexts,
  variables: Readonly<Record<string, string>>,
): string | undefined {
  if (!args.includes('--help') && !args.includes('-h')) return undefined;
  const flagLines = Object.entries(flags).map(([name, { value, summary, variable, ...flag }]) => {
    const notes = [defaultOf(flag), variable].filter((note) => note !== undefined);
    return [
      `--${name}${value === undefined ? '' : ` ${value}`}`,
      `${summary}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`,
    ] as const;
  });
  const width = Math.max(...flagLines.map(([left]) => left.length)) + 2;
  const listed = (lines: readonly (readonly [string, string])[]): string =>
    lines.map(([left, right]) => `  ${left.padEnd(width)}${right}\n`).join('');
  return `Usage: node bin/${script} [FLAGS]\n\nFlags:\n${listed(flagLines)}\nVariables:\n${listed(Object.entries(variables))}`;
}

/** The default of a flag in words. */
export function defaultOf({ default: value, absent }: Pick<FlagText, 'default' | 'absent'>): string | undefined {
  const isSaid = typeof value === 'string' && value !== '';
  return isSaid ? `default ${value}` : absent === undefined ? undefined : `default: ${absent}`;
}

/** A secret from `NAME`, or from the file that `NAME_FILE` names. Throws `usage_error` when both are set, or the file holds none. */
export function readSecret(env: Environment, name: string): string | undefined {
  const [value, file] = [env[name] ?? '', env[`${name}_FILE`] ?? ''];
  if (file === '') return value === '' ? undefined : value;
  if (value !== '') throw new StoaError('usage_error', `${name} and ${name}_FILE are both set.`, { hint: 'Set one of them.' });
  const hint = `Put the secret into the file, readable by the user of this process, or unset ${name}_FILE.`;
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new StoaError('usage_error', `${name}_FILE names ${file}, which cannot be read: ${why}.`, { hint, cause: error });
  }
  if (text === '') throw new StoaError('usage_error', `${name}_FILE names ${file}, which is empty.`, { hint });
  return text;
}

const MODES = ['production', 'development'] as const;
export type Mode = (typeof MODES)[number];

/** Flag and variable of the mode, the same for both servers. */
export const MODE_FLAG = {
  type: 'string',
  value: 'MODE',
  variable: 'STOA_MODE',
  summary: 'production refuses what development allows: secrets that can be guessed, and addresses without TLS.',
  absent: 'production, on loopback development',
} as const;

/** The mode: as it is given, else production for whoever can be reached from another machine. */
export function readMode(given: string | undefined, host: string): Mode {
  if (given === undefined) return isLoopback(host) ? 'development' : 'production';
  const mode = MODES.find((known) => known === given);
  if (mode === undefined) throw new StoaError('usage_error', `--mode is ${MODES.join(' or ')}; "${given}" is neither.`);
  return mode;
}

/** Whether only this machine reaches the address. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);

/** Whether this process runs in a container that others reach: there localhost is the container. One that only itself reaches holds all of its world. */
export const isInContainer = (env: Environment, host: string): boolean =>
  !isLoopback(host) &&
  (env['KUBERNETES_SERVICE_HOST'] !== undefined || ['/.dockerenv', '/run/.containerenv'].some((file) => existsSync(file)));

/** Whether what is sent to an address could be read on its way: no TLS, and not this machine. */
export function isReadOnItsWay(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol !== 'https:' && !isLoopback(hostname);
}

const MIN_LENGTH = 24;
const MIN_CHARACTERS = 8;
const TRIED_FIRST = /change.?me|password|passw0rd|secret|example|default|qwerty|123456789/i;

/** Why a secret could be guessed, without a part of it; undefined for a good one. */
export function weaknessOf(secret: string): string | undefined {
  if (secret.length < MIN_LENGTH) return `it is shorter than ${MIN_LENGTH} characters`;
  if (new Set(secret).size < MIN_CHARACTERS) return `it has fewer than ${MIN_CHARACTERS} different characters`;
  return TRIED_FIRST.test(secret) ? 'it holds a word that is tried first' : undefined;
}

/** Throws `usage_error` for the first secret that can be guessed, and where certificates are not checked. */
export function requireSafeProcess(env: Environment, secrets: Readonly<Record<string, string | undefined>>): void {
  for (const [name, secret] of Object.entries(secrets)) {
    const weakness = secret === undefined ? undefined : weaknessOf(secret);
    if (weakness !== undefined)
      throw new StoaError('usage_error', `${name} is not safe in production: ${weakness}.`, {
        hint: 'Make one: openssl rand -hex 32. Only for trying things out there is --mode development.',
      });
  }
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0')
    throw new StoaError('usage_error', 'NODE_TLS_REJECT_UNAUTHORIZED=0 is not safe in production: no certificate would be checked.', {
      hint: 'Unset it; name an authority of your own with NODE_EXTRA_CA_CERTS.',
    });
}

/** From the most that is said to the least. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
/** Names that other loggers have for them. */
const LEVELS_OF_OTHERS: Readonly<Record<string, LogLevel>> = { trace: 'debug', warning: 'warn', fatal: 'error', silent: 'error' };
const LOG_FORMATS = ['json', 'text'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** What `--help` says of them. */
export const LOG_VARIABLES = {
  LOG_LEVEL: 'debug, info, warn or error (default info; STOA_LOG_LEVEL goes first).',
  LOG_FORMAT: 'json, or text for people (default json).',
} as const;

/** How much is written, and in which form. Throws `usage_error`. */
export function readLogging(env: Environment): { readonly logLevel: LogLevel; readonly logFormat: LogFormat } {
  const name = (env['STOA_LOG_LEVEL'] ?? '') === '' ? 'LOG_LEVEL' : 'STOA_LOG_LEVEL';
  const known = LEVELS_OF_OTHERS[(env[name] ?? '').toLowerCase()];
  return { logLevel: known ?? oneOf(env, name, LOG_LEVELS) ?? 'info', logFormat: oneOf(env, 'LOG_FORMAT', LOG_FORMATS) ?? 'json' };
}

/** Undefined when it is not set, or empty. */
function oneOf<Value extends string>(env: Environment, name: string, values: readonly Value[]): Value | undefined {
  const text = env[name] ?? '';
  const value = values.find((known) => known === text.toLowerCase());
  if (value !== undefined || text === '') return value;
  throw new StoaError('usage_error', `${name} is "${text}", which is none of ${values.join(', ')}.`, {
    hint: 'Set one of them, or unset it.',
  });
}

/** The value of a flag that is true or false. Throws `usage_error`. */
export function readBoolean(flag: string, text: string | undefined, fallback: boolean): boolean {
  if (text === undefined) return fallback;
  if (text === 'true' || text === 'false') return text === 'true';
  throw new StoaError('usage_error', `--${flag} is true or false; "${text}" is neither.`);
}
