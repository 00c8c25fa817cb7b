/** Circuit breaker of one upstream: refuses fast what would fail anyway, and finds out by single probes when it is over. */
import type { Breaker, BreakerState, BreakerStats } from './snapshot.js';

export interface BreakerSettings {
  readonly failureThreshold: number;
  readonly windowMs: number;
  readonly openMs: number;
  readonly successThreshold: number;
}

export const DEFAULT_BREAKER: BreakerSettings = { failureThreshold: 5, windowMs: 60_000, openMs: 10_000, successThreshold: 2 };

/** How soon to ask again while a probe is on its way. */
export const PROBE_RETRY_MS = 1000;
/** A probe without an outcome for so long is given up: a client that sends its body slowly must not keep everybody else out. */
const PROBE_LEASE_MS = 30_000;

/** All that decides whether a request may go. */
export interface Circuit {
  readonly state: BreakerState;
  readonly round: number;
  /** Milliseconds until a probe may go. */
  readonly waitMs: number;
}

/** Of a breaker to which nothing has happened yet. */
export const NEW_CIRCUIT: Circuit = { state: 'closed', round: 0, waitMs: 0 };

/** A breaker whose state others follow. */
export interface OwnBreaker extends Breaker {
  circuit(nowMs: number): Circuit;
  /** Counts what others let through without asking, and held back by themselves. */
  add(successes: number, rejected: number): void;
}

/**
 * A closed breaker. `onChange` is told when its circuit has changed. The counts of `stats` run since the start of the gateway; `reset` closes the circuit
 * and leaves them.
 */
export const createBreaker = (
  name: string,
  settings: BreakerSettings = DEFAULT_BREAKER,
  onChange: () => void = () => undefined,
): OwnBreaker => new CircuitBreaker(name, settings, onChange);

/**
 * An outcome is believed in the round of its admission only: each opening, closing and probe begins another, so that neither a request from before
 * the circuit opened nor a probe that was given up passes for the present probe.
 */
class CircuitBreaker implements OwnBreaker {
  readonly name: string;
  readonly #settings: BreakerSettings;
  readonly #onChange: () => void;
  #state: BreakerState = 'closed';
  #openUntil = 0;
  #round = 0;
  /** When the present probe was admitted. */
  #probeAt: number | undefined;
  #probesPassed = 0;
  #failures: number[] = [];
  readonly #counts = { success_count: 0, failure_count: 0, consecutive_failures: 0, open_count: 0, rejected_count: 0 };

  constructor(name: string, settings: BreakerSettings, onChange: () => void) {
    this.name = name;
    this.#settings = settings;
    this.#onChange = onChange;
  }

  get round(): number {
    return this.#round;
  }

  accepts(nowMs: number): boolean {
    if (this.#state === 'closed') return true;
    return this.#state === 'open' ? this.#openWait(nowMs) === 0 : !this.#isProbing(nowMs);
  }

  admit(nowMs: number): number {
    if (this.#state === 'closed') return 0;
    if (this.#state === 'open') {
      const wait = this.#openWait(nowMs);
      if (wait > 0) return this.#reject(wait);
      this.#state = 'half_open';
      this.#probesPassed = 0;
    }
    if (this.#isProbing(nowMs)) return this.#reject(PROBE_RETRY_MS);
    this.#probeAt = nowMs;
    this.#round += 1;
    this.#onChange();
    return 0;
  }

  success(_nowMs: number, admitted = this.#round): void {
    this.#counts.success_count += 1;
    this.#counts.consecutive_failures = 0;
    if (this.#state !== 'half_open' || admitted !== this.#round) return;
    this.#probeAt = undefined;
    this.#probesPassed += 1;
    if (this.#probesPassed >= this.#settings.successThreshold) this.#close();
    else this.#onChange();
  }

  failure(nowMs: number, admitted = this.#round): void {
    const { failureThreshold, windowMs } = this.#settings;
    this.#counts.failure_count += 1;
    this.#counts.consecutive_failures += 1;
    if (this.#state === 'open' || admitted !== this.#round) return;
    if (this.#state === 'half_open') {
      this.#open(nowMs);
      return;
    }
    const failures = this.#failures;
    failures.push(nowMs);
    while (failures.length > failureThreshold || (failures[0] ?? nowMs) <= nowMs - windowMs) failures.shift();
    if (failures.length >= failureThreshold) this.#open(nowMs);
  }

  release(admitted = this.#round): void {
    if (admitted !== this.#round || this.#probeAt === undefined) return;
    this.#probeAt = undefined;
    this.#onChange();
  }

  stats(nowMs: number): BreakerStats {
    const shown = this.#state === 'open' && this.#openWait(nowMs) === 0 ? 'half_open' : this.#state;
    return { name: this.name, state: shown, ...this.#counts };
  }

  reset(): void {
    this.#close();
    this.#counts.consecutive_failures = 0;
  }

  circuit(nowMs: number): Circuit {
    const probing = this.#state === 'half_open' && this.#isProbing(nowMs) ? PROBE_RETRY_MS : 0;
    return { state: this.#state, round: this.#round, waitMs: this.#state === 'open' ? this.#openWait(nowMs) : probing };
  }

  add(successes: number, rejected: number): void {
    this.#counts.success_count += successes;
    this.#counts.rejected_count += rejected;
    if (successes > 0) this.#counts.consecutive_failures = 0;
  }

  #close(): void {
    this.#state = 'closed';
    this.#failures = [];
    this.#probeAt = undefined;
    this.#round += 1;
    this.#onChange();
  }

  #open(nowMs: number): void {
    this.#state = 'open';
    this.#openUntil = nowMs + this.#settings.openMs;
    this.#probeAt = undefined;
    this.#round += 1;
    this.#counts.open_count += 1;
    this.#onChange();
  }

  #reject(waitMs: number): number {
    this.#counts.rejected_count += 1;
    return waitMs;
  }

  /** When the clock has stepped back, the wait begins anew: never longer than `openMs`. */
  #openWait(nowMs: number): number {
    this.#openUntil = Math.min(this.#openUntil, nowMs + this.#settings.openMs);
    return Math.max(0, this.#openUntil - nowMs);
  }

  /** When the clock has stepped back, nobody can tell how old the probe is: another one goes. */
  #isProbing(nowMs: number): boolean {
    return this.#probeAt !== undefined && nowMs >= this.#probeAt && nowMs - this.#probeAt < PROBE_LEASE_MS;
  }
}
