/** A chunked body (RFC 9112, 7.1), read strictly: sizes are hexadecimal and nothing else, each line ends with CRLF, extensions and trailers are bounded and dropped. */

/** A size with its extensions; one trailer. */
const MAX_LINE = 4096;
const MAX_TRAILERS = 16 * 1024;
const SIZE_LINE = /^([0-9A-Fa-f]{1,13})(?:[\t ]*;[\t -~\x80-\xff]*)?\r\n$/;
const TRAILER_LINE = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*)?\r\n$/;
const LF = 0x0a;

export class ChunkReader {
  /** What was wrong; nothing more is read then. */
  problem: string | undefined = undefined;
  /** The last chunk and its trailers are read. */
  isOver = false;
  /** How far the last call of `read` has come. */
  at = 0;
  #state: 'size' | 'data' | 'data_end' | 'trailer' = 'size';
  /** Bytes of the present chunk that have not come. */
  #left = 0;
  /** A line that has not come to its end. */
  #line = '';
  #trailerBytes = 0;

  /** Reads from `start` on, and copies what belongs to the body into `into`, which holds at least as much as there is. Returns how much that was. */
  read(bytes: Buffer, start: number, into: Buffer): number {
    let at = start;
    let copied = 0;
    while (at < bytes.length && !this.isOver && this.problem === undefined) {
      if (this.#state === 'data') {
        const end = Math.min(bytes.length, at + this.#left);
        copied += bytes.copy(into, copied, at, end);
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = 'data_end';
        continue;
      }
      at = this.#readLine(bytes, at);
    }
    this.at = at;
    return copied;
  }

  #readLine(bytes: Buffer, from: number): number {
    const lineEnd = bytes.indexOf(LF, from);
    const end = lineEnd === -1 ? bytes.length : lineEnd + 1;
    if (this.#line.length + end - from > MAX_LINE) {
      this.problem = 'a line of a chunked body is too long';
      return end;
    }
    this.#line += bytes.toString('latin1', from, end);
    if (lineEnd === -1) return end;
    const line = this.#line;
    this.#line = '';
    this.#take(line);
    return end;
  }

  #take(line: string): void {
    if (this.#state === 'size') this.#takeSize(line);
    else if (this.#state === 'trailer') this.#takeTrailer(line);
    else if (line === '\r\n') this.#state = 'size';
    else this.problem = 'a chunk is longer than its size';
  }

  #takeSize(line: string): void {
    const size = SIZE_LINE.exec(line)?.[1];
    if (size === undefined) {
      this.problem = 'the size of a chunk is malformed';
      return;
    }
    this.#left = Number.parseInt(size, 16);
    this.#state = this.#left === 0 ? 'trailer' : 'data';
  }

  #takeTrailer(line: string): void {
    this.#trailerBytes += line.length;
    if (!TRAILER_LINE.test(line)) this.problem = 'a trailer is malformed';
    else if (this.#trailerBytes > MAX_TRAILERS) this.problem = 'the trailers are too long';
    else this.isOver = line === '\r\n';
  }
}
