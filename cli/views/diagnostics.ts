/** Findings as text: `file:line:column: severity: message`, the line itself, and what to do. */
import type { Diagnostic } from '../../schema/error.js';
import { displayWidth, shortened } from './layout.js';
import { printable, type Paint } from './paint.js';

/** One line of a file that was read, counted from 1; undefined when it is not at hand. */
export type SourceLine = (file: string, line: number) => string | undefined;

const FRAME_WIDTH = 120;

/** Every finding, in the given order. Empty text when there is none. */
export function diagnosticsText(diagnostics: readonly Diagnostic[], paint: Paint, sourceLine?: SourceLine): string {
  return diagnostics.map((diagnostic) => `${diagnosticText(diagnostic, paint, sourceLine)}\n`).join('');
}

function diagnosticText(diagnostic: Diagnostic, paint: Paint, sourceLine: SourceLine | undefined): string {
  const { severity, code, message, hint, source, resource, path } = diagnostic;
  const place = source === undefined ? [resource, path].filter((part) => part !== undefined && part !== '').join(' ') : placeOf(source);
  const colour = { error: paint.red, warning: paint.yellow, note: paint.cyan }[severity];
  const lines = [
    `${place === '' ? '' : `${paint.bold(place)}: `}${colour(`${severity}:`)} ${printable(message)} ${paint.dim(`[${code}]`)}`,
  ];
  if (source !== undefined && sourceLine !== undefined) lines.push(...frame(diagnostic, source, sourceLine, paint));
  if (hint !== undefined) lines.push(`    ${printable(hint)}`);
  return lines.map((line) => `${line}\n`).join('');
}

const placeOf = ({ file, line, column }: NonNullable<Diagnostic['source']>): string => `${printable(file)}:${line}:${column}`;

function frame(diagnostic: Diagnostic, source: NonNullable<Diagnostic['source']>, sourceLine: SourceLine, paint: Paint): string[] {
  const line = sourceLine(source.file, source.line);
  if (line === undefined) return [];
  const number = String(source.line);
  const shown = shortened(
    printable(hideValues(line.replaceAll('\t', ' '), diagnostic.code)),
    Math.min(FRAME_WIDTH, paint.columns - number.length - 5),
  );
  if (shown.trim() === '') return [];
  const before = displayWidth(shown.slice(0, source.column - 1));
  const caret = source.column <= shown.length + 1 ? `${' '.repeat(before)}^` : '';
  return [
    `  ${paint.dim(`${number} |`)} ${shown}`,
    ...(caret === '' ? [] : [`  ${paint.dim(`${' '.repeat(number.length)} |`)} ${paint.red(caret)}`]),
  ];
}

/** Findings whose value says nothing that the message does not, or may itself be a secret. */
const VALUE_HIDDEN = /secret|unknown_field/;
const KEY_AND_VALUE = /^(\s*(?:- )?["']?[\w$.-]+["']?\s*:\s*)(\S.*)?$/;
const SECRET_KEY = /((?:secret|passw|token|credential|private|api[_-]?key)[\w-]*["']?\s*:\s*)(\S.*)$/i;

/** User name and password of an address. */
const USER_INFO = /(\/\/)[^@\s"']*@/g;

/** The line without what may be a secret: a literal secret is reported with its line, and the line must not show it. */
function hideValues(line: string, code: string): string {
  const masked = line.replace(SECRET_KEY, '$1[hidden]').replace(USER_INFO, '$1[secret]@');
  if (!VALUE_HIDDEN.test(code)) return masked;
  const key = KEY_AND_VALUE.exec(masked);
  return key === null ? '' : `${key[1] ?? ''}…`;
}
