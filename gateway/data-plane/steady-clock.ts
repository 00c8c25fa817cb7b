/** A clock for measuring spans: the wall clock, except that it stands still where the wall clock steps backwards. */
export interface SteadyClock {
  /** Milliseconds; never less than before. */
  now(): number;
  /** The wall-clock time, epoch milliseconds, of an instant of this clock. */
  toWall(ms: number): number;
}

/** Makes a steady clock of a wall clock. A step back costs nobody anything: the time already waited counts on. */
export function createSteadyClock(wall: () => number): SteadyClock {
  let last = wall();
  let offset = 0;
  return {
    now() {
      const raw = wall();
      if (raw + offset < last) offset = last - raw;
      last = raw + offset;
      return last;
    },
    toWall: (ms) => ms - offset,
  };
}
