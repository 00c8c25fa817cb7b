/** A circuit breaker in a worker: it follows the one of the primary process, which alone opens, closes and lets probes through. */
import { NEW_CIRCUIT, PROBE_RETRY_MS, type Circuit } from '../breaker.js';
import type { Breaker } from '../snapshot.js';

/** How a request ended that a worker has sent, and what the worker let through by itself since it said so last. */
export interface Outcome {
  readonly key: string;
  readonly outcome: 'success' | 'failure' | 'release';
  readonly round: number;
  readonly successes: number;
  readonly rejected: number;
}

export type BreakerCounts = Pick<Outcome, 'key' | 'successes' | 'rejected'>;

export interface BreakerLine {
  /** Asks for a probe: its round, or null when none may go. */
  probe(key: string): Promise<number | null>;
  tell(outcome: Outcome): void;
}

export class SharedBreaker implements Breaker {
  readonly name: string;
  readonly #key: string;
  readonly #line: BreakerLine;
  #circuit: Circuit = NEW_CIRCUIT;
  #openUntil = 0;
  /** The round of a probe that this worker may send, and has not sent yet. */
  #ticket: number | undefined;
  #admittedIn = 0;
  #successes = 0;
  #rejected = 0;

  constructor(key: string, name: string, line: BreakerLine) {
    this.#key = key;
    this.name = name;
    this.#line = line;
  }

  /** Takes the present circuit from the primary process. */
  follow(circuit: Circuit, nowMs: number): void {
    this.#circuit = circuit;
    this.#openUntil = nowMs + circuit.waitMs;
    if (circuit.state === 'closed') this.#ticket = undefined;
  }

  get round(): number {
    return this.#admittedIn;
  }

  accepts(): boolean {
    return this.#circuit.state === 'closed' || this.#ticket !== undefined;
  }

  ask(nowMs: number): Promise<void> | undefined {
    if (this.accepts() || nowMs < this.#openUntil) return undefined;
    return this.#line.probe(this.#key).then((round) => this.#offer(round));
  }

  admit(nowMs: number): number {
    if (this.#circuit.state === 'closed') {
      this.#admittedIn = this.#circuit.round;
      return 0;
    }
    if (this.#ticket !== undefined) {
      this.#admittedIn = this.#ticket;
      this.#ticket = undefined;
      return 0;
    }
    this.#rejected += 1;
    const waitMs = this.#openUntil - nowMs;
    return this.#circuit.state === 'open' && waitMs > 0 ? waitMs : PROBE_RETRY_MS;
  }

  success(_nowMs: number, admitted = this.#admittedIn): void {
    if (this.#circuit.state === 'closed') this.#successes += 1;
    else this.#tell('success', admitted);
  }

  failure(_nowMs: number, admitted = this.#admittedIn): void {
    this.#tell('failure', admitted);
  }

  release(admitted = this.#admittedIn): void {
    if (this.#circuit.state !== 'closed') this.#tell('release', admitted);
  }

  /** Nobody asks a worker: the primary process has the counts. */
  stats(): ReturnType<Breaker['stats']> {
    return {
      name: this.name,
      state: this.#circuit.state,
      success_count: 0,
      failure_count: 0,
      consecutive_failures: 0,
      open_count: 0,
      rejected_count: 0,
    };
  }

  reset(): void {
    this.follow(NEW_CIRCUIT, 0);
  }

  /** What was let through and held back since it was last asked; undefined when nothing was. */
  report(): BreakerCounts | undefined {
    if (this.#successes === 0 && this.#rejected === 0) return undefined;
    return this.#take();
  }

  #offer(round: number | null): void {
    if (round === null || this.accepts()) return;
    this.#ticket = round;
    // Nobody took it: another server was picked, or the client is gone.
    setImmediate(() => {
      if (this.#ticket !== round) return;
      this.#ticket = undefined;
      this.#tell('release', round);
    });
  }

  #tell(outcome: Outcome['outcome'], round: number): void {
    this.#line.tell({ ...this.#take(), outcome, round });
  }

  #take(): BreakerCounts {
    const counts = { key: this.#key, successes: this.#successes, rejected: this.#rejected };
    this.#successes = 0;
    this.#rejected = 0;
    return counts;
  }
}
