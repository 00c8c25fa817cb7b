/** The form of an API key (document C): both planes and the redaction of printed lines share it. */
import { createHash, randomInt } from 'node:crypto';

const PREFIX = 'stoa_sk_';
const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';
const RANDOM_LENGTH = 32;
const VISIBLE_LENGTH = 12;

export const API_KEY_PATTERN = /stoa_sk_[0-9a-z]{32}/g;

/** A new key: 32 characters of base 36 from the system's generator, 165 bits. */
export function generateApiKey(): string {
  return PREFIX + Array.from({ length: RANDOM_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/** The part of a key that may be shown: its first 12 characters. */
export const apiKeyPrefix = (key: string): string => key.slice(0, VISIBLE_LENGTH);

/** SHA-256 of a key, hexadecimal: the only form in which a key is kept. */
export const apiKeyDigest = (key: string): string => createHash('sha256').update(key).digest('hex');

/** The text with everything that looks like a key cut down to its visible part. */
export const redactApiKeys = (text: string): string => text.replace(API_KEY_PATTERN, (key) => `${apiKeyPrefix(key)}…`);
