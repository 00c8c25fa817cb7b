/** Random histories of subscriptions, against a model that fits on a page: which keys open an API, and when. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addResource, ADMIN, openLivedState, type LivedState } from '../../../test/helpers/lived-state.js';
import { apiKeyDigest } from '../../../schema/api-key.js';
import { StoaError, type ErrorCode } from '../../../schema/error.js';
import type { SyncCredential, SyncMessage, SyncSubscription } from '../../../schema/sync.js';
import { commit, type Trx } from '../context.js';
import { createFeed } from '../gateways/feed.js';
import { subscriptionReaction } from '../subscriptions/reaction.js';
import { takeStep, type Verb } from '../subscriptions/transitions.js';
import { createKey, revokeKey, rotateKey, targetByKey, targetBySubscription } from './service.js';
import { sweep } from './sweeper.js';

const HOUR = 3_600_000;

interface ModelKey {
  readonly id: string;
  readonly secret: string;
  readonly from: ModelKey | undefined;
  readonly expires: number;
  /** The instant at which it ends; infinite for never. */
  until: number;
  replaced: boolean;
  revoked: boolean;
}

interface Model {
  status: string;
  rotations: number;
  readonly keys: ModelKey[];
}

type Op =
  | { readonly op: 'rotate'; readonly graceHours: number; readonly force: boolean; readonly key: number | undefined }
  | { readonly op: 'create'; readonly expiresInHours: number | undefined }
  | { readonly op: 'revokeKey'; readonly key: number }
  | { readonly op: 'step'; readonly verb: Verb }
  | { readonly op: 'wait'; readonly hours: number }
  | { readonly op: 'sweep' };

const key = fc.nat({ max: 20 });
const graceHours = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 168 }));
const ops: fc.Arbitrary<Op[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        op: fc.constant('rotate' as const),
        graceHours,
        force: fc.boolean(),
        key: fc.option(key, { nil: undefined }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        op: fc.constant('create' as const),
        expiresInHours: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('revokeKey' as const), key }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('step' as const), verb: fc.constantFrom<Verb>('approve', 'suspend', 'resume') }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('step' as const), verb: fc.constantFrom<Verb>('reject', 'revoke') }) },
    { weight: 5, arbitrary: fc.record({ op: fc.constant('wait' as const), hours: fc.integer({ min: 0, max: 30 }) }) },
    // A clock that is set back a little, never further than the tolerance.
    { weight: 1, arbitrary: fc.record({ op: fc.constant('wait' as const), hours: fc.constant(-0.02) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('sweep' as const) }) },
  ),
  { minLength: 5, maxLength: 40 },
);

const TRANSITIONS: Readonly<Record<Verb, readonly [from: readonly string[], to: string]>> = {
  approve: [['pending_approval'], 'active'],
  reject: [['pending_approval'], 'rejected'],
  suspend: [['active'], 'suspended'],
  resume: [['suspended'], 'active'],
  revoke: [['pending_approval', 'active', 'suspended', 'revoked'], 'revoked'],
};

const isAlive = (model: ModelKey, now: number): boolean => !model.revoked && now < model.until;

class History {
  readonly #state: LivedState;
  readonly #id: string;
  readonly #model: Model;

  private constructor(state: LivedState, id: string, model: Model) {
    this.#state = state;
    this.#id = id;
    this.#model = model;
  }

  static async begin(state: LivedState, isPending: boolean): Promise<History> {
    const { cp } = state;
    const id = await commit(cp, async (trx) => {
      const spec: Record<string, string> = isPending ? { api: 'payments', plan: 'standard' } : { api: 'payments' };
      const resource = await addResource(cp, trx, { kind: 'Subscription', tenant: 'acme', name: 'mobile', spec });
      await subscriptionReaction(trx, cp, ADMIN, [{ before: undefined, after: resource, id: resource.id }]);
      return resource.id;
    });
    return new History(state, id, { status: isPending ? 'pending_approval' : 'active', rotations: 0, keys: [] });
  }

  async take(op: Op): Promise<void> {
    if (op.op === 'wait') this.#state.advance(op.hours * HOUR);
    if (op.op === 'sweep') await sweep(this.#state.cp);
    if (op.op === 'step') await this.#step(op.verb);
    if (op.op === 'create') await this.#create(op.expiresInHours);
    if (op.op === 'revokeKey') await this.#revokeKey(op.key);
    if (op.op === 'rotate') await this.#rotate(op);
  }

  /** What a gateway with a full copy would let through, beside what the model says. */
  async check(): Promise<void> {
    const { cp } = this.#state;
    const now = cp.now();
    const lines = [...((await createFeed(cp).read(undefined))?.pieces ?? [])].join('').split('\n').filter(Boolean);
    const put = lines
      .map((line) => JSON.parse(line) as SyncMessage)
      .flatMap((message) => (message.type === 'objects' ? [message.put] : []));
    const [subscription] = put.flatMap((objects): readonly SyncSubscription[] => objects.subscriptions);
    const known = new Map(put.flatMap((objects): readonly SyncCredential[] => objects.credentials).map((one) => [one.digest, one]));

    expect(subscription?.status).toBe(this.#model.status);
    for (const one of this.#model.keys) {
      const sent = known.get(apiKeyDigest(one.secret));
      const isOpen = sent !== undefined && sent.status !== 'revoked' && sent.status !== 'expired';
      const isValid =
        isOpen && sent.not_before <= now && (sent.not_after === null || now < sent.not_after) && subscription?.status === 'active';
      expect(isValid, `key ${one.id} at ${now}`).toBe(isAlive(one, now) && this.#model.status === 'active');
    }
  }

  async #step(verb: Verb): Promise<void> {
    const { cp } = this.#state;
    const [from, to] = TRANSITIONS[verb];
    const work = takeStep(cp, ADMIN, { verb, tenant: 'acme', subscription: this.#id });
    if (!from.includes(this.#model.status)) return refused(work, 'conflict');
    const { secret } = await work;
    if (secret !== null) this.#add(await this.#newest(), secret, undefined, Infinity);
    expect(secret !== null).toBe(verb === 'approve');
    if (to === 'revoked' || to === 'rejected') for (const one of this.#model.keys) one.revoked = true;
    this.#model.status = to;
  }

  async #create(hours: number | undefined): Promise<void> {
    const { cp } = this.#state;
    const expires = hours === undefined ? Infinity : cp.now() + hours * HOUR;
    const expiresAt = hours === undefined ? undefined : new Date(expires).toISOString();
    const work = createKey(cp, ADMIN, { tenant: 'acme', subscription: this.#id, expiresAt });
    if (this.#model.status !== 'active') return refused(work, 'conflict');
    const { row, secret } = await work;
    this.#add(row.id, secret, undefined, expires);
  }

  async #revokeKey(index: number): Promise<void> {
    const { cp } = this.#state;
    const target = this.#pick(index);
    if (target === undefined) return refused(revokeKey(cp, ADMIN, { tenant: 'acme', id: 'key-none' }), 'not_found');
    await revokeKey(cp, ADMIN, { tenant: 'acme', id: target.id });
    target.revoked = true;
  }

  async #rotate({ graceHours: grace, force, key: index }: Op & { readonly op: 'rotate' }): Promise<void> {
    const { cp } = this.#state;
    const now = cp.now();
    const target = index === undefined ? undefined : this.#pick(index);
    const find = (trx: Trx) =>
      target === undefined ? targetBySubscription(trx, 'acme', this.#id) : targetByKey(trx, { tenant: 'acme', id: target.id });
    const work = rotateKey(cp, ADMIN, { find, graceHours: grace, force });
    const current = target ?? this.#model.keys.findLast((one) => isAlive(one, now) && !one.replaced);
    const isDead = current !== undefined && (!isAlive(current, now) || current.replaced);
    const previous = current?.from !== undefined && isAlive(current.from, now) ? current.from : undefined;
    if (this.#model.status !== 'active' || isDead || (previous !== undefined && !force)) return refused(work, 'conflict');

    const { issued, rotationCount } = await work;

    if (this.#model.keys.length > 0) this.#model.rotations += 1;
    expect(rotationCount).toBe(this.#model.rotations);
    if (previous !== undefined) previous.revoked = true;
    if (current !== undefined) Object.assign(current, { replaced: true, until: Math.min(current.expires, now + grace * HOUR) });
    this.#add(issued.row.id, issued.secret, current, Infinity);
  }

  #add(id: string, secret: string, from: ModelKey | undefined, expires: number): void {
    this.#model.keys.push({ id, secret, from, expires, until: expires, replaced: false, revoked: false });
  }

  #pick(index: number): ModelKey | undefined {
    return this.#model.keys[index % Math.max(1, this.#model.keys.length)];
  }

  async #newest(): Promise<string> {
    const query = this.#state.cp.db.selectFrom('api_keys').select('id').orderBy('created_at', 'desc');
    return (await query.executeTakeFirstOrThrow()).id;
  }
}

async function refused(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StoaError);
  expect((error as StoaError).code).toBe(code);
}

test('whatever happens to a subscription, gateways let exactly those keys through that were promised and not taken back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), ops, async (isPending, history) => {
      const state = await openLivedState();
      try {
        const subject = await History.begin(state, isPending);
        for (const op of history) {
          await subject.take(op);
          await subject.check();
        }
      } finally {
        await state.close();
      }
    }),
    { numRuns: 200 },
  );
}, 120_000);
