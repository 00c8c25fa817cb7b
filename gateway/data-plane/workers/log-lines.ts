/** The lines of a worker, whole: what several processes write to one stream in pieces would end up in each other. */

const LINE_END = 0x0a;

/** Takes what a worker writes, as it comes, and hands on whole lines only. A line that a dead worker did not finish is nobody's. */
export function forwardLines(write: (lines: Buffer) => void): (chunk: Buffer) => void {
  let begun: Buffer[] = [];
  return (chunk) => {
    const end = chunk.lastIndexOf(LINE_END) + 1;
    if (end > 0) {
      write(begun.length === 0 ? chunk.subarray(0, end) : Buffer.concat([...begun, chunk.subarray(0, end)]));
      begun = [];
    }
    if (end < chunk.length) begun.push(chunk.subarray(end));
  };
}
