/** The list of features is held by tests that name its rows. */
import path from 'node:path';
import { expect, it } from 'vitest';
import { OPEN_ROWS, rowIdsOf, rowsWithoutTest } from '../scripts/coverage-reference.js';

const ROOT = path.resolve(import.meta.dirname, '..');

it('every row is named by a test, but those that are open: a row that is built goes from OPEN_ROWS', () => {
  expect(rowsWithoutTest(ROOT)).toEqual(Object.keys(OPEN_ROWS));
});

it('reads single rows, ranges and lists of them', () => {
  expect(rowIdsOf('answers 409 (SB5)')).toEqual(['SB5']);
  expect(rowIdsOf('tenants (rows TN1 to TN3, CV13-CV14)')).toEqual(['TN1', 'TN2', 'TN3', 'CV13', 'CV14']);
  expect(rowIdsOf('ES256 and HTTP2 are no rows')).toEqual([]);
});
