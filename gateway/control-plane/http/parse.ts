/** From what came over the wire to checked values: no coercion of bodies, every finding at once. */
import * as z from 'zod';
import { StoaError, type Diagnostic } from '../../../schema/error.js';

/** The value as its schema makes it. Throws `validation_error` with one detail a finding, `field` dotted from the top of the body. */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  throw invalid(result.error.issues.flatMap(toDiagnostics));
}

/** A `validation_error` with these findings. */
export const invalid = (diagnostics: readonly Diagnostic[]): StoaError => new StoaError('validation_error', undefined, { diagnostics });

/** A `validation_error` about one field. */
export const invalidField = (field: string, message: string): StoaError =>
  invalid([{ severity: 'error', code: 'invalid_value', message, path: field }]);

/** An instant that is still to come, in UTC. Throws `validation_error` for one that has passed. */
export function futureInstant(field: string, text: string, now: number): string {
  const instant = Date.parse(text);
  if (instant > now) return new Date(instant).toISOString();
  const message = `"${text}" has passed; an expiry lies ahead.`;
  throw invalid([{ severity: 'error', code: 'expired', message, path: field }]);
}

function toDiagnostics(issue: z.core.$ZodIssue): Diagnostic[] {
  const path = issue.path.map(String);
  if (issue.code !== 'unrecognized_keys')
    return [{ severity: 'error', code: 'invalid_value', message: issue.message, path: path.join('.') }];
  return issue.keys.map((key) => ({
    severity: 'error',
    code: 'unknown_field',
    message: `Unknown field "${key}".`,
    path: [...path, key].join('.'),
  }));
}

/** A whole number in a query string, which is text by nature. */
export const queryInteger = (minimum: number, maximum: number): z.ZodType<number, string> =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'Expected a whole number.')
    .transform(Number)
    .pipe(z.int().min(minimum).max(maximum));
