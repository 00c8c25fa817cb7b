/** Whether a worker still answers. Beats are counted and not milliseconds: while the whole machine stands still, none is missed. */

/** How often a worker is asked whether it answers. */
export const BEAT_MS = 1000;
/** With so many beats behind it that it left unanswered, nobody waits for it. */
const LATE_BEATS = 2;
/** With so many, it is replaced. */
export const LOST_BEATS = 10;

export class Heart {
  readonly #ask: () => Promise<unknown>;
  /** The one that was asked last included. */
  #unanswered = 0;

  /** `ask` resolves when the worker has answered. */
  constructor(ask: () => Promise<unknown>) {
    this.#ask = ask;
  }

  /** One beat; asks again only when the last question was answered. */
  beat(): void {
    if (this.#unanswered === 0)
      void this.#ask().then(
        () => (this.#unanswered = 0),
        () => undefined,
      );
    this.#unanswered += 1;
  }

  get isLate(): boolean {
    return this.#unanswered > LATE_BEATS;
  }

  get isLost(): boolean {
    return this.#unanswered > LOST_BEATS;
  }
}
