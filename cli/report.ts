/** An error as one object: its exit code, its JSON and its text all come from here, so they cannot disagree. */
import { stripVTControlCharacters } from 'node:util';
import { redactApiKeys } from '../schema/api-key.js';
import { suggest } from '../schema/did-you-mean.js';
import { ERRORS, StoaError, errorBody, type Diagnostic, type ErrorBody } from '../schema/error.js';
import { diagnosticsText, type SourceLine } from './views/diagnostics.js';
import { type Paint } from './views/paint.js';

export interface Failure {
  readonly exit: number;
  readonly json: { readonly schema_version: 1 } & ErrorBody & { readonly diagnostics?: readonly Diagnostic[] };
  /** Ours, not the user's: its stack goes to stderr in every form of output. */
  readonly isBug: boolean;
  /** For a person, ends with a newline. */
  text(paint: Paint): string;
}

/** Anything thrown as a failure. What is not a `StoaError` is our bug and shows its stack. */
export function toFailure(thrown: unknown, sourceLine?: SourceLine): Failure {
  const error = toStoaError(thrown);
  const isBug = error.code === 'internal_error' && error.cause !== undefined;
  return {
    exit: ERRORS[error.code].exit,
    isBug,
    json: { schema_version: 1, ...errorBody(error), ...(error.diagnostics.length === 0 ? {} : { diagnostics: error.diagnostics }) },
    text: (paint) =>
      redactApiKeys(
        diagnosticsText(error.diagnostics, paint, sourceLine) +
          `${paint.red('Error:')} ${error.message}\n` +
          (error.hint === undefined ? '' : `${error.hint}\n`) +
          (isBug ? `${stackOf(error.cause)}\n` : ''),
      ),
  };
}

const stackOf = (cause: unknown): string => (cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));

interface FrameworkError extends Error {
  readonly oclif?: { readonly exit?: number };
  /** Of unknown flags: as they were typed. */
  readonly flags?: readonly string[];
  readonly parse?: { readonly input?: { readonly flags?: Readonly<Record<string, unknown>> } };
}

/** oclif reports wrong usage with errors of its own; they carry `oclif`. */
function toStoaError(thrown: unknown): StoaError {
  if (thrown instanceof StoaError) return thrown;
  if (thrown instanceof Error && (thrown as FrameworkError).oclif !== undefined) return usageError(thrown);
  return new StoaError(
    'internal_error',
    'stoactl has failed in a way that it should not. This is a bug; please report it with the lines below.',
    {
      cause: thrown ?? new Error('nothing was thrown'),
    },
  );
}

function usageError(error: FrameworkError): StoaError {
  const message = inOurWords(stripVTControlCharacters(error.message));
  const sentence = /[.:!?)]$/.test(message) ? message : `${message}.`;
  const known = Object.keys(error.parse?.input?.flags ?? {});
  const [nearest] = (error.flags ?? []).flatMap((flag) => suggest(flag.replace(/^-+/, ''), known) ?? []);
  const meant = nearest === undefined ? nearestValue(message) : `--${nearest}`;
  return new StoaError('usage_error', sentence, {
    hint: meant === undefined ? 'Run the command with --help to see how it is used.' : `Did you mean "${meant}"?`,
  });
}

/** What oclif says, on one line and without what helps nobody. */
const inOurWords = (message: string): string =>
  message
    .replace(/\n?See more help with --help$/, '')
    .replace(/\n\nNote: [^]*$/, '')
    .replace(/^The following errors? occurred:\n\s*/, '')
    .replace(/Missing required flag (\S+)/g, '--$1 is missing')
    .replace(/^Missing \d+ required args?:\n([^]*)$/, (_, list: string) =>
      list.replace(/^(\S+)\s+(.*?)\.?$/gm, (__, name: string, text: string) => `${name.toUpperCase()} is missing: ${text}`),
    )
    .replace(/^Parsing (--\S+)\s+/, '$1: ')
    .replace(/^Nonexistent flags?: (.*)$/, 'There is no flag $1')
    .trim()
    .replace(/\s*\n\s*/g, '; ')
    .replace(/ {2,}/g, ' ');

/** Of a value that is not among those that a flag takes. */
function nearestValue(message: string): string | undefined {
  const [, value = '', values = ''] = /^Expected (?:--[^=]+=)?(\S+) to be one of: (.*)$/.exec(message) ?? [];
  return suggest(value, values.split(', '));
}
