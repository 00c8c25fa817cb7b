/** What outlives snapshots: counters, breakers and keys of issuers, under keys that stay the same when a configuration changes (house law 6). */
import type { Exchange, Hooks, Limiter, QuotaLimits } from '../policies/contract.js';
import { createAnswerCache, type AnswerCache } from './answer-cache.js';
import { createBreaker, type BreakerSettings, type OwnBreaker } from './breaker.js';
import { Health, type HealthSettings } from './health-checks.js';
import { combineLimits, type CombineLimits } from './combine-limits.js';
import { CounterTable, createLimiter, limitCounts, type LimitCounts, type LimitSettings } from './limiter.js';
import { PolicyQuotas } from './policy-quotas.js';
import { createQuotaTable, type QuotaTable } from './quotas.js';
import type { Breaker, Upstream } from './snapshot.js';
import { createSteadyClock, type SteadyClock } from './steady-clock.js';
import type { TokenVerifiers } from './token-verifier.js';

/** What a worker has in common with others: counts and circuits that the primary process keeps. */
export interface SharedState {
  limiter(key: string, settings: LimitSettings): Limiter;
  quota(subject: string | ((exchange: Exchange) => string), limits: QuotaLimits): Hooks;
  breaker(key: string, url: string): Breaker;
  readonly combine: CombineLimits;
}

export interface StateOptions {
  /** In a worker. */
  readonly shared?: SharedState | undefined;
  /** Told of each circuit that begins, changes or, without its breaker, is forgotten. */
  onCircuit?(key: string, breaker: OwnBreaker | undefined): void;
  /** Told of a server that failed its check and that no route names any more: nothing is known of it from now on. */
  onForgotten?: ((health: Health) => void) | undefined;
  /** Memory for answers; 64 MiB when absent. */
  readonly answerBytes?: number | undefined;
}

/** Holds counters and breakers. A snapshot asks by key and gets the same object as the one before it. */
export class RuntimeState {
  readonly #counters = new Map<string, CounterTable>();
  readonly #breakers = new Map<string, Breaker>();
  readonly #health = new Map<string, Health>();
  /** Keys of servers that are known to fail their check, also before a route names them. */
  readonly #unhealthy = new Set<string>();
  readonly #clock: SteadyClock;
  readonly #options: StateOptions;
  /** Verifiers of tokens, with the keys of their issuers. */
  readonly tokens: TokenVerifiers;
  readonly answers: AnswerCache;
  /** What subscriptions, and consumers under policies, have used. */
  readonly quotas: QuotaTable;
  readonly policyQuotas: PolicyQuotas;
  /** How the limits of a request are decided together. */
  readonly combine: CombineLimits;

  constructor(now: () => number, tokens: TokenVerifiers, options: StateOptions = {}) {
    const { shared, answerBytes } = options;
    this.#options = options;
    this.tokens = tokens;
    this.answers = createAnswerCache(answerBytes);
    this.quotas = shared === undefined ? createQuotaTable(now) : { ...createQuotaTable(now), hooks: (...args) => shared.quota(...args) };
    this.policyQuotas = new PolicyQuotas(this.quotas);
    this.combine = shared?.combine ?? combineLimits;
    this.#clock = createSteadyClock(now);
  }

  /**
   * A limiter over the counts of `key`: the scope and name of a policy, or what else sets the limit. Limit, burst and window are no part of the key:
   * times are counted, so whatever the edited settings are, what was consumed stays consumed.
   */
  limiter(key: string, settings: LimitSettings): Limiter {
    return this.#options.shared?.limiter(key, settings) ?? createLimiter(this.#table(key), this.#clock, settings);
  }

  /** The counts of a limiter, for whoever grants requests to others. */
  limitCounts(key: string, settings: LimitSettings): LimitCounts {
    return limitCounts(this.#table(key), this.#clock, settings);
  }

  #table(key: string): CounterTable {
    const table = this.#counters.get(key) ?? new CounterTable();
    this.#counters.set(key, table);
    return table;
  }

  /** The breaker of an upstream URL. Other settings make another breaker: nobody's settings touch another one's upstream. */
  breaker(url: string, settings: BreakerSettings): Breaker {
    const key = breakerKey(url, settings);
    const breaker = this.#breakers.get(key) ?? this.#options.shared?.breaker(key, url) ?? this.#ownBreaker(key, url, settings);
    this.#breakers.set(key, breaker);
    return breaker;
  }

  #ownBreaker(key: string, url: string, settings: BreakerSettings): OwnBreaker {
    const { onCircuit } = this.#options;
    if (onCircuit === undefined) return createBreaker(url, settings);
    const breaker = createBreaker(url, settings, () => onCircuit(key, breaker));
    onCircuit(key, breaker);
    return breaker;
  }

  /** Breakers by key. */
  get breakers(): ReadonlyMap<string, Breaker> {
    return this.#breakers;
  }

  /** What is known of the health of an upstream URL under these settings of its check. */
  health(url: string, settings: HealthSettings): Health {
    const { path, intervalMs, timeoutMs, unhealthyThreshold, healthyThreshold } = settings;
    const key = [url, path, intervalMs, timeoutMs, unhealthyThreshold, healthyThreshold].join(' ');
    const health = this.#health.get(key) ?? new Health(url, settings, key);
    if (!this.#health.has(key)) health.isHealthy = !this.#unhealthy.has(key);
    this.#health.set(key, health);
    return health;
  }

  /** Takes in what another process has found out. */
  setHealth(key: string, isHealthy: boolean): void {
    if (isHealthy) this.#unhealthy.delete(key);
    else this.#unhealthy.add(key);
    const health = this.#health.get(key);
    if (health !== undefined) health.isHealthy = isHealthy;
  }

  /** Keys of the servers that fail their check. */
  unhealthy(): string[] {
    return [...this.#health].flatMap(([key, { isHealthy }]) => (isHealthy ? [] : [key]));
  }

  /** Forgets what no route names any more: breakers at once, counters when they are idle, so that a route that comes back finds its counts. */
  sweep(isLive: (counterKey: string) => boolean, upstreams: readonly Upstream[]): void {
    const now = this.#clock.now();
    const liveBreakers = new Set(upstreams.map(({ breaker }) => breaker));
    const liveHealth = new Set(upstreams.map(({ health }) => health));
    for (const [key, table] of this.#counters) if (!isLive(baseKey(key)) && table.isIdle(now)) this.#counters.delete(key);
    this.policyQuotas.sweep(isLive);
    for (const [key, breaker] of this.#breakers) {
      if (liveBreakers.has(breaker)) continue;
      this.#breakers.delete(key);
      this.#options.onCircuit?.(key, undefined);
    }
    for (const [key, health] of this.#health) if (!liveHealth.has(health)) this.#forget(key, health);
  }

  #forget(key: string, health: Health): void {
    this.#health.delete(key);
    if (health.isHealthy) return;
    health.isHealthy = true;
    this.#options.onForgotten?.(health);
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
