/** What strangers may write where others read it: one line, in which nothing turns the direction, hides, or looks like a line of its own. */
import * as z from 'zod';

const STEERING = /[\p{Cc}\p{Zl}\p{Zp}\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/u;

/** A name or another short text. */
export const lineOfText = z
  .string()
  .trim()
  .min(1, 'Write something.')
  .max(200, 'Write at most 200 characters.')
  .refine((text) => !STEERING.test(text), 'Write it on one line, without control characters.');
