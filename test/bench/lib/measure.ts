/** A function and a yardstick for it: something well known that does the least that the job needs. */
export interface Measured {
  readonly name: string;
  readonly run: () => unknown;
  readonly yardstick: { readonly name: string; readonly run: () => unknown };
  /** How much one call does, for the column "per"; 1 by default. */
  readonly units?: number;
}

export interface Cost {
  readonly nanoseconds: number;
  readonly ratio: number;
}

const ROUNDS = 7;
const ROUND_MS = 60;

/** Costs in turn with its yardstick; medians, so that a collection of garbage in one round does not count. */
export function measure({ run, yardstick, units = 1 }: Measured): Cost {
  const calls = [calibrate(run), calibrate(yardstick.run)] as const;
  const own: number[] = [];
  const other: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    own.push(nanosecondsPerCall(run, calls[0]));
    other.push(nanosecondsPerCall(yardstick.run, calls[1]));
  }
  const nanoseconds = middle(own);
  return { nanoseconds: nanoseconds / units, ratio: nanoseconds / middle(other) };
}

/** How many calls take about a round; calling it that often also warms it up. */
function calibrate(run: () => unknown): number {
  for (let calls = 1; ; calls *= 2) {
    const nanoseconds = nanosecondsPerCall(run, calls) * calls;
    if (nanoseconds > ROUND_MS * 1e6 || calls > 2 ** 24) return calls;
  }
}

/** Takes what is returned, so that no call is thought away. */
const sink: { value: unknown } = { value: undefined };

function nanosecondsPerCall(run: () => unknown, calls: number): number {
  const start = process.hrtime.bigint();
  for (let call = 0; call < calls; call += 1) sink.value = run();
  return Number(process.hrtime.bigint() - start) / calls;
}

const middle = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
