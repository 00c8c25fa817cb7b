/** The circuits that the breakers of a worker follow: also those of breakers that are made later. The breakers themselves are held by its state. */
import { NEW_CIRCUIT, type Circuit } from '../breaker.js';
import type { Breaker } from '../snapshot.js';
import { SharedBreaker, type BreakerCounts, type BreakerLine } from './shared-breaker.js';

export class Circuits {
  readonly #line: BreakerLine;
  readonly #breakers: () => ReadonlyMap<string, Breaker>;
  readonly #now: () => number;
  /** Those that are not as a new breaker has it, with the moment in which they were. */
  readonly #told = new Map<string, { readonly circuit: Circuit; readonly at: number }>();

  /** `breakers` are those of the state, by key; `now` is the wall clock, epoch milliseconds. */
  constructor(line: BreakerLine, breakers: () => ReadonlyMap<string, Breaker>, now: () => number) {
    this.#line = line;
    this.#breakers = breakers;
    this.#now = now;
  }

  /** A breaker that follows what is known of its circuit. */
  make(key: string, url: string): SharedBreaker {
    const breaker = new SharedBreaker(key, url, this.#line);
    const told = this.#told.get(key);
    if (told !== undefined) breaker.follow(told.circuit, told.at);
    return breaker;
  }

  /** Takes what the primary process says; it has forgotten one that is as new again. */
  follow(key: string, circuit: Circuit): void {
    const at = this.#now();
    if (circuit.state === 'closed' && circuit.round === NEW_CIRCUIT.round) this.#told.delete(key);
    else this.#told.set(key, { circuit, at });
    const breaker = this.#breakers().get(key);
    if (breaker instanceof SharedBreaker) breaker.follow(circuit, at);
  }

  /** What breakers let through and held back since they were last asked. */
  report(): readonly BreakerCounts[] {
    return [...this.#breakers().values()].flatMap((breaker) => (breaker instanceof SharedBreaker ? (breaker.report() ?? []) : []));
  }
}
