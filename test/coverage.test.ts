/** The list of features is held by tests that name its rows; what no test can hold is named here, with the reason. */
import path from 'node:path';
import { expect, it } from 'vitest';
import { rowIds, rowIdsOf, rowsWithoutTest } from '../scripts/coverage-reference.js';

const ROOT = path.resolve(import.meta.dirname, '..');

const WITHOUT: Readonly<Record<string, string>> = {
  KY23: 'The console is not built yet.',
  CN8: 'Optional: a link that shows a key once.',
};

it('every row is named by a test, those without one excepted', () => {
  expect(rowsWithoutTest(ROOT)).toEqual(rowIds().filter((id) => id in WITHOUT));
});

it('reads single rows, ranges and lists of them', () => {
  expect(rowIdsOf('answers 409 (SB5)')).toEqual(['SB5']);
  expect(rowIdsOf('tenants (rows TN1 to TN3, CV13-CV14)')).toEqual(['TN1', 'TN2', 'TN3', 'CV13', 'CV14']);
  expect(rowIdsOf('ES256 and HTTP2 are no rows')).toEqual([]);
});
