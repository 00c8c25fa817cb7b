const NEWLINE = 0x0a;
/** A line longer than this is passed on in parts rather than kept. */
const LONGEST_LINE_BYTES = 1024 * 1024;

export interface LineCollector {
  readonly push: (chunk: Buffer) => void;
  /** The stream has ended: passes what is left, with a line end. */
  readonly end: () => void;
}

/** Collects chunks until a line ends and passes whole lines on, so that the lines of several processes never mix. */
export function wholeLines(pass: (lines: Buffer) => void): LineCollector {
  let rest: Buffer = Buffer.alloc(0);
  const end = (): void => {
    if (rest.length === 0) return;
    const last = Buffer.concat([rest, Buffer.from([NEWLINE])]);
    rest = Buffer.alloc(0);
    pass(last);
  };
  return {
    end,
    push: (chunk) => {
      const length = chunk.lastIndexOf(NEWLINE) + 1;
      const held = rest;
      if (length === 0) {
        rest = Buffer.concat([held, chunk]);
        if (rest.length > LONGEST_LINE_BYTES) end();
        return;
      }
      rest = Buffer.from(chunk.subarray(length));
      pass(held.length === 0 ? chunk.subarray(0, length) : Buffer.concat([held, chunk.subarray(0, length)]));
    },
  };
}
