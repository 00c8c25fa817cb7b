import { afterEach, beforeEach, expect, test } from 'vitest';
import { addResource, ADMIN, openLivedState, type LivedState } from '../../../test/helpers/lived-state.js';
import type { SyncMessage, SyncObjects } from '../../../schema/sync.js';
import { issueKey, revokeKeysOf } from '../api-keys/issue.js';
import { commit, type Trx } from '../context.js';
import { deleteResources, findById } from '../resources/store.js';
import { subscriptionReaction } from '../subscriptions/reaction.js';
import { createFeed, type Feed, type FeedMessage } from './feed.js';
import { appendChanges } from './store.js';

const DAY = 86_400_000;

let state: LivedState;
let feed: Feed;

beforeEach(async () => {
  state = await openLivedState();
  feed = createFeed(state.cp);
});
afterEach(() => state.close());

const write = <Result>(work: (trx: Trx) => Promise<Result>) => commit(state.cp, work);

async function addSubscription(name = 'mobile') {
  return write(async (trx) => {
    const spec = { api: 'payments', consumer: 'app', plan: 'gold' };
    const resource = await addResource(state.cp, trx, { kind: 'Subscription', tenant: 'acme', name, spec });
    await subscriptionReaction(trx, state.cp, ADMIN, [{ before: undefined, after: resource, id: resource.id }]);
    return resource.id;
  });
}

function messages(message: FeedMessage | undefined): SyncMessage[] {
  const text = [...(message?.pieces ?? [])].join('');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as SyncMessage);
}

/** Everything that a full copy puts. */
function objects(message: FeedMessage | undefined): SyncObjects {
  const put = messages(message).flatMap((one) => (one.type === 'objects' ? [one.put] : []));
  return {
    resources: put.flatMap(({ resources }) => resources),
    subscriptions: put.flatMap(({ subscriptions }) => subscriptions),
    credentials: put.flatMap(({ credentials }) => credentials),
  };
}

test('a full copy holds the kinds that shape traffic, subscriptions with their state, and keys by digest', async () => {
  await write(async (trx) => {
    await addResource(state.cp, trx, { kind: 'Tenant', tenant: 'acme', name: 'acme' });
    await addResource(state.cp, trx, { kind: 'API', tenant: 'acme', name: 'payments', spec: { path: '/payments' } });
    await addResource(state.cp, trx, { kind: 'Webhook', tenant: 'acme', name: 'hook' });
  });
  const id = await addSubscription();
  const { row, secret } = await write((trx) => issueKey(trx, { tenant: 'acme', subscription: id }, state.cp.now()));

  const copy = await feed.read(undefined);

  const lines = messages(copy);
  expect(lines[0]).toEqual({ type: 'begin', number: copy?.number });
  expect(lines.at(-1)).toMatchObject({ type: 'end', number: copy?.number, store: expect.any(String) });
  const held = objects(copy);
  expect(held.resources.map(({ kind }) => kind).sort()).toEqual(['API', 'Tenant']);
  expect(held.resources.find(({ kind }) => kind === 'API')).toMatchObject({
    spec: { path: '/payments' },
    labels: {},
    id: 'api-acme-payments',
  });
  expect(held.subscriptions).toEqual([
    { id, tenant: 'acme', name: 'mobile', status: 'active', api: 'payments', consumer: 'app', plan: 'gold' },
  ]);
  expect(held.credentials).toEqual([
    {
      id: row.id,
      tenant: 'acme',
      subscription: id,
      digest: row.digest,
      status: 'active',
      not_before: Date.parse(row.not_before),
      not_after: null,
    },
  ]);
  expect(JSON.stringify(held)).not.toContain(secret);
});

test('a gateway that is up to date lacks nothing', async () => {
  await addSubscription();
  const copy = await feed.read(undefined);

  expect(await feed.read(copy?.number)).toBeUndefined();
});

test('an empty database is copied once, not again and again', async () => {
  const copy = await feed.read(undefined);

  expect(copy?.number).toBe(0);
  expect(await feed.read(0)).toBeUndefined();
});

test('one transaction is one change, with whole objects and the keys of what is gone', async () => {
  await write((trx) => addResource(state.cp, trx, { kind: 'API', tenant: 'acme', name: 'old' }));
  const start = await feed.read(undefined);

  await write(async (trx) => {
    await addResource(state.cp, trx, { kind: 'API', tenant: 'acme', name: 'new' });
    await addResource(state.cp, trx, { kind: 'Policy', tenant: 'acme', name: 'limit' });
    await deleteResources(trx, ['api-acme-old']);
    await appendChanges(trx, 'resource', ['API acme/old']);
  });

  const change = messages(await feed.read(start?.number));
  expect(change).toHaveLength(1);
  expect(change[0]).toMatchObject({
    type: 'change',
    put: {
      resources: [
        { kind: 'API', name: 'new' },
        { kind: 'Policy', name: 'limit' },
      ],
      subscriptions: [],
      credentials: [],
    },
    remove: { resources: ['API acme/old'], subscriptions: [], credentials: [] },
  });
});

test('an object named like its tenant is found again', async () => {
  const start = await feed.read(undefined);
  await write((trx) => addResource(state.cp, trx, { kind: 'API', tenant: 'acme', name: 'acme' }));

  const [change] = messages(await feed.read(start?.number));

  expect(change).toMatchObject({ put: { resources: [{ kind: 'API', tenant: 'acme', name: 'acme' }] }, remove: { resources: [] } });
});

test('a revoked key is sent as revoked for a day and then forgotten', async () => {
  const id = await addSubscription();
  const { row } = await write((trx) => issueKey(trx, { tenant: 'acme', subscription: id }, state.cp.now()));
  const start = await feed.read(undefined);

  await write((trx) => revokeKeysOf(trx, [id], state.cp.now()));

  const [change] = messages(await feed.read(start?.number));
  expect(change).toMatchObject({ put: { credentials: [{ id: row.id, status: 'revoked' }] } });
  state.advance(DAY - 1);
  expect(objects(await feed.read(undefined)).credentials).toHaveLength(1);
  state.advance(1);
  expect(objects(await feed.read(undefined)).credentials).toHaveLength(0);
  expect(messages(await feed.read(start?.number))[0]).toMatchObject({ put: { credentials: [] }, remove: { credentials: [row.id] } });
});

test('the end of a deleted subscription reaches gateways with its keys', async () => {
  const id = await addSubscription();
  const { row } = await write((trx) => issueKey(trx, { tenant: 'acme', subscription: id }, state.cp.now()));
  const start = await feed.read(undefined);

  await write(async (trx) => {
    const before = await findById(trx, 'Subscription', id);
    await subscriptionReaction(trx, state.cp, ADMIN, [{ before, after: undefined, id }]);
    await deleteResources(trx, [id]);
  });

  const [change] = messages(await feed.read(start?.number));
  expect(change).toMatchObject({ put: { credentials: [{ id: row.id, status: 'revoked' }] }, remove: { subscriptions: [id] } });
});

test('numbers hold for one run of the server: an older database may have passed them with other changes', async () => {
  const restarted = createFeed(state.cp);

  expect(await feed.store()).toBe(await feed.store());
  expect(await restarted.store()).not.toBe(await feed.store());
});

test('a number that this database has never reached, or has forgotten, is answered with a full copy', async () => {
  await addSubscription();
  const copy = await feed.read(undefined);
  await state.cp.db.deleteFrom('change_log').where('number', '<', 2).execute();

  const ahead = messages(await feed.read((copy?.number ?? 0) + 1));
  const behind = messages(await feed.read(0));

  expect(ahead[0]?.type).toBe('begin');
  expect(behind[0]?.type).toBe('begin');
});

test('a copy that is read while others write is whole at the number that it names', async () => {
  for (let round = 0; round < 30; round += 1) {
    await write(async (trx) => {
      for (let index = 0; index < 100; index += 1)
        await addResource(state.cp, trx, { kind: 'API', tenant: 'acme', name: `a${round}-${index}` });
    });
  }
  const writing = (async () => {
    for (let round = 0; round < 20; round += 1) {
      await write(async (trx) => {
        await addResource(state.cp, trx, { kind: 'API', tenant: 'acme', name: `b${round}-1` });
        await addResource(state.cp, trx, { kind: 'API', tenant: 'acme', name: `0${round}-2` });
      });
    }
  })();

  const copy = await feed.read(undefined);
  await writing;

  const names = objects(copy).resources.map(({ name }) => name);
  const later = names.filter((name) => !name.startsWith('a'));
  expect(names.length - later.length).toBe(3000);
  expect(later.length % 2, 'no transaction is seen in half').toBe(0);
  expect(copy?.number).toBe(3000 + later.length);
});

test('gateways that wait for the same change share one reading of it', async () => {
  const start = await feed.read(undefined);
  await addSubscription();

  const [one, two] = await Promise.all([feed.read(start?.number), feed.read(start?.number)]);

  expect(one).toBe(two);
});
