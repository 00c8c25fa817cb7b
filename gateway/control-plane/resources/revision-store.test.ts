/** What is asked of the history costs the same however long it is. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stepsOf } from '../../../test/helpers/query-plan.js';
import { watchDatabase, type WatchedDatabase } from '../../../test/helpers/watched-database.js';
import { openMemoryDatabase, type OpenDatabase } from '../database/open.js';
import { findGoneTenant, insertRevision, insertRevisionChanges, nameGivenOnAt, tenantsMadeAfter } from './revision-store.js';

let watched: WatchedDatabase;
let database: OpenDatabase;

beforeEach(async () => {
  watched = watchDatabase();
  database = await openMemoryDatabase(watched.database);
});
afterEach(() => database.close());

const idOf = (life: string): string => `ten-${life.padStart(12, '0')}`;

/** Makes or deletes a tenant: `acme1` and `acme2` are two that had the name acme one after the other. Returns the number of the revision. */
const write = (verb: 'create' | 'delete', life: string): Promise<number> =>
  database.db.transaction().execute(async (trx) => {
    const revision = await insertRevision(trx, { project: null, actor: 'ann', source: '{}', created_at: '2026-02-13T12:00:00.000Z' });
    const [name = ''] = life.split(/\d/);
    const resource = { id: idOf(life), kind: 'Tenant', tenant: name, name };
    const [before, after] = verb === 'create' ? [null, JSON.stringify(resource)] : [JSON.stringify(resource), null];
    await insertRevisionChanges(trx, [{ revision, resource_id: resource.id, kind: 'Tenant', tenant: name, name, before, after }]);
    return revision;
  });

/** Steps that read more of the history than what concerns a tenant, or the names of tenants. */
const longSteps = async (work: () => Promise<unknown>): Promise<string[]> =>
  (await stepsOf(watched, work)).filter(
    (step) => /^(SCAN|SEARCH) (?!(ever|last)$)/.test(step) && !step.includes('INDEX revision_changes_resource'),
  );

describe('a tenant that is gone', () => {
  it('is found by its name and its id, one of several that had the name by its id', async () => {
    for (const life of ['acme1', 'acme2', 'globex1']) {
      await write('create', life);
      await write('delete', life);
    }
    await write('create', 'initech1');

    const found = await Promise.all(
      ['acme', idOf('acme1'), idOf('acme2'), 'globex', idOf('globex1'), 'initech', idOf('initech1'), idOf('nobody')].map((name) =>
        findGoneTenant(database.db, name),
      ),
    );

    const [acme1, acme2, globex1] = ['acme1', 'acme2', 'globex1'].map(idOf);
    expect(found.map((tenant) => tenant?.id)).toEqual([acme2, acme1, acme2, globex1, globex1, undefined, undefined, undefined]);
  });

  it.each([idOf('nobody'), 'nobody'])('is looked for as %s without a walk through the history', async (name) => {
    expect(await longSteps(() => findGoneTenant(database.db, name))).toEqual([]);
  });
});

describe('tenants that had a name one after the other', () => {
  it('are told apart without a walk through the history', async () => {
    expect(await longSteps(() => nameGivenOnAt(database.db, { id: idOf('acme1'), name: 'acme' }))).toEqual([]);
  });

  it('are found among those that are asked for, if they were made after a revision, without a walk through the history', async () => {
    await write('create', 'acme1');
    const revision = await write('create', 'globex1');
    for (const [verb, life] of [
      ['delete', 'acme1'],
      ['create', 'acme2'],
      ['create', 'initech1'],
    ] as const)
      await write(verb, life);
    const asked = ['acme', 'globex', ...Array.from({ length: 1000 }, (_value, index) => `t${index}`)];

    const steps = await longSteps(async () => {
      expect(await tenantsMadeAfter(database.db, revision, asked)).toEqual(['acme']);
    });

    expect(steps).toEqual([]);
  });
});
