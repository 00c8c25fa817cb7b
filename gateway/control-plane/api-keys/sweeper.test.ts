import { afterEach, beforeEach, expect, test } from 'vitest';
import { addResource, ADMIN, openLivedState, type LivedState } from '../../../test/helpers/lived-state.js';
import { commit } from '../context.js';
import { createFeed } from '../gateways/feed.js';
import { appendChanges, logRange } from '../gateways/store.js';
import { subscriptionReaction } from '../subscriptions/reaction.js';
import { issueKey } from './issue.js';
import { findKey } from './store.js';
import { startJobs } from '../jobs.js';
import { sweep } from './sweeper.js';

const HOUR = 3_600_000;

let state: LivedState;
let keyId: string;

beforeEach(async () => {
  state = await openLivedState();
  const { cp } = state;
  const expiresAt = new Date(cp.now() + HOUR).toISOString();
  keyId = await commit(cp, async (trx) => {
    const resource = await addResource(cp, trx, { kind: 'Subscription', tenant: 'acme', name: 'mobile', spec: { api: 'payments' } });
    await subscriptionReaction(trx, cp, ADMIN, [{ before: undefined, after: resource, id: resource.id }]);
    const { row } = await issueKey(trx, { tenant: 'acme', subscription: resource.id, expiresAt }, cp.now());
    return row.id;
  });
});
afterEach(() => state.close());

const storedStatus = async () => (await findKey(state.cp.db, 'acme', keyId))?.status;
const newest = async () => (await logRange(state.cp.db)).newest;

test('marks an ended key only when no clock that steps back could still find it valid (KY10)', async () => {
  state.advance(2 * HOUR - 1);
  await sweep(state.cp);
  expect(await storedStatus()).toBe('active');

  state.advance(1);
  await sweep(state.cp);
  expect(await storedStatus()).toBe('expired');
});

test('tells gateways once that a key has ended, and once, a day later, that they may forget it', async () => {
  state.advance(2 * HOUR);
  const before = await newest();
  await sweep(state.cp);
  await sweep(state.cp);
  expect(await newest()).toBe(before + 1);

  state.advance(23 * HOUR);
  await sweep(state.cp);
  await sweep(state.cp);

  expect(await newest()).toBe(before + 2);
  const message = await createFeed(state.cp).read(before + 1);
  expect(JSON.parse([...(message?.pieces ?? [])].join(''))).toMatchObject({ put: { credentials: [] }, remove: { credentials: [keyId] } });
});

test('ends a key that was overdue for days while the server was down, and has gateways forget it, in one sweep', async () => {
  state.advance(72 * HOUR);

  await sweep(state.cp);

  expect(await storedStatus()).toBe('expired');
  expect(await newest()).toBeGreaterThan(0);
});

test('keeps the last hundred thousand changes', async () => {
  const keys = Array.from({ length: 100_050 }, (_value, index) => `key-${index}`);
  await commit(state.cp, (trx) => appendChanges(trx, 'credential', keys));

  await sweep(state.cp);

  const { oldest, newest: last } = await logRange(state.cp.db);
  expect(last - oldest + 1).toBe(100_000);
});

test('stops when it is told to, after the sweep that is under way', async () => {
  state.advance(2 * HOUR);

  await startJobs(state.cp).stop();

  expect(await storedStatus()).toBe('expired');
});
