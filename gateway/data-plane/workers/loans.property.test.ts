import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Exchange, Hooks, PolicyServices } from '../../policies/contract.js';
import { limitHooks } from '../../policies/rate-limit.js';
import { CounterTable, limitCounts, type LimitSettings } from '../limiter.js';
import { errorReply } from '../own-routes.js';
import { createQuotaTable } from '../quotas.js';
import { createSteadyClock } from '../steady-clock.js';
import type { CounterName, Settlement, Verdict } from './demands.js';
import { Ledger } from './ledger.js';
import { Loans, type LimitQuestion } from './loans.js';

const services = { errorReply } as unknown as PolicyServices;

type Box = { readonly sentAt: number; readonly run: () => void }[];

/** One worker: what is said to it and what it says wait until a test lets them go, in their order. */
interface Node {
  readonly id: number;
  readonly loans: Loans;
  hooks: Hooks | undefined;
  readonly inbox: Box;
  readonly outbox: Box;
  /** Ends what waits for its answer. */
  readonly gone: (() => void)[];
}

/** Workers and the primary process without processes. A worker that is killed takes with it what it was told and what it has said. */
class World {
  now = Date.UTC(2026, 0, 15, 12);
  /** When each request was let through. */
  readonly granted: number[] = [];
  /** Each refusal: from when to when requests count, what was lost to the dead by then, and how much is allowed. */
  readonly refused: { readonly since: number; readonly until: number; readonly lost: number; readonly allowed: number }[] = [];
  readonly ledger: Ledger;
  /** Lent to workers that were killed. */
  lost = 0;
  /** How long the slowest message was on its way. */
  #delayMs = 0;
  readonly waiting = new Map<number, number>();
  readonly #workers: Node[] = [];
  #limit: LimitSettings;
  readonly #quota: number;
  #ids = 0;

  constructor(workers: number, limit: LimitSettings, quota: number) {
    this.#limit = limit;
    this.#quota = quota;
    const [clock, table] = [createSteadyClock(() => this.now), new CounterTable()];
    this.ledger = new Ledger({
      limits: (_key, settings) => limitCounts(table, clock, settings),
      quotas: createQuotaTable(() => this.now),
      workers: () => workers,
      recall: (id, counter, received) => this.#recall(id, counter, received),
      patienceMs: 3_600_000,
    });
    for (let index = 0; index < workers; index += 1) this.#start();
  }

  request(worker: number): void {
    const { id, hooks } = this.#pick(worker);
    const exchange = { clientIp: 'consumer-1', limit: undefined, isCounted: false } as unknown as Exchange;
    const reply = hooks?.request?.(exchange);
    if (reply instanceof Promise) {
      this.waiting.set(id, (this.waiting.get(id) ?? 0) + 1);
      void reply.then(() => this.waiting.set(id, (this.waiting.get(id) ?? 0) - 1));
    } else if (reply === undefined) this.granted.push(this.now);
    else this.#refuse(exchange.limit?.windowSeconds === this.#limit.windowSeconds);
  }

  report(worker: number, isLast = false): void {
    const { id, loans, outbox } = this.#pick(worker);
    const settlements = loans.report(isLast);
    this.#post(outbox, () => settlements.forEach((settlement) => this.ledger.settle(id, settlement)));
  }

  deliver(worker: number, isInbox: boolean): void {
    const { inbox, outbox } = this.#pick(worker);
    this.#carryOut((isInbox ? inbox : outbox).splice(0, 1));
  }

  kill(worker: number): void {
    const [dead] = this.#workers.splice(worker % this.#workers.length, 1);
    if (dead === undefined) return;
    const before = this.ledger.lent();
    this.waiting.delete(dead.id);
    this.ledger.lost(dead.id);
    this.lost += before - this.ledger.lent();
    dead.gone.forEach((end) => end());
    this.#start();
  }

  /** From now on the limit is another one, in all workers. */
  edit(limit: LimitSettings): void {
    this.#limit = limit;
    for (const worker of this.#workers) worker.hooks = this.#hooksOf(worker.loans);
  }

  /** Refusals for which less was used than is allowed. */
  unfounded(): unknown[] {
    return this.refused.filter(
      ({ since, until, lost, allowed }) => this.granted.filter((at) => at >= since && at <= until).length + lost < allowed,
    );
  }

  /** Lets every message go until nothing waits. */
  async quiet(): Promise<void> {
    for (let turn = 0; turn < 1000; turn += 1) {
      const messages = this.#workers.flatMap(({ inbox, outbox }) => [...outbox.splice(0), ...inbox.splice(0)]);
      this.#carryOut(messages);
      await setImmediate();
      if (messages.length === 0) return;
    }
    throw new Error('Messages go on for ever.');
  }

  /** Ends all loans: by their time, or because the workers stop. */
  async end(isStop: boolean): Promise<void> {
    if (!isStop) this.now += 10_000;
    for (let worker = 0; worker < this.#workers.length; worker += 1) this.report(worker, isStop);
    await this.quiet();
  }

  #post(box: Box, run: () => void): void {
    box.push({ sentAt: this.now, run });
  }

  #carryOut(messages: Box): void {
    for (const { sentAt, run } of messages) {
      this.#delayMs = Math.max(this.#delayMs, this.now - sentAt);
      run();
    }
  }

  #start(): void {
    this.#ids += 1;
    const id = this.#ids;
    const node = { id, inbox: [] as Box, outbox: [] as Box, gone: [] };
    const loans = new Loans({
      clock: createSteadyClock(() => this.now),
      now: () => this.now,
      ask: (question, received) => this.#ask(node, question, received),
    });
    this.#workers.push({ ...node, loans, hooks: this.#hooksOf(loans) });
  }

  #hooksOf(loans: Loans): Hooks | undefined {
    const subjectOf = ({ clientIp }: Exchange): string => clientIp;
    const limit = limitHooks(loans.limiter('tenant:acme limit', this.#limit), services, subjectOf);
    return loans.combine([limit, loans.quota(subjectOf, { monthly: this.#quota })])[0];
  }

  #ask(node: Pick<Node, 'id' | 'inbox' | 'outbox'>, question: LimitQuestion, received: (verdicts: readonly Verdict[]) => void) {
    return new Promise<readonly Verdict[]>((resolve) => {
      const answer = (verdicts: readonly Verdict[]): void => {
        if (verdicts.every(({ allowed }) => allowed)) this.granted.push(this.now);
        else for (const [index, { allowed }] of verdicts.entries()) if (!allowed) this.#refuse(index === 0);
        this.#post(node.inbox, () => {
          received(verdicts);
          resolve(verdicts);
        });
      };
      this.#post(node.outbox, () => {
        for (const settlement of question.settled) this.ledger.settle(node.id, settlement);
        const verdicts = this.ledger.decide(node.id, question.demands);
        if (verdicts instanceof Promise) void verdicts.then(answer);
        else answer(verdicts);
      });
    });
  }

  #recall(id: number, counter: CounterName, received: (settlement: Settlement) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const worker = this.#workers.find((each) => each.id === id);
      if (worker === undefined) return void reject(new Error('gone'));
      worker.gone.push(() => reject(new Error('gone')));
      this.#post(worker.inbox, () => {
        const settlement = worker.loans.recall(counter);
        this.#post(worker.outbox, () => {
          received(settlement);
          resolve();
        });
      });
    });
  }

  #pick(worker: number): Node {
    const node = this.#workers[worker % this.#workers.length];
    if (node === undefined) throw new Error('There is no worker.');
    return node;
  }

  /** A request counts for at most a window, a 32nd of it, and as long as word of it was on its way. */
  #refuse(isRate: boolean): void {
    const { limit, burst, windowSeconds } = this.#limit;
    const since = isRate ? this.now - windowSeconds * 1000 * (33 / 32) - this.#delayMs : -Infinity;
    this.refused.push({ since, until: this.now, lost: this.lost, allowed: isRate ? limit + burst : this.#quota });
  }
}

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('request' as const), worker: fc.nat(5), times: fc.integer({ min: 1, max: 20 }) }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('deliver' as const), worker: fc.nat(5), inbox: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('report' as const), worker: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 2500 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('kill' as const), worker: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('quiet' as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

async function play(world: World, steps: readonly Step[]): Promise<void> {
  for (const each of steps) {
    if (each.type === 'request') for (let time = 0; time < each.times; time += 1) world.request(each.worker);
    if (each.type === 'deliver') world.deliver(each.worker, each.inbox);
    if (each.type === 'report') world.report(each.worker);
    if (each.type === 'wait') world.now += each.ms;
    if (each.type === 'kill') world.kill(each.worker);
    if (each.type === 'quiet') await world.quiet();
    await setImmediate();
  }
  await world.quiet();
}

/** The most that were granted in any window. */
const mostIn = (times: readonly number[], windowMs: number): number =>
  Math.max(0, ...times.map((end) => times.filter((at) => at > end - windowMs && at <= end).length));

const setting = fc.record({
  workers: fc.integer({ min: 1, max: 4 }),
  limit: fc.integer({ min: 1, max: 200 }),
  windowSeconds: fc.constantFrom(1, 10, 60),
  burst: fc.nat(40),
  quota: fc.integer({ min: 1, max: 300 }),
});

it('grants never more than a limit in any window and never more than a quota, and refuses only what is used up (DP9, DP23)', async () => {
  await fc.assert(
    fc.asyncProperty(setting, fc.array(step, { minLength: 10, maxLength: 120 }), async ({ workers, quota, ...limit }, steps) => {
      const world = new World(workers, limit, quota);

      await play(world, steps);

      expect(mostIn(world.granted, limit.windowSeconds * 1000)).toBeLessThanOrEqual(limit.limit + limit.burst);
      expect(world.granted.length).toBeLessThanOrEqual(quota);
      expect(world.unfounded()).toEqual([]);
      expect([...world.waiting.values()].reduce((sum, each) => sum + each, 0)).toBe(0);
    }),
    { numRuns: 300 },
  );
});

it('holds an edited limit while requests are lent under the one before (DP9)', async () => {
  const steps = fc.array(step, { minLength: 10, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(setting, setting, steps, steps, async ({ workers, ...before }, edited, stepsBefore, stepsAfter) => {
      const world = new World(workers, before, Infinity);
      await play(world, stepsBefore);
      const grantedBefore = world.granted.length;

      world.edit(edited);
      await play(world, stepsAfter);

      const granted = world.granted.slice(grantedBefore);
      expect(mostIn(granted, edited.windowSeconds * 1000)).toBeLessThanOrEqual(edited.limit + edited.burst);
    }),
    { numRuns: 300 },
  );
});

it('counts what was lent before a window was made longer for as long as the new one says (DP9)', async () => {
  const world = new World(3, { limit: 2000, windowSeconds: 1, burst: 0 }, Infinity);
  for (let worker = 0; worker < 3; worker += 1) world.request(worker);
  await world.quiet();

  world.edit({ limit: 500, windowSeconds: 60, burst: 0 });
  for (let round = 0; round < 300; round += 1) {
    for (let worker = 0; worker < 3; worker += 1) for (let time = 0; time < 3; time += 1) world.request(worker);
    // One after the other: somebody holds a loan at any time.
    world.report(round);
    await world.quiet();
    world.now += 100;
  }

  expect(world.granted).toHaveLength(500);
});

it('ends with nothing lent, whoever was killed on the way', async () => {
  await fc.assert(
    fc.asyncProperty(
      setting,
      fc.array(step, { minLength: 10, maxLength: 60 }),
      fc.boolean(),
      async ({ workers, quota, ...limit }, steps, isStop) => {
        const world = new World(workers, limit, quota);

        await play(world, steps);
        await world.end(isStop);

        expect(world.ledger.lent()).toBe(0);
      },
    ),
  );
});
