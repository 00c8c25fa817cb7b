/** The clock of this process. */
let frozen: number | undefined;

/** Epoch milliseconds: this machine's time, or that of the test or the replay that the process is for. */
export const now = (): number => frozen ?? Date.now();

/** Stops the clock at an instant. Called by `test-worlds.ts` and `data-plane/replay/`, and by nobody else. */
export const freeze = (instant: number): void => {
  frozen = instant;
};
