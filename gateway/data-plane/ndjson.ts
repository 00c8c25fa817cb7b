/** Lines of JSON out of a stream of bytes, with a bound on what an unfinished line may take. */

const NEWLINE = 10;

/** Feeds chunks in, gets parsed lines out. */
export interface LineParser {
  /** Calls `onValue` for each line that this chunk completes. Throws for a line that is no JSON, and for one above the bound. */
  push(chunk: Uint8Array, onValue: (value: unknown) => void): void;
}

/** A parser for lines of at most `maxBytes`. Empty lines are skipped. */
export function createLineParser(maxBytes: number): LineParser {
  let pieces: Uint8Array[] = [];
  let size = 0;
  const keep = (piece: Uint8Array): void => {
    size += piece.length;
    if (size > maxBytes) throw new RangeError(`A line of the stream has more than ${maxBytes} bytes.`);
    if (piece.length > 0) pieces.push(piece);
  };
  const take = (): string => {
    const text = (pieces.length === 1 && pieces[0] !== undefined ? Buffer.from(pieces[0]) : Buffer.concat(pieces, size)).toString('utf8');
    pieces = [];
    size = 0;
    return text;
  };
  return {
    push(chunk, onValue) {
      let from = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
        keep(chunk.subarray(from, end));
        from = end + 1;
        const text = take();
        if (text.trim() !== '') onValue(JSON.parse(text));
      }
      keep(chunk.subarray(from));
    },
  };
}
