/** The clock of this process. */
let frozen: number | undefined;

/** Epoch milliseconds: this machine's time, or that of the test that the process runs in (`test-worlds.ts`). */
export const now = (): number => frozen ?? Date.now();

/** Stops the clock at an instant. Called by `test-worlds.ts` and by nobody else. */
export const freeze = (instant: number): void => {
  frozen = instant;
};
