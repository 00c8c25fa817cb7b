import { readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ERRORS, errorBody, StoaError, type ErrorCode } from '../schema/error.js';
import { EXIT_CODES } from '../scripts/error-reference.js';
import { listSourceFiles } from './helpers/source-files.js';
import { ROOT } from './helpers/stack.js';

const page = (name: string): string => readFileSync(path.resolve(import.meta.dirname, '../docs/reference', name), 'utf8');
const codes = Object.keys(ERRORS) as ErrorCode[];

/** The codes of document B with their statuses, and the exit codes that pipelines rely on: neither may change unnoticed. */
const PROMISED = [
  ['validation_error', 400, 6],
  ['unauthorized', 401, 3],
  ['forbidden', 403, 3],
  ['not_found', 404, 4],
  ['conflict', 409, 5],
  ['guard_refused', 409, 7],
  ['rate_limited', 429, 1],
  ['internal_error', 500, 70],
  ['bad_gateway', 502, 1],
  ['circuit_open', 503, 1],
  ['api_not_activated', 503, 1],
  ['gateway_timeout', 504, 1],
  ['usage_error', 400, 64],
  ['interrupted', 499, 130],
] as const;

describe('the table of errors', () => {
  it.each(PROMISED)('keeps %s at status %i and exit code %i', (code, status, exit) => {
    expect(ERRORS[code]).toMatchObject({ status, exit });
  });

  it('has an HTTP error status and a title for every code', () => {
    for (const code of codes) {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(ERRORS[code].status, code).toBeGreaterThanOrEqual(400);
      expect(ERRORS[code].status, code).toBeLessThan(600);
      expect(ERRORS[code].title, code).toMatch(/^[A-Z].*[^.]$/);
    }
  });

  it('ends in an exit code that is documented, and never in 0 or 2', () => {
    const documented = Object.keys(EXIT_CODES).map(Number);
    const exits = codes.map((code) => ERRORS[code].exit as number);

    expect(documented).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 64, 70, 130]);
    expect(new Set([0, 2, ...exits])).toEqual(new Set(documented));
    expect(exits).not.toContain(0);
    expect(exits).not.toContain(2);
  });

  it.each(codes)('explains %s on the page of error codes and on the page of exit codes', (code) => {
    const { status, exit, title } = ERRORS[code];

    expect(page('errors.md')).toContain(`| \`${code}\` | ${status} | ${exit} | ${title}. |`);
    expect(page('exit-codes.md')).toMatch(new RegExp(`^\\| ${exit} \\|.*\`${code}\``, 'm'));
  });

  it('makes the body of document B: code, message, hint and details', () => {
    const finding = { severity: 'error', code: 'invalid_value', message: 'Invalid tier value', path: 'tier' } as const;

    const body = errorBody(
      new StoaError('validation_error', 'Invalid request parameters', { hint: 'Use starter.', diagnostics: [finding] }),
    );

    expect(body).toEqual({
      error: {
        code: 'validation_error',
        message: 'Invalid request parameters',
        hint: 'Use starter.',
        details: [{ field: 'tier', message: 'Invalid tier value' }],
      },
    });
  });
});

/** Of these nothing is to be done by whoever reads them, or the table says it. */
const WITHOUT_HINT = ['interrupted', 'internal_error', 'unauthorized'];

it('every error of the command line says what to do, or shows findings', () => {
  const silent = listSourceFiles(ROOT, ['cli'])
    .filter((file) => !/\.test\.tsx?$/.test(file))
    .flatMap((file) => errorsWithoutHint(file, readFileSync(path.join(ROOT, file), 'utf8')));

  expect(silent).toEqual([]);
  expect(errorsWithoutHint('x.ts', `throw new StoaError('conflict', 'It is taken.', { cause });`)).toEqual(['x.ts:1']);
});

/** `file:line` of each `new StoaError` that has neither a hint nor findings. */
function errorsWithoutHint(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isNewExpression(node) && node.expression.getText() === 'StoaError') {
      const [code, , options] = node.arguments ?? [];
      const names = options !== undefined && ts.isObjectLiteralExpression(options) ? options.properties.map((each) => each.getText()) : [];
      const hasHint =
        names.some((name) => /^(\.\.\.|hint\b|diagnostics\b)/.test(name)) || (options !== undefined && ts.isIdentifier(options));
      const isExempt = code !== undefined && ts.isStringLiteral(code) && WITHOUT_HINT.includes(code.text);
      if (!hasHint && !isExempt) found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
