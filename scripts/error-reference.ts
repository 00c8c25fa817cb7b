/** The reference pages of error codes and exit codes, made from the one table of `schema/error.ts`. */
import { ERRORS, type ErrorCode } from '../schema/error.js';

type ExitCode = (typeof ERRORS)[ErrorCode]['exit'] | 0 | 2;

/** What each exit code of stoactl means. 0 and 2 are no errors; every other one is the exit of at least one error code. */
export const EXIT_CODES: Readonly<Record<ExitCode, string>> = {
  0: 'Done, or nothing to change.',
  1: 'Failed: network, server, anything not below.',
  2: 'Changes are present: `diff --exit-code`, and keys are stale: `keys stale --exit-code`.',
  3: 'Not signed in, token refused, or right missing.',
  4: 'Not found.',
  5: 'Conflict: stale plan, another owner, illegal state.',
  6: 'Validation findings.',
  7: 'Refused by a guard: too many deletes, protected, empty set.',
  64: 'Wrong usage; also a confirmation that is needed where there is no terminal.',
  70: 'A bug of ours.',
  130: 'Interrupted: the first Ctrl-C stops safely and says what holds.',
};

const codes = Object.keys(ERRORS) as ErrorCode[];
const NOTE = '<!-- Written by npm run generate from schema/error.ts. -->';

/** docs/reference/errors.md */
export function errorsPage(): string {
  const rows = codes.map((code) => {
    const entry: { readonly status: number; readonly exit: number; readonly title: string; readonly hint?: string } = ERRORS[code];
    return `| \`${code}\` | ${entry.status} | ${entry.exit} | ${entry.title}. | ${entry.hint ?? ''} |`;
  });
  return [
    NOTE,
    '# Error codes',
    '',
    'Every error of the control plane and of the gateway has this body, and `stoactl -o json` prints the same object. `hint` and `details` are there',
    'when there is something to say. Codes are stable; messages are for people and may change.',
    '',
    '```json',
    '{ "error": { "code": "validation_error", "message": "Invalid request parameters", "hint": "...", "details": [{ "field": "tier", "message": "Invalid tier value" }] } }',
    '```',
    '',
    '| Code | HTTP status | Exit code of stoactl | Meaning | What to do |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** docs/reference/exit-codes.md */
export function exitCodesPage(): string {
  const rows = Object.entries(EXIT_CODES).map(([exit, meaning]) => {
    const behind = codes.filter((code) => ERRORS[code].exit === Number(exit)).map((code) => `\`${code}\``);
    return `| ${exit} | ${meaning} | ${behind.join(', ')} |`;
  });
  return [
    NOTE,
    '# Exit codes of stoactl',
    '',
    'The exit code, the JSON and the text for people come from the same object: a pipeline may rely on any of them.',
    '',
    '| Exit code | Meaning | Error codes |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
