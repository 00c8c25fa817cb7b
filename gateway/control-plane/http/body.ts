/** From bytes to a value that is safe to look at: no poisoned prototypes, bounded depth, no control characters. */
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { StoaError } from '../../../schema/error.js';
import type { JsonObject } from '../../../schema/kind.js';
import { invalidField } from './parse.js';

/** A body whose fields are checked by somebody else, such as the definition of a kind. */
export const jsonObject = z.record(z.string(), z.unknown(), { error: 'Expected a JSON object.' }) as unknown as z.ZodType<JsonObject>;

/** The body of a step that a person takes: approve, suspend, revoke. */
export const reasonBody = z.strictObject({
  reason: z.string().min(1).max(1000).optional().describe('Why, for those who read it later.'),
});

const MAX_DEPTH = 40;
const [QUOTE, BACKSLASH, BRACKET, BRACKET_END, BRACE, BRACE_END] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];
const POISON = new Set(['__proto__', 'constructor', 'prototype']);
// eslint-disable-next-line no-control-regex -- these characters are what is refused
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;
/** Half a surrogate pair is no character: other readers of our JSON refuse all of it (RFC 8259, 8.2). */
const HALF = /\p{Surrogate}/u;

/** A text without any of these holds nothing that is refused: most are, and need no walk through every value. What JSON refuses itself is not named. */
const SUSPECT = /\\[bfu]|\u007f|\p{Surrogate}|__proto__|constructor|prototype/u;

/** JSON bodies; an empty one counts as none, with or without a content type. */
export function addJsonParser(app: FastifyInstance): void {
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, parseJson(text as string));
    } catch (error) {
      done(error as Error);
    }
  });
}

/** The value of a JSON text. Throws `validation_error`. */
export function parseJson(text: string): unknown {
  if (text.trim() === '') return undefined;
  requireShallow(text);
  const value = readJson(text);
  if (SUSPECT.test(text)) requireHarmless(value, []);
  return value;
}

/** Looked for in the text: to parse millions of levels takes seconds, in which nobody else is served. */
function requireShallow(text: string): void {
  let depth = 0;
  let isInText = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) isInText = !isInText;
    else if (isInText) at += code === BACKSLASH ? 1 : 0;
    else if (code === BRACKET || code === BRACE) depth++;
    else if (code === BRACKET_END || code === BRACE_END) depth--;
    if (depth > MAX_DEPTH) throw invalidField('', `A body is at most ${MAX_DEPTH} levels deep.`);
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // The parser's message quotes the text, which may hold a secret.
    const [place = ''] = /at position \d+( \(line \d+ column \d+\))?/.exec((error as Error).message) ?? [];
    throw new StoaError('validation_error', `The body is not valid JSON${place === '' ? '' : ` ${place}`}.`, { cause: error });
  }
}

function requireHarmless(value: unknown, path: readonly string[]): void {
  if (typeof value === 'string') {
    if (CONTROL.test(value)) throw invalidField(path.join('.'), 'A text has no control characters.');
    if (HALF.test(value)) throw invalidField(path.join('.'), 'A text has no half of a surrogate pair.');
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (POISON.has(key)) throw invalidField([...path, key].join('.'), `"${key}" is not accepted as a field.`);
    if (CONTROL.test(key)) throw invalidField(path.join('.'), 'A field name has no control characters.');
    if (HALF.test(key)) throw invalidField(path.join('.'), 'A field name has no half of a surrogate pair.');
    // Paths are made only where there is something to look at below, or wrong.
    if (typeof inner === 'object' || typeof inner === 'string') requireHarmless(inner, [...path, key]);
  }
}
