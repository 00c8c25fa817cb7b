/** The limits of requests in a worker: what is lent to it is granted at once, everything else is asked for. */
import type { Exchange, Hooks, Limiter, LimitState, QuotaLimits, Reply } from '../../policies/contract.js';
import { canGiveBack, takeAll } from '../combine-limits.js';
import { mergeMsOf, type LimitSettings } from '../limiter.js';
import { admit, dayNumber, type QuotaPeriods } from '../quotas.js';
import type { SteadyClock } from '../steady-clock.js';
import { idOf, loanMs, LONGEST_LOAN_MS, type CounterName, type Demand, type Settlement, type Use, type Verdict } from './demands.js';

export interface LimitQuestion {
  readonly demands: readonly Demand[];
  /** All that the worker holds of these counters. */
  readonly settled: readonly Settlement[];
}

export interface LoansOptions {
  /** For spans; what it takes for its wall is `now`. */
  readonly clock: SteadyClock;
  /** Wall clock, epoch milliseconds. */
  now(): number;
  /** Asks the primary process; `received` sees the verdicts before anything that it says later. */
  ask(question: LimitQuestion, received: (verdicts: readonly Verdict[]) => void): Promise<readonly Verdict[]>;
}

/** What is lent of one counter, or a refusal that holds. */
interface Loan {
  readonly counter: CounterName;
  /** Under other settings nothing of it holds. */
  readonly settings: string;
  tokens: number;
  /** Of the steady clock. */
  until: number;
  /** A refusal, and for a rate limit when it is over; of the steady clock. */
  isRefused: boolean;
  refused: LimitState | undefined;
  freeAt: number;
  /** Of a rate limit: what is left to show. */
  remaining: number;
  /** Of a quota: what it shows as used. */
  counts: QuotaPeriods;
  /** Let through since the last settlement: what is closed, and what still grows. */
  uses: Use[];
  growing: number;
  since: number;
  last: number;
}

const NO_COUNTS: QuotaPeriods = { day: 0, daily: 0, month: 0, monthly: 0 };

/** `local`: from loans. `list`: only notes what is asked for. `told`: as the primary process has decided. */
type Mode = 'local' | 'list' | 'told';

export class Loans {
  readonly #options: LoansOptions;
  readonly #loans = new Map<string, Loan>();
  #mode: Mode = 'local';
  #undecided = 0;
  #taken: Loan[] = [];
  #demands: Demand[] = [];
  #verdicts: readonly Verdict[] = [];
  #next = 0;

  constructor(options: LoansOptions) {
    this.#options = options;
  }

  /** The limits of a request as one: they are decided together, and what one of them refuses is counted by none. */
  combine(all: readonly Hooks[]): readonly Hooks[] {
    const limits = all.filter(canGiveBack);
    if (limits.length === 0) return all;
    return [...all.filter((hooks) => !limits.includes(hooks)), { request: (exchange) => this.#decide(limits, exchange) }];
  }

  limiter(key: string, settings: LimitSettings): Limiter {
    const { limit, windowSeconds, burst } = settings;
    const windowMs = windowSeconds * 1000;
    const mergeMs = mergeMsOf(settings);
    const { clock } = this.#options;
    const text = rateText(settings);
    const unknown = { allowed: true, limit, remaining: limit, resetAtMs: 0, retryAfterMs: 0, windowSeconds };
    return {
      take: (subject) => {
        if (this.#mode === 'told') return toldState(this.#told(), unknown);
        if (this.#mode === 'list') {
          this.#demands.push({ key, subject, limit, windowSeconds, burst });
          return unknown;
        }
        const now = clock.now();
        const loan = this.#find({ key, subject }, text, now);
        if (loan?.refused !== undefined) return { ...loan.refused, allowed: false, retryAfterMs: Math.max(1, loan.freeAt - now) };
        if (loan === undefined || loan.tokens < 1) {
          this.#undecided += 1;
          return unknown;
        }
        this.#use(loan, now, mergeMs);
        return { ...unknown, remaining: Math.max(0, loan.remaining), resetAtMs: clock.toWall(now + windowMs) };
      },
      // What was taken is given back by `#decide`.
      giveBack: () => undefined,
    };
  }

  /** The check of a quota, in the place of the one of its table. */
  quota(subject: string | ((exchange: Exchange) => string), limits: QuotaLimits): Hooks {
    const { daily, monthly } = limits;
    const text = quotaText(limits);
    const { clock, now } = this.#options;
    const subjectOf = (exchange: Exchange): string => (typeof subject === 'string' ? subject : subject(exchange));
    return {
      request: (exchange) => {
        if (this.#mode === 'told') return admit(exchange, { ...(this.#told().counts ?? NO_COUNTS) }, limits, now());
        if (this.#mode === 'list') {
          this.#demands.push({ subject: subjectOf(exchange), daily, monthly });
          return undefined;
        }
        const at = clock.now();
        const loan = this.#find({ subject: subjectOf(exchange) }, text, at);
        const today = dayNumber(now());
        if (loan === undefined || loan.counts.day !== today || (loan.tokens < 1 && !loan.isRefused)) {
          this.#undecided += 1;
          return undefined;
        }
        if (!loan.isRefused) this.#use(loan, at, Infinity);
        return admit(exchange, loan.counts, limits, now());
      },
      giveBack(exchange) {
        exchange.isCounted = false;
      },
    };
  }

  /** What was let through since it was last asked; loans whose time is over are given back whole, with the last report all. */
  report(isLast = false): Settlement[] {
    const now = this.#options.clock.now();
    const settlements: Settlement[] = [];
    for (const [id, loan] of this.#loans) {
      const isOver = isLast || now >= loan.until;
      if (isOver) this.#loans.delete(id);
      const settlement = this.#settle(loan, now, isOver);
      if (settlement.uses.length > 0 || settlement.returned > 0) settlements.push(settlement);
    }
    return settlements;
  }

  /** Gives back what is held of a counter. */
  recall(counter: CounterName): Settlement {
    return this.#surrender(counter) ?? { ...counter, uses: [], returned: 0 };
  }

  /** Refusals hold no longer: somebody has set counts to zero. */
  forgetRefusals(): void {
    for (const [id, loan] of this.#loans) if (loan.isRefused) this.#loans.delete(id);
  }

  #decide(limits: readonly Hooks[], exchange: Exchange): Reply | undefined | Promise<Reply | undefined> {
    const shown = exchange.limit;
    this.#undecided = 0;
    this.#taken = [];
    const reply = takeAll(limits, exchange);
    if (reply !== undefined || this.#undecided > 0) this.#undo(exchange);
    if (this.#undecided === 0) return reply;
    exchange.limit = shown;
    return this.#askFor(limits, exchange, shown);
  }

  async #askFor(limits: readonly Hooks[], exchange: Exchange, shown: LimitState | undefined): Promise<Reply | undefined> {
    const demands = this.#list(limits, exchange);
    exchange.limit = shown;
    const settled = demands.flatMap((demand) => this.#surrender(demand) ?? []);
    this.#verdicts = await this.#options.ask({ demands, settled }, (verdicts) => this.#install(demands, verdicts));
    this.#mode = 'told';
    this.#next = 0;
    try {
      return takeAll(limits, exchange);
    } finally {
      this.#mode = 'local';
    }
  }

  #list(limits: readonly Hooks[], exchange: Exchange): readonly Demand[] {
    this.#mode = 'list';
    this.#demands = [];
    try {
      takeAll(limits, exchange);
    } finally {
      this.#mode = 'local';
      exchange.isCounted = false;
    }
    return this.#demands;
  }

  #told(): Verdict {
    const verdict = this.#verdicts[this.#next];
    this.#next += 1;
    if (verdict === undefined) throw new TypeError('A limit was not decided.');
    return verdict;
  }

  #undo(exchange: Exchange): void {
    exchange.isCounted = false;
    for (const loan of this.#taken) {
      loan.tokens += 1;
      loan.growing -= 1;
      loan.remaining += 1;
      if (loan.counter.key !== undefined) continue;
      loan.counts.daily -= 1;
      loan.counts.monthly -= 1;
    }
  }

  #find(counter: CounterName, settings: string, now: number): Loan | undefined {
    const loan = this.#loans.get(idOf(counter));
    return loan === undefined || now >= loan.until || loan.settings !== settings ? undefined : loan;
  }

  #use(loan: Loan, now: number, mergeMs: number): void {
    if (loan.growing > 0 && now - loan.since > mergeMs) {
      loan.uses.push([loan.growing, loan.last]);
      loan.growing = 0;
    }
    if (loan.growing === 0) loan.since = now;
    loan.growing += 1;
    loan.last = now;
    loan.tokens -= 1;
    loan.remaining -= 1;
    this.#taken.push(loan);
  }

  #surrender(counter: CounterName): Settlement | undefined {
    const loan = this.#loans.get(idOf(counter));
    if (loan === undefined) return undefined;
    this.#loans.delete(idOf(counter));
    return this.#settle(loan, this.#options.clock.now(), true);
  }

  #settle(loan: Loan, now: number, isOver: boolean): Settlement {
    const { counter, uses, growing, last, counts } = loan;
    const closed: Use[] = growing > 0 ? [...uses, [growing, last]] : uses;
    loan.uses = [];
    loan.growing = 0;
    const returned = isOver ? loan.tokens : 0;
    return { ...counter, uses: closed.map(([requests, at]) => [requests, counter.key === undefined ? counts.day : now - at]), returned };
  }

  #install(demands: readonly Demand[], verdicts: readonly Verdict[]): void {
    const now = this.#options.clock.now();
    const isCounted = verdicts.every(({ allowed }) => allowed);
    for (const [index, demand] of demands.entries()) {
      const verdict = verdicts[index];
      if (verdict === undefined || (verdict.lent === 0 && !verdict.isFirm)) continue;
      const held = this.#loans.get(idOf(demand));
      if (held === undefined) this.#loans.set(idOf(demand), newLoan(demand, verdict, now, isCounted));
      else if (verdict.lent > 0) {
        // Two answers that crossed: what both of them lent is one loan.
        held.tokens += verdict.lent;
        held.isRefused = false;
        held.refused = undefined;
      }
    }
  }
}

function newLoan(demand: Demand, { state, counts = NO_COUNTS, lent, isFirm }: Verdict, now: number, isCounted: boolean): Loan {
  const isRate = demand.key !== undefined;
  const spanMs = isRate ? loanMs(demand.windowSeconds) : LONGEST_LOAN_MS;
  const freeAt = now + (state?.retryAfterMs ?? Infinity);
  return {
    counter: { key: demand.key, subject: demand.subject },
    settings: isRate ? rateText(demand) : quotaText(demand),
    tokens: lent,
    until: Math.min(now + spanMs, isFirm ? freeAt : Infinity),
    isRefused: isFirm,
    refused: isFirm ? state : undefined,
    freeAt,
    remaining: state?.remaining ?? 0,
    counts: { ...counts, daily: counts.daily + Number(isCounted), monthly: counts.monthly + Number(isCounted) },
    uses: [],
    growing: 0,
    since: 0,
    last: 0,
  };
}

const rateText = ({ limit, windowSeconds, burst }: LimitSettings): string => [limit, windowSeconds, burst].join(' ');
const quotaText = ({ daily, monthly }: QuotaLimits): string => [daily, monthly].join(' ');

const toldState = ({ allowed, state }: Verdict, otherwise: LimitState): LimitState & { readonly allowed: boolean } => ({
  ...(state ?? otherwise),
  allowed,
});
