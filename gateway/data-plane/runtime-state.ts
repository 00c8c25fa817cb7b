/** What outlives snapshots: counters, breakers and keys of issuers, under keys that stay the same when a configuration changes (house law 6). */
import type { Limiter } from '../policies/contract.js';
import { createAnswerCache } from './answer-cache.js';
import { createBreaker, type BreakerSettings } from './breaker.js';
import { Health, type HealthSettings } from './health-checks.js';
import { CounterTable, createLimiter, type LimitSettings } from './limiter.js';
import { PolicyQuotas } from './policy-quotas.js';
import { createQuotaTable, type QuotaTable } from './quotas.js';
import type { Breaker, Upstream } from './snapshot.js';
import { createSteadyClock, type SteadyClock } from './steady-clock.js';
import type { TokenVerifiers } from './token-verifier.js';

/** Holds counters and breakers. A snapshot asks by key and gets the same object as the one before it. */
export class RuntimeState {
  readonly #counters = new Map<string, CounterTable>();
  readonly #breakers = new Map<string, Breaker>();
  readonly #health = new Map<string, Health>();
  readonly #clock: SteadyClock;
  /** Verifiers of tokens, with the keys of their issuers. */
  readonly tokens: TokenVerifiers;
  readonly answers = createAnswerCache();
  /** What subscriptions, and consumers under policies, have used. */
  readonly quotas: QuotaTable;
  readonly policyQuotas: PolicyQuotas;

  constructor(now: () => number, tokens: TokenVerifiers) {
    this.tokens = tokens;
    this.quotas = createQuotaTable(now);
    this.policyQuotas = new PolicyQuotas(this.quotas);
    this.#clock = createSteadyClock(now);
  }

  /**
   * A limiter over the counts of `key`: the scope and name of a policy, or what else sets the limit. Limit, burst and window are no part of the key:
   * times are counted, so whatever the edited settings are, what was consumed stays consumed.
   */
  limiter(key: string, settings: LimitSettings): Limiter {
    let table = this.#counters.get(key);
    if (table === undefined) this.#counters.set(key, (table = new CounterTable()));
    return createLimiter(table, this.#clock, settings);
  }

  /** The breaker of an upstream URL. Other settings make another breaker: nobody's settings touch another one's upstream. */
  breaker(url: string, settings: BreakerSettings): Breaker {
    const key = breakerKey(url, settings);
    let breaker = this.#breakers.get(key);
    if (breaker === undefined) this.#breakers.set(key, (breaker = createBreaker(url, settings)));
    return breaker;
  }

  /** What is known of the health of an upstream URL under these settings of its check. */
  health(url: string, settings: HealthSettings): Health {
    const { path, intervalMs, timeoutMs, unhealthyThreshold, healthyThreshold } = settings;
    const key = [url, path, intervalMs, timeoutMs, unhealthyThreshold, healthyThreshold].join(' ');
    let health = this.#health.get(key);
    if (health === undefined) this.#health.set(key, (health = new Health(url, settings)));
    return health;
  }

  /** Forgets what no route names any more: breakers at once, counters when they are idle, so that a route that comes back finds its counts. */
  sweep(isLive: (counterKey: string) => boolean, upstreams: readonly Upstream[]): void {
    const now = this.#clock.now();
    const liveBreakers = new Set(upstreams.map(({ breaker }) => breaker));
    const liveHealth = new Set(upstreams.map(({ health }) => health));
    for (const [key, table] of this.#counters) if (!isLive(baseKey(key)) && table.isIdle(now)) this.#counters.delete(key);
    this.policyQuotas.sweep(isLive);
    for (const [key, breaker] of this.#breakers) if (!liveBreakers.has(breaker)) this.#breakers.delete(key);
    for (const [key, health] of this.#health) if (!liveHealth.has(health)) this.#health.delete(key);
  }

  /** How much is held; for metrics and tests. */
  size(): { readonly counters: number; readonly breakers: number } {
    return { counters: this.#counters.size, breakers: this.#breakers.size };
  }
}

/** A policy's further limiters are told apart by a number behind its key. */
const baseKey = (key: string): string => key.replace(/#\d+$/, '');

const breakerKey = (url: string, { failureThreshold, windowMs, openMs, successThreshold }: BreakerSettings): string =>
  [url, failureThreshold, windowMs, openMs, successThreshold].join(' ');
