/** The counts of all workers in one place: decides what none of them may decide alone, lends, calls back what it has lent. */
import type { LimitCounts, LimitSettings } from '../limiter.js';
import type { QuotaPeriods } from '../quotas.js';
import type { QuotaLimits } from '../../policies/contract.js';
import { idOf, mostLent, type CounterName, type Demand, type Settlement, type Use, type Verdict } from './demands.js';

export interface LedgerOptions {
  /** The counts of a rate limit. */
  limits(key: string, settings: LimitSettings): LimitCounts;
  readonly quotas: {
    look(subject: string, limits: QuotaLimits): QuotaPeriods;
    add(subject: string, requests: number, day?: number): void;
  };
  /** How many workers there are. */
  workers(): number;
  /** Takes from a worker what was lent to it of a counter; what it says is settled before anything that it says later. */
  recall(worker: number, counter: CounterName, received: (settlement: Settlement) => void): Promise<unknown>;
  /** So long a worker may take to give back; then what it holds counts as used until it says otherwise. 1 s when absent. */
  readonly patienceMs?: number;
}

/** What is lent of one counter. */
interface Account {
  /** As it was asked for last: an edit of its limit is in force for what was lent before, too. */
  demand: Demand;
  readonly lent: Map<number, number>;
  /** Workers that did not answer in time. */
  readonly overdue: Set<number>;
  recalling: Promise<unknown> | undefined;
}

const PATIENCE_MS = 1000;

/** A counter that one decision looks at. */
interface View {
  readonly demand: Demand;
  readonly account: Account | undefined;
  /** Of all that is allowed, so much is not used; what is lent may be. */
  readonly free: number;
  /** Lent, and may come back. */
  readonly lent: number;
  /** Lent to workers that do not answer: not free. */
  readonly overdue: number;
}

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #accounts = new Map<string, Account>();

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /**
   * Decides a request of a worker: at once, or when what others hold of its limits has come back. Only what is decided at once lends: its answer is on
   * its way before any recall that could follow.
   */
  decide(worker: number, demands: readonly Demand[], mayLend = true): readonly Verdict[] | Promise<readonly Verdict[]> {
    const views = demands.map((demand) => this.#view(demand));
    const tight = views.flatMap(({ account, free, lent }) =>
      account !== undefined && lent > 0 && free > 0 && free <= lent ? [account] : [],
    );
    if (tight.length > 0) return Promise.all(tight.map((account) => this.#recall(account))).then(() => this.decide(worker, demands, false));
    const areAllowed = views.map(({ free, lent }) => free > lent);
    const isCounted = areAllowed.every(Boolean);
    if (isCounted) for (const demand of demands) this.#add(demand, [1]);
    return views.map((view, index) => this.#verdict(mayLend ? worker : undefined, view, areAllowed[index] === true, isCounted));
  }

  /** Takes in what a worker says of its loans. */
  settle(worker: number, { uses, returned, ...counter }: Settlement): void {
    const id = idOf(counter);
    const account = this.#accounts.get(id);
    if (account === undefined) return;
    for (const use of uses) this.#add(account.demand, use);
    const left = (account.lent.get(worker) ?? 0) - returned - uses.reduce((sum, [requests]) => sum + requests, 0);
    account.overdue.delete(worker);
    if (left > 0) account.lent.set(worker, left);
    else account.lent.delete(worker);
    if (account.lent.size === 0 && account.recalling === undefined) this.#accounts.delete(id);
  }

  /** A worker is dead: what it had borrowed counts as used now. Nobody knows better. */
  lost(worker: number): void {
    for (const account of [...this.#accounts.values()]) {
      const { key, subject } = account.demand;
      const held = account.lent.get(worker);
      if (held === undefined) continue;
      this.#add(account.demand, [held]);
      this.settle(worker, { key, subject, uses: [], returned: held });
    }
  }

  /** How much is lent; for tests and metrics. */
  lent(): number {
    return [...this.#accounts.values()].flatMap(({ lent }) => [...lent.values()]).reduce((sum, held) => sum + held, 0);
  }

  #view(demand: Demand): View {
    const account = this.#accounts.get(idOf(demand));
    if (account !== undefined) account.demand = demand;
    let overdue = 0;
    let lent = 0;
    for (const [worker, held] of account?.lent ?? []) {
      if (account?.overdue.has(worker) === true) overdue += held;
      else lent += held;
    }
    return { demand, account, free: this.#free(demand) - overdue, lent, overdue };
  }

  #verdict(worker: number | undefined, { demand, account, free, lent, overdue }: View, allowed: boolean, isCounted: boolean): Verdict {
    const left = free - lent - Number(isCounted);
    const loan = worker !== undefined && allowed && account?.recalling === undefined ? this.#lend(worker, demand, left) : 0;
    const isFirm = !allowed && overdue === 0;
    if (demand.key !== undefined) {
      const state = this.#options.limits(demand.key, demand).state(demand.subject);
      const remaining = Math.max(0, state.remaining - lent);
      return { allowed, state: { ...state, remaining, retryAfterMs: allowed ? 0 : state.retryAfterMs || PATIENCE_MS }, lent: loan, isFirm };
    }
    const { day, daily, month, monthly } = this.#options.quotas.look(demand.subject, demand);
    const before = allowed ? lent - Number(isCounted) : overdue;
    return { allowed, counts: { day, daily: daily + before, month, monthly: monthly + before }, lent: loan, isFirm };
  }

  /** At most a fair part of what is left, and nothing to whom something is lent. */
  #lend(worker: number, demand: Demand, left: number): number {
    const id = idOf(demand);
    const fair = Math.floor(left / (2 * this.#options.workers()));
    const loan = Math.min(mostLent(capacityOf(demand)), fair);
    if (loan < 1) return 0;
    const account = this.#accounts.get(id) ?? { demand, lent: new Map<number, number>(), overdue: new Set<number>(), recalling: undefined };
    if (account.lent.has(worker)) return 0;
    account.lent.set(worker, loan);
    this.#accounts.set(id, account);
    return loan;
  }

  #recall(account: Account): Promise<unknown> {
    account.recalling ??= this.#takeBack(account).finally(() => {
      account.recalling = undefined;
      if (account.lent.size === 0) this.#accounts.delete(idOf(account.demand));
    });
    return account.recalling;
  }

  async #takeBack(account: Account): Promise<void> {
    const { key, subject } = account.demand;
    const debtors = [...account.lent.keys()].filter((worker) => !account.overdue.has(worker));
    const { patienceMs = PATIENCE_MS } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, patienceMs)));
    const answers = debtors.map((worker) =>
      this.#options.recall(worker, { key, subject }, (settlement) => this.settle(worker, settlement)).catch(() => undefined),
    );
    await Promise.race([Promise.all(answers), late]);
    clearTimeout(timer);
    for (const worker of debtors) if (account.lent.has(worker)) account.overdue.add(worker);
  }

  #free(demand: Demand): number {
    if (demand.key !== undefined) return this.#options.limits(demand.key, demand).free(demand.subject);
    const { daily, monthly } = this.#options.quotas.look(demand.subject, demand);
    return Math.min((demand.daily ?? Infinity) - daily, (demand.monthly ?? Infinity) - monthly);
  }

  /** Counts requests: of another moment than now where `when` is given. */
  #add(demand: Demand, [requests, when]: Use | readonly [requests: number, when?: number]): void {
    if (demand.key === undefined) this.#options.quotas.add(demand.subject, requests, when);
    else this.#options.limits(demand.key, demand).settle(demand.subject, requests, when ?? 0);
  }
}

const capacityOf = (demand: Demand): number =>
  demand.key === undefined ? Math.min(demand.daily ?? Infinity, demand.monthly ?? Infinity) : demand.limit + demand.burst;
