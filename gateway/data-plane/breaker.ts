/** Circuit breaker of one upstream: refuses fast what would fail anyway, and finds out by single probes when it is over. */
import type { Breaker, BreakerState } from './snapshot.js';

export interface BreakerSettings {
  readonly failureThreshold: number;
  readonly windowMs: number;
  readonly openMs: number;
  readonly successThreshold: number;
}

export const DEFAULT_BREAKER: BreakerSettings = { failureThreshold: 5, windowMs: 60_000, openMs: 10_000, successThreshold: 2 };

/** How soon to ask again while a probe is on its way. */
const PROBE_RETRY_MS = 1000;
/** A probe without an outcome for so long is given up: a client that sends its body slowly must not keep everybody else out. */
const PROBE_LEASE_MS = 30_000;

/**
 * A closed breaker. The counts of `stats` run since the start of the gateway; `reset` closes the circuit and leaves them.
 * An outcome is believed in the round of its admission only: each opening, closing and probe begins another, so that neither a request from before
 * the circuit opened nor a probe that was given up passes for the present probe.
 */
export function createBreaker(name: string, settings: BreakerSettings = DEFAULT_BREAKER): Breaker {
  const { failureThreshold, windowMs, openMs, successThreshold } = settings;
  let state: BreakerState = 'closed';
  let openUntil = 0;
  let round = 0;
  /** When the present probe was admitted. */
  let probeAt: number | undefined;
  let probesPassed = 0;
  let failures: number[] = [];
  const counts = { success_count: 0, failure_count: 0, consecutive_failures: 0, open_count: 0, rejected_count: 0 };

  const close = (): void => {
    state = 'closed';
    failures = [];
    probeAt = undefined;
    round += 1;
  };
  const open = (nowMs: number): void => {
    state = 'open';
    openUntil = nowMs + openMs;
    probeAt = undefined;
    round += 1;
    counts.open_count += 1;
  };
  const reject = (waitMs: number): number => {
    counts.rejected_count += 1;
    return waitMs;
  };
  /** When the clock has stepped back, the wait begins anew: never longer than `openMs`. */
  const openWait = (nowMs: number): number => {
    openUntil = Math.min(openUntil, nowMs + openMs);
    return Math.max(0, openUntil - nowMs);
  };

  /** When the clock has stepped back, nobody can tell how old the probe is: another one goes. */
  const isProbing = (nowMs: number): boolean => probeAt !== undefined && nowMs >= probeAt && nowMs - probeAt < PROBE_LEASE_MS;

  return {
    name,
    get round() {
      return round;
    },
    accepts: (nowMs) => state === 'closed' || (state === 'open' ? openWait(nowMs) === 0 : !isProbing(nowMs)),
    admit(nowMs) {
      if (state === 'closed') return 0;
      if (state === 'open') {
        const wait = openWait(nowMs);
        if (wait > 0) return reject(wait);
        state = 'half_open';
        probesPassed = 0;
      }
      if (isProbing(nowMs)) return reject(PROBE_RETRY_MS);
      probeAt = nowMs;
      round += 1;
      return 0;
    },
    success(_nowMs, admitted = round) {
      counts.success_count += 1;
      counts.consecutive_failures = 0;
      if (state !== 'half_open' || admitted !== round) return;
      probeAt = undefined;
      probesPassed += 1;
      if (probesPassed >= successThreshold) close();
    },
    failure(nowMs, admitted = round) {
      counts.failure_count += 1;
      counts.consecutive_failures += 1;
      if (state === 'open' || admitted !== round) return;
      if (state === 'half_open') return void open(nowMs);
      failures.push(nowMs);
      while (failures.length > failureThreshold || (failures[0] ?? nowMs) <= nowMs - windowMs) failures.shift();
      if (failures.length >= failureThreshold) open(nowMs);
    },
    release(admitted = round) {
      if (admitted === round) probeAt = undefined;
    },
    stats(nowMs) {
      const shown = state === 'open' && openWait(nowMs) === 0 ? 'half_open' : state;
      return { name, state: shown, ...counts };
    },
    reset() {
      close();
      counts.consecutive_failures = 0;
    },
  };
}
