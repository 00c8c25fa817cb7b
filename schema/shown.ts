/** Values inside messages: short, on one line, without control characters and without anything that looks like an API key. */
import { redactApiKeys } from './api-key.js';

const MAX_TEXT = 80;

/** A text in quotes, cut after 80 characters; control and line-breaking characters are escaped, keys and passwords in URLs left out. */
export function quoted(text: string): string {
  const safe = JSON.stringify(redactApiKeys(text.slice(0, 4 * MAX_TEXT)).replace(/\/\/[^@\s]*@/g, '//[secret]@'))
    .slice(1, -1)
    .replace(/[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, escaped);
  return `"${safe.length > MAX_TEXT ? `${safe.slice(0, MAX_TEXT)}…` : safe}"`;
}

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A dotted path, on one line and without raw control characters: keys come from people too. */
export const pathText = (path: readonly (string | number)[]): string =>
  path.map((step) => (typeof step === 'number' ? step : quoted(step).slice(1, -1))).join('.');

/** Any value: `"30s"`, `12`, `nothing`, `a list`, `a mapping`. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'a mapping' : 'nothing';
}

/** `a, b or c`. */
export function oneOf(words: readonly string[]): string {
  if (words.length <= 1) return words.join('');
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`;
}
