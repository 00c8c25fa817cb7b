import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryDatabase, type OpenDatabase } from '../database/open.js';
import { countSubscriptions, listSubscriptions } from './store.js';

const COUNT = 250;
let database: OpenDatabase;

/** Many subscriptions of two tenants, ten made at each instant. */
beforeEach(async () => {
  database = await openMemoryDatabase();
  const { db } = database;
  for (let index = 0; index < COUNT; index += 1) {
    const id = `sub-${String((index * 7919) % 10_000).padStart(4, '0')}`;
    const at = new Date(Date.UTC(2026, 0, 1, 0, 0, Math.floor(index / 10))).toISOString();
    const tenant = index % 5 === 0 ? 'globex' : 'acme';
    const resource = { id, kind: 'Subscription', tenant, name: id, spec: '{}', labels: '{}', annotations: '{}', secret_digests: '{}' };
    await db
      .insertInto('resources')
      .values({ ...resource, version: 1, revision: 1, created_at: at, updated_at: at, updated_by: 'ann' })
      .execute();
    const status = index % 3 === 0 ? 'pending_approval' : 'active';
    await db.insertInto('subscription_states').values({ id, tenant, api: 'pay', status, rotation_count: 0, created_at: at }).execute();
  }
});
afterEach(() => database.close());

describe('listSubscriptions', () => {
  it.each([{}, { tenant: 'acme' }, { status: 'active' }, { tenant: 'acme', status: 'active' }, { tenant: 'globex', api: 'pay' }])(
    'shows each subscription once over all pages, newest first, filtered by %j',
    async (filter) => {
      const total = await countSubscriptions(database.db, filter);
      const seen: { id: string; created_at: string }[] = [];
      for (let offset = 0; offset < total; offset += 20)
        seen.push(...(await listSubscriptions(database.db, filter, { offset, limit: 20 })));
      const walked: string[] = [];
      for (let cursor: { created_at: string; id: string } | undefined, page = 20; page === 20;) {
        const rows = await listSubscriptions(database.db, filter, { cursor, offset: 0, limit: 20 });
        walked.push(...rows.map(({ id }) => id));
        page = rows.length;
        cursor = rows.at(-1);
      }

      const ordered = [...seen].sort((a, b) => b.created_at.localeCompare(a.created_at) || a.id.localeCompare(b.id));
      expect(seen.map(({ id }) => id)).toEqual(ordered.map(({ id }) => id));
      expect(new Set(seen.map(({ id }) => id)).size).toBe(total);
      expect(walked).toEqual(seen.map(({ id }) => id));
    },
  );
});
