/** The place of one worker: how soon it is taken again when the worker in it has died. */

/** A worker that lived for less was not well when it started. */
const SOON_MS = 10_000;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 30_000;

export class Slot {
  #diedSoon = 0;

  /** A worker that lived for `livedMs` is dead: so many milliseconds later its successor starts. While nobody serves that is soon. */
  nextAfterMs(livedMs: number, isDeserted: boolean): number {
    this.#diedSoon = livedMs < SOON_MS ? this.#diedSoon + 1 : 0;
    if (this.#diedSoon < 2) return 0;
    return Math.min(isDeserted ? FIRST_DELAY_MS : MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#diedSoon - 2));
  }
}
