/** Pages of a list (row CV30). */
import { z } from 'zod';
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

/** A query of a list that has no filters. */
export const listQuery = z.strictObject(pageQuery);
