/**
 * Random sequences of operations over HTTP against a model on one page: tenants, APIs, consumers, subscriptions, keys, rotations and the clock. After every
 * operation the answer, every subscription and every key that was ever handed out, as a gateway would judge it, are what the model says.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { apiKeyDigest } from '../../schema/api-key.js';
import type { SyncMessage, SyncObjects } from '../../schema/sync.js';
import { openServer, type TestServer } from '../../test/helpers/lived-server.js';
import { sweep } from './api-keys/sweeper.js';
import { createFeed } from './gateways/feed.js';

const HOUR = 3_600_000;

interface Key {
  readonly id: string;
  readonly secret: string;
  readonly from: Key | undefined;
  readonly expires: number;
  until: number;
  isReplaced: boolean;
  isRevoked: boolean;
}

interface Subscription {
  readonly id: string;
  readonly tenant: string;
  readonly api: string;
  readonly consumer: string;
  status: string;
  expires: number;
  rotations: number;
  isGone: boolean;
  /** Newest first. */
  readonly keys: Key[];
}

interface Tenant {
  isSuspended: boolean;
  readonly apis: Set<string>;
  readonly consumers: Set<string>;
}

interface World {
  readonly server: TestServer;
  readonly tenants: Map<string, Tenant>;
  readonly subscriptions: Subscription[];
}

const now = ({ server }: World): number => server.cp.now();
const iso = (at: number): string => new Date(at).toISOString();
const isLive = (key: Key, at: number): boolean => !key.isRevoked && at < key.until;
const statusAt = ({ status, expires }: Subscription, at: number): string => (status === 'active' && at >= expires ? 'expired' : status);

/** What one operation is expected to answer, and what it does to the model once it has. */
type Op = (world: World) => Promise<void>;

async function expectStatus(world: World, method: string, path: string, body: object | undefined, status: number) {
  const answer = await world.server.call(method, path, body);
  expect({ line: `${method} ${path} ${JSON.stringify(body)}`, status: answer.status, text: answer.text }).toMatchObject({ status });
  return answer.body as Record<string, never>;
}

const tenantOps = (name: string): Op[] => [
  async (world) => {
    const exists = world.tenants.has(name);
    await expectStatus(world, 'POST', '/v1/tenants', { name }, exists ? 409 : 201);
    if (!exists) world.tenants.set(name, { isSuspended: false, apis: new Set(), consumers: new Set() });
  },
  ...(['suspend', 'resume'] as const).map((verb): Op => async (world) => {
    const tenant = world.tenants.get(name);
    const isLegal = tenant?.isSuspended === (verb === 'resume');
    await expectStatus(world, 'POST', `/v1/tenants/${name}/${verb}`, undefined, tenant === undefined ? 404 : isLegal ? 200 : 409);
    if (tenant !== undefined && isLegal) tenant.isSuspended = verb === 'suspend';
  }),
  async (world) => {
    const exists = world.tenants.delete(name);
    await expectStatus(world, 'DELETE', `/v1/tenants/${name}`, undefined, exists ? 204 : 404);
    lose(world, (subscription) => subscription.tenant === name);
  },
];

const partOps = (tenant: string, name: string): Op[] =>
  (['apis', 'consumers'] as const).flatMap((part): Op[] => [
    async (world) => {
      const held = world.tenants.get(tenant)?.[part];
      const body = part === 'apis' ? { name, path: `/${name}`, upstream_url: 'https://up.example.com' } : { name };
      await expectStatus(world, 'POST', `/v1/tenants/${tenant}/${part}`, body, held === undefined ? 404 : held.has(name) ? 409 : 201);
      held?.add(name);
    },
    async (world) => {
      const existed = world.tenants.get(tenant)?.[part].delete(name) === true;
      await expectStatus(world, 'DELETE', `/v1/tenants/${tenant}/${part}/${name}`, undefined, existed ? 204 : 404);
      const field = part === 'apis' ? 'api' : 'consumer';
      if (existed) lose(world, (subscription) => subscription.tenant === tenant && subscription[field] === name);
    },
  ]);

/** What goes takes its subscriptions along, and they their keys. */
function lose(world: World, isLost: (subscription: Subscription) => boolean): void {
  for (const subscription of world.subscriptions.filter((each) => !each.isGone && isLost(each))) {
    subscription.isGone = true;
    for (const key of subscription.keys) key.isRevoked = true;
  }
}

const subscribe =
  (tenant: string, api: string, consumer: string, form: 'flat' | 'nested' | 'standard', hours: number | undefined): Op =>
  async (world) => {
    const home = world.tenants.get(tenant);
    const expires = hours === undefined ? Infinity : now(world) + hours * HOUR;
    const body = {
      api_id: api,
      consumer_id: consumer,
      ...(form === 'flat' ? { tenant_id: tenant } : {}),
      ...(form === 'standard' ? { plan: 'standard' } : {}),
      ...(hours === undefined ? {} : { expires_at: iso(expires) }),
    };
    const isPossible = home?.apis.has(api) === true && home.consumers.has(consumer);
    const path = form === 'flat' ? '/v1/subscriptions' : `/v1/tenants/${tenant}/subscriptions`;
    const made = await expectStatus(world, 'POST', path, body, isPossible ? 201 : 404);
    if (!isPossible) return;
    const status = form === 'flat' ? 'active' : 'pending_approval';
    expect(made['status']).toBe(status);
    const subscription = { id: String(made['id']), tenant, api, consumer, status, expires, rotations: 0, isGone: false, keys: [] };
    world.subscriptions.push(subscription);
    if (status === 'active') await remember(world, subscription, made['api_key'], undefined, Infinity);
  };

/** Notes a key that was handed out; its id is looked up by its prefix. */
async function remember(world: World, subscription: Subscription, secret: unknown, from: Key | undefined, expires: number): Promise<void> {
  if (typeof secret !== 'string') return expect.fail('No key was handed out.');
  const listed = await world.server.ok('GET', `/v1/tenants/${subscription.tenant}/apikeys?limit=100&subscription_id=${subscription.id}`);
  const { id } =
    (listed.items as { id: string; prefix: string }[]).find(({ prefix }) => secret.startsWith(prefix)) ?? expect.fail('It is not listed.');
  subscription.keys.unshift({ id, secret, from, expires, until: expires, isReplaced: false, isRevoked: false });
}

const STEPS: Readonly<Record<string, readonly [from: readonly string[], to: string]>> = {
  approve: [['pending_approval'], 'active'],
  reject: [['pending_approval'], 'rejected'],
  suspend: [['active'], 'suspended'],
  resume: [['suspended'], 'active'],
  revoke: [['pending_approval', 'active', 'suspended', 'expired', 'revoked'], 'revoked'],
};

/** The subscription that a number stands for; nothing happens where there is none yet. */
const withOne =
  (index: number, work: (world: World, subscription: Subscription) => Promise<void>): Op =>
  async (world) => {
    const subscription = world.subscriptions[index % Math.max(1, world.subscriptions.length)];
    if (subscription !== undefined) await work(world, subscription);
  };

const step = (index: number, verb: string): Op =>
  withOne(index, async (world, subscription) => {
    const [from, to] = STEPS[verb] ?? [[], ''];
    const isOver = to === 'active' && now(world) >= subscription.expires;
    const isLegal = from.includes(statusAt(subscription, now(world))) && !isOver;
    const status = subscription.isGone ? 404 : isLegal ? 200 : 409;
    const answer = await expectStatus(world, 'POST', `/v1/subscriptions/${subscription.id}/${verb}`, undefined, status);
    if (status !== 200) return;
    subscription.status = to;
    if (verb === 'approve') await remember(world, subscription, answer['api_key'], undefined, Infinity);
    if (to === 'revoked') for (const key of subscription.keys) key.isRevoked = true;
  });

const rotate = (index: number, hours: number, force: boolean): Op =>
  withOne(index, async (world, subscription) => {
    const at = now(world);
    const current = subscription.keys.find((key) => isLive(key, at) && !key.isReplaced);
    const previous = current?.from !== undefined && isLive(current.from, at) ? current.from : undefined;
    const isLegal = statusAt(subscription, at) === 'active' && (previous === undefined || force);
    const status = subscription.isGone ? 404 : isLegal ? 200 : 409;
    const isFirst = subscription.keys.length === 0;
    const body = { grace_period_hours: hours, force };
    const answer = await expectStatus(world, 'POST', `/v1/subscriptions/${subscription.id}/rotate-key`, body, status);
    if (status !== 200) return;
    if (current !== undefined) Object.assign(current, { isReplaced: true, until: Math.min(current.until, at + hours * HOUR) });
    if (previous !== undefined) previous.isRevoked = true;
    if (!isFirst) subscription.rotations += 1;
    await remember(world, subscription, answer['new_api_key'], current, Infinity);
  });

const createKey = (index: number, hours: number): Op =>
  withOne(index, async (world, subscription) => {
    const expires = now(world) + hours * HOUR;
    const status =
      !world.tenants.has(subscription.tenant) || subscription.isGone ? 404 : statusAt(subscription, now(world)) === 'active' ? 201 : 409;
    const body = { subscription_id: subscription.id, expires_at: iso(expires) };
    const answer = await expectStatus(world, 'POST', `/v1/tenants/${subscription.tenant}/apikeys`, body, status);
    if (status === 201) await remember(world, subscription, answer['api_key'], undefined, expires);
  });

const revokeKey = (index: number, which: number): Op =>
  withOne(index, async (world, subscription) => {
    const key = subscription.keys[which % Math.max(1, subscription.keys.length)];
    if (key === undefined) return;
    const status = world.tenants.has(subscription.tenant) ? 204 : 404;
    await expectStatus(world, 'DELETE', `/v1/tenants/${subscription.tenant}/apikeys/${key.id}`, undefined, status);
    key.isRevoked = true;
  });

const expire = (index: number, hours: number | undefined): Op =>
  withOne(index, async (world, subscription) => {
    const expires = hours === undefined ? Infinity : now(world) + hours * HOUR;
    const body = { expires_at: hours === undefined ? null : iso(expires) };
    await expectStatus(world, 'PATCH', `/v1/subscriptions/${subscription.id}`, body, subscription.isGone ? 404 : 200);
    if (!subscription.isGone) subscription.expires = expires;
  });

const wait =
  (hours: number): Op =>
  async ({ server }) => {
    server.advance(hours * HOUR);
    await sweep(server.cp);
  };

const tenant = fc.constantFrom('t0', 't1');
const part = fc.constantFrom('x', 'y');
const index = fc.nat({ max: 30 });
const hours = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 168 }));
const maybe = fc.option(hours, { nil: undefined });
const one = (ops: fc.Arbitrary<Op[]>): fc.Arbitrary<Op> =>
  fc.tuple(ops, fc.nat()).map(([all, pick]) => all[pick % all.length] ?? expect.fail());

const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 2, arbitrary: one(tenant.map(tenantOps)) },
  { weight: 3, arbitrary: one(fc.tuple(tenant, part).map(([owner, name]) => partOps(owner, name))) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(tenant, part, part, fc.constantFrom('flat' as const, 'nested' as const, 'standard' as const), maybe)
      .map((args) => subscribe(...args)),
  },
  { weight: 6, arbitrary: fc.tuple(index, fc.constantFrom(...Object.keys(STEPS))).map((args) => step(...args)) },
  { weight: 6, arbitrary: fc.tuple(index, hours, fc.boolean()).map((args) => rotate(...args)) },
  { weight: 3, arbitrary: fc.tuple(index, hours).map((args) => createKey(...args)) },
  { weight: 2, arbitrary: fc.tuple(index, fc.nat({ max: 9 })).map((args) => revokeKey(...args)) },
  { weight: 2, arbitrary: fc.tuple(index, maybe).map((args) => expire(...args)) },
  { weight: 4, arbitrary: fc.oneof(fc.constant(0.01), fc.integer({ min: 1, max: 30 })).map(wait) },
);

/** A full copy as a gateway takes it. */
async function gatewayView({ server }: World): Promise<SyncObjects[]> {
  const lines = [...((await createFeed(server.cp).read(undefined))?.pieces ?? [])].join('').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as SyncMessage).flatMap((message) => (message.type === 'objects' ? [message.put] : []));
}

/** The keys that open their API now, by the rule of a gateway. */
async function opened(world: World): Promise<Set<string>> {
  const view = await gatewayView(world);
  const at = now(world);
  const served = new Set(
    view
      .flatMap(({ resources }) => resources)
      .filter(({ kind, suspended }) => kind === 'Tenant' && suspended !== true)
      .map(({ name }) => name),
  );
  const active = view
    .flatMap(({ subscriptions }) => subscriptions)
    .filter(({ status, expires_at = Infinity }) => status === 'active' && at < expires_at);
  const ids = new Set(active.filter((subscription) => served.has(subscription.tenant)).map(({ id }) => id));
  const valid = view
    .flatMap(({ credentials }) => credentials)
    .filter(
      ({ status, subscription, not_before, not_after }) =>
        ids.has(subscription) && (status === 'active' || status === 'grace') && not_before <= at && at < (not_after ?? Infinity),
    );
  return new Set(valid.map(({ digest }) => digest));
}

async function compare(world: World): Promise<void> {
  const at = now(world);
  const { items } = (await world.server.ok('GET', '/v1/subscriptions?limit=100')) as {
    items: { id: string; status: string; rotation_count: number }[];
  };
  const seen = new Map(items.map(({ id, status, rotation_count }) => [id, `${status} ${rotation_count}`]));
  const kept = world.subscriptions.filter(({ isGone }) => !isGone);
  expect(seen).toEqual(new Map(kept.map((subscription) => [subscription.id, `${statusAt(subscription, at)} ${subscription.rotations}`])));
  const open = await opened(world);
  for (const subscription of world.subscriptions) {
    const isServed =
      !subscription.isGone && statusAt(subscription, at) === 'active' && world.tenants.get(subscription.tenant)?.isSuspended === false;
    for (const key of subscription.keys)
      expect([key.id, open.has(apiKeyDigest(key.secret))]).toEqual([key.id, isServed && isLive(key, at)]);
  }
}

it(
  'no sequence of operations makes the control plane differ from the model (SB5 SB13 KY7-KY12 KY27 KY28)',
  { timeout: 300_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(op, { minLength: 5, maxLength: 35 }), async (ops) => {
        const server = await openServer();
        const world: World = { server, tenants: new Map(), subscriptions: [] };
        try {
          // Most operations need something to work on.
          for (const start of [
            ...tenantOps('t0').slice(0, 1),
            ...partOps('t0', 'x').filter((_, n) => n % 2 === 0),
            subscribe('t0', 'x', 'x', 'flat', undefined),
          ])
            await start(world);
          for (const next of ops) {
            // Keys of the same millisecond have no order.
            server.advance(1);
            await next(world);
            await compare(world);
          }
        } finally {
          await server.close();
        }
      }),
      { numRuns: Number(process.env['MODEL_RUNS'] ?? 40) },
    );
  },
);
