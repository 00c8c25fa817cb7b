import { expect, it } from 'vitest';
import { stepsOf } from '../../../test/helpers/query-plan.js';
import { watchDatabase } from '../../../test/helpers/watched-database.js';
import type { StoredResource } from '../../../schema/change.js';
import { openMemoryDatabase } from '../database/open.js';
import { firstOfPaths } from './store.js';

it('asks who holds paths by the index of claims, however many paths there are (decision K16)', async () => {
  const watched = watchDatabase();
  const { db, close } = await openMemoryDatabase(watched.database);
  const apis = Array.from(
    { length: 100 },
    (_value, index) => ({ spec: { path: `/p${index}`, version: 'v1' } }) as unknown as StoredResource,
  );

  const steps = await stepsOf(watched, () => firstOfPaths(db, 'acme', apis));
  await close();

  const claims = new Set(steps.filter((step) => step.includes(' held ')).map((step) => step.replace(/^.*\((.*)\)$/, '$1')));
  expect([...claims].sort()).toEqual(['tenant=? AND kind=? AND claim=?', 'tenant=? AND kind=? AND claim>? AND claim<?']);
});
