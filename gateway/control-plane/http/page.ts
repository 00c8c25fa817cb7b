/** Pages of a list (row CV30). */
import * as z from 'zod';
import { queryInteger } from './parse.js';

/** `?page=1&limit=20`: pages count from 1. */
export const pageQuery = {
  page: queryInteger(1, 1_000_000).default(1).describe('Number of the page, from 1.'),
  limit: queryInteger(1, 100).default(20).describe('How many items a page holds.'),
};

export interface Page {
  readonly page: number;
  readonly limit: number;
}

/** How many rows stand before a page. */
export const offsetOf = ({ page, limit }: Page): number => (page - 1) * limit;

/** The answer of a list: the items under their own name and as `items`. */
export function pageAnswer(name: string, items: readonly unknown[], total: number, { page, limit }: Page): Record<string, unknown> {
  return { [name]: items, items, total, page, limit };
}

/** Where a page ended, in a list that is newest first: the next one is found at once, however far back it is. */
export interface Cursor {
  readonly created_at: string;
  readonly id: string;
}

/** In the query of a list that can be walked by cursors. */
export const cursorQuery = z
  .string()
  .max(500)
  .transform((text, context) => {
    const [, created_at = '', id = ''] =
      /^(\d{4}-\d\d-\d\dT[\d:.]+Z) ([\w-]+)$/.exec(Buffer.from(text, 'base64url').toString('utf8')) ?? [];
    if (id === '') context.addIssue({ code: 'custom', message: 'A cursor is "next_cursor" of an answer, as it is.' });
    return { created_at, id } satisfies Cursor;
  })
  .optional()
  .describe('Where the page before has ended: "next_cursor" of its answer. It takes the place of "page".');

/** The cursor behind a page; null when it is the last one. */
export function nextCursor(items: readonly Cursor[], limit: number): string | null {
  const last = items.at(-1);
  return last === undefined || items.length < limit ? null : Buffer.from(`${last.created_at} ${last.id}`).toString('base64url');
}

/** A query of a list that has no filters. */
export const listQuery = z.strictObject(pageQuery);
