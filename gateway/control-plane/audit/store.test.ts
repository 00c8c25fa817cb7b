import { afterEach, beforeEach, expect, test } from 'vitest';
import { ADMIN, openLivedState, START, type LivedState } from '../../../test/helpers/lived-state.js';
import { generateApiKey } from '../../../schema/api-key.js';
import { auditDetails } from './details.js';
import { countAudit, insertEvents, listAudit, recordAudit } from './store.js';

let state: LivedState;

beforeEach(async () => {
  state = await openLivedState();
});
afterEach(() => state.close());

const record = (tenant: string, action: string, at: number, details?: unknown) =>
  state.cp.db.transaction().execute((trx) => recordAudit(trx, { tenant, action, resource: 'sub-1', actor: ADMIN, details, at }));

test('an entry names who did what to which resource, and when', async () => {
  await record('acme', 'subscription.key_rotated', START, { grace_period_hours: 24 });

  const [row] = await listAudit(state.cp.db, { tenant: 'acme' }, 0, 10);

  expect(row).toMatchObject({
    action: 'subscription.key_rotated',
    event_type: 'subscription.key_rotated',
    resource: 'sub-1',
    user: ADMIN.name,
    request_id: 'req-1',
    created_at: '2026-02-13T12:00:00.000Z',
    details: '{"grace_period_hours":24}',
  });
});

test('nothing secret is stored, whatever the details hold', () => {
  const key = generateApiKey();

  const stored = auditDetails({ new_api_key: key, note: `was ${key}`, nested: { secret: 'whsec_abc123', token: 'eyJ' }, api_key: null });

  expect(stored).not.toContain(key);
  expect(stored).not.toContain('whsec_abc123');
  expect(stored).not.toContain('eyJ');
  expect(JSON.parse(stored)).toMatchObject({ note: `was ${key.slice(0, 12)}…`, api_key: null });
});

test('a list is newest first, pages do not overlap, and the count is exact', async () => {
  for (let index = 0; index < 7; index += 1) await record('acme', `step.${index}`, START + Math.floor(index / 2));
  await record('other', 'step', START);

  const pages = await Promise.all([0, 3, 6].map((offset) => listAudit(state.cp.db, { tenant: 'acme' }, offset, 3)));

  expect(pages.flat().map(({ action }) => action)).toEqual(['step.6', 'step.5', 'step.4', 'step.3', 'step.2', 'step.1', 'step.0']);
  expect(await countAudit(state.cp.db, { tenant: 'acme' })).toBe(7);
});

test('filters narrow the list: from is inclusive, to is exclusive', async () => {
  await record('acme', 'api.created', START);
  await record('acme', 'api.deleted', START + 1000);

  const at = new Date(START + 1000).toISOString();

  expect(await countAudit(state.cp.db, { tenant: 'acme', action: 'api.created' })).toBe(1);
  expect(await countAudit(state.cp.db, { tenant: 'acme', from: at })).toBe(1);
  expect(await countAudit(state.cp.db, { tenant: 'acme', to: at })).toBe(1);
  expect(await countAudit(state.cp.db, { tenant: 'acme', user: 'nobody' })).toBe(0);
});

test('an event of a gateway counts once, however often it is delivered', async () => {
  const row = {
    tenant: 'acme',
    action: 'rate_limit_exceeded',
    event_type: 'rate_limit_exceeded',
    resource: 'payments',
    user: 'app',
    consumer: 'app',
    path: '/apis/acme/payments',
    status: 429,
    request_id: null,
    resource_key: null,
    source: 'gateway',
    project: null,
    git_commit: null,
    ci_run: null,
    details: '{}',
    created_at: new Date(START).toISOString(),
  };
  const rows = Array.from({ length: 1200 }, (_value, index) => ({ ...row, event_id: `gw-${index}` }));

  const first = await state.cp.db.transaction().execute((trx) => insertEvents(trx, rows));
  const again = await state.cp.db.transaction().execute((trx) => insertEvents(trx, [...rows.slice(0, 10), { ...row, event_id: 'gw-new' }]));

  expect([first, again]).toEqual([1200, 1]);
  expect(await countAudit(state.cp.db, { tenant: 'acme', event_type: 'rate_limit_exceeded' })).toBe(1201);
});
