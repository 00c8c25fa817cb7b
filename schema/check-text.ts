/** What no part of any resource may hold, whatever its kind: API keys, control characters, unsafe names, bottomless nesting. */
import { API_KEY_PATTERN } from './api-key.js';
import type { SpecFinding } from './check-spec.js';
import { quoted } from './shown.js';

const MAX_DEPTH = 64;
/** Far beyond any real resource, and few enough to be walked at once. */
const MAX_VALUES = 100_000;
/** A list or mapping of more entries is looked at by the walk that counts. */
const MAX_CHILDREN = 1000;
// eslint-disable-next-line no-control-regex -- control characters are what is looked for; line feed and tab may stand in texts
const SUSPICIOUS = /[\u0000-\u0008\u000b-\u001f\u007f]|stoa_sk_|\p{Surrogate}/u;
/** Half of a pair: no character, and nothing that JSON could hold for others (RFC 8259, 8.2). */
const HALF = /\p{Surrogate}/u;
const API_KEY = new RegExp(API_KEY_PATTERN.source);
const UNSAFE_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Whether there is nothing to report: quick, for what is nearly always so. */
function isClean(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return !SUSPICIOUS.test(value);
  if (typeof value !== 'object' || value === null) return true;
  if (depth >= MAX_DEPTH) return false;
  if (Array.isArray(value)) return value.length < MAX_CHILDREN && value.every((child) => isClean(child, depth + 1));
  const entries = Object.entries(value);
  return (
    entries.length < MAX_CHILDREN &&
    entries.every(([key, child]) => !UNSAFE_KEYS.has(key) && !SUSPICIOUS.test(key) && isClean(child, depth + 1))
  );
}

interface Step {
  readonly value: unknown;
  readonly path: readonly (string | number)[];
}

/** Findings about the texts, keys and nesting of any value; no input is too deep for it. Stops at the first value that is nested too deeply. */
export function checkText(root: unknown): SpecFinding[] {
  return isClean(root, 0) ? [] : walk(root);
}

function walk(root: unknown): SpecFinding[] {
  const findings: SpecFinding[] = [];
  const steps: Step[] = [{ value: root, path: [] }];
  for (let count = 0, step = steps.pop(); step !== undefined; step = steps.pop(), count++) {
    const { value, path } = step;
    if (typeof value === 'string') {
      if (SUSPICIOUS.test(value)) findings.push(...textFindings(value, path));
      continue;
    }
    if (typeof value !== 'object' || value === null) continue;
    if (path.length >= MAX_DEPTH) return [...findings, limit(path.slice(0, 8), `The value is nested more than ${MAX_DEPTH} levels deep.`)];
    if (count > MAX_VALUES) return [...findings, limit([], `The resource holds more than ${MAX_VALUES} values.`)];
    for (const [key, child] of Object.entries(value)) {
      if (UNSAFE_KEYS.has(key)) findings.push(finding('unsafe_key', [...path, key], `The key ${quoted(key)} is not allowed.`, 'key'));
      if (SUSPICIOUS.test(key)) findings.push(...textFindings(key, path));
      steps.push({ value: child, path: [...path, Array.isArray(value) ? Number(key) : key] });
    }
  }
  return findings;
}

function textFindings(text: string, path: SpecFinding['path']): SpecFinding[] {
  if (API_KEY.test(text))
    return [
      {
        ...finding('literal_secret', path, 'An API key stands in clear here.', 'value'),
        hint: 'Remove it, and revoke the key: it must be taken as known to others.',
      },
    ];
  if (HALF.test(text))
    return [finding('malformed_text', path, `${quoted(text)} holds half of a surrogate pair, which is no character.`, 'value')];
  // eslint-disable-next-line no-control-regex -- see above
  if (!/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)) return [];
  return [finding('control_character', path, `${quoted(text)} holds a control character.`, 'value')];
}

const limit = (path: SpecFinding['path'], message: string): SpecFinding => finding('value_limit', path, message, 'value');

const finding = (code: string, path: SpecFinding['path'], message: string, part: 'key' | 'value'): SpecFinding => ({
  severity: 'error',
  code,
  message,
  path,
  part,
});
