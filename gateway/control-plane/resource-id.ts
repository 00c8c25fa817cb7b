import { randomInt } from 'node:crypto';

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';
const RANDOM_LENGTH = 12;
const PREFIX_LENGTH = 3;

/** A new id: the first three letters of the kind and twelve random characters, `api-4k1z...`. */
export function newResourceId(kind: string): string {
  return `${kind.slice(0, PREFIX_LENGTH).toLowerCase()}-${randomPart()}`;
}

/** Whether a text could be an id. */
export const looksLikeId = (text: string): boolean => /^[a-z]{3}-[0-9a-z]{12}$/.test(text);

/** Twelve random characters. */
export const randomPart = (): string => Array.from({ length: RANDOM_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
