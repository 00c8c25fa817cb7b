/** Reading a log that is written at the same time: its older files, its end, and what comes. */
import { statSync } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoaError } from '../../../schema/error.js';
import { fileReason } from '../file-error.js';
import { wholeLines } from '../dev/whole-lines.js';
import { MOST_FILES, rotatedName } from './rotating-file.js';

const CHUNK_BYTES = 64 * 1024;
const POLL_MS = 100;
const NEWLINE = 0x0a;

export interface ReadOptions {
  /** Only so many of the last lines. */
  readonly tail?: number | undefined;
  /** Older files that were not written since then are not read. Epoch milliseconds. */
  readonly since?: number | undefined;
}

/** One log with its older files. Close it after use. */
export class LogFile {
  readonly #path: string;
  #handle: FileHandle;
  #inode: number;
  #position = 0;
  readonly #lines: string[] = [];
  readonly #collector = wholeLines((lines) => {
    for (const line of lines.toString('utf8').split('\n')) if (line !== '') this.#lines.push(line);
  });

  private constructor(path: string, handle: FileHandle, inode: number) {
    this.#path = path;
    this.#handle = handle;
    this.#inode = inode;
  }

  /** Throws `not_found` when it cannot be read. */
  static async open(path: string): Promise<LogFile> {
    try {
      const handle = await open(path, 'r');
      return new LogFile(path, handle, (await handle.stat()).ino);
    } catch (error) {
      throw new StoaError('not_found', `The log ${path} cannot be read: ${fileReason(error)}.`, {
        hint: 'Check the path; "-" reads a log from stdin.',
        cause: error,
      });
    }
  }

  /** The lines that there are, oldest first. What follows comes by `follow`. */
  async *lines(options: ReadOptions = {}): AsyncGenerator<string> {
    const start = await startOf(this.#path, this.#handle, this.#inode, options);
    for (const { path, from } of start.older) yield* linesOfFile(path, from);
    this.#position = start.from;
    yield* this.#rest();
  }

  /** Lines as they are written, also into the file that takes this one's place; ends when `signal` is aborted. */
  async *follow(signal: AbortSignal): AsyncGenerator<string> {
    while (!signal.aborted) {
      yield* this.#rest();
      if (await this.#isReplaced()) {
        yield* this.#rest();
        await this.#reopen();
      } else await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async *#rest(): AsyncGenerator<string> {
    // Somebody has emptied it.
    if ((await this.#handle.stat()).size < this.#position) this.#position = 0;
    const buffer = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await this.#handle.read(buffer, 0, CHUNK_BYTES, this.#position);
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      this.#collector.push(Buffer.from(buffer.subarray(0, bytesRead)));
      yield* this.#lines.splice(0);
    }
  }

  async #isReplaced(): Promise<boolean> {
    const now = await stat(this.#path).catch(() => undefined);
    return now !== undefined && now.ino !== this.#inode;
  }

  async #reopen(): Promise<void> {
    const handle = await open(this.#path, 'r');
    await this.#handle.close();
    this.#handle = handle;
    this.#inode = (await handle.stat()).ino;
    this.#position = 0;
  }
}

interface Start {
  readonly older: readonly { readonly path: string; readonly from: number }[];
  /** Where to begin in the current file. */
  readonly from: number;
}

/** Where to begin, and in which of the older files. */
async function startOf(path: string, current: FileHandle, inode: number, { tail, since = 0 }: ReadOptions): Promise<Start> {
  const older: { path: string; from: number }[] = [];
  let missing = tail ?? Number.POSITIVE_INFINITY;
  const here = await fromEnd(current, missing);
  missing -= here.lines;
  for (let age = 1; age < MOST_FILES && missing > 0; age += 1) {
    const name = rotatedName(path, age);
    const found = statSync(name, { throwIfNoEntry: false });
    if (found === undefined || found.mtimeMs < since) break;
    // The current one has just been replaced.
    if (found.ino === inode) continue;
    const handle = await open(name, 'r');
    const { from, lines } = await fromEnd(handle, missing).finally(() => handle.close());
    missing -= lines;
    older.unshift({ path: name, from });
  }
  return { older, from: here.from };
}

/** The place of the last `count` lines of a file, and how many lines there are from it on. */
async function fromEnd(handle: FileHandle, count: number): Promise<{ readonly from: number; readonly lines: number }> {
  if (count === Number.POSITIVE_INFINITY) return { from: 0, lines: 0 };
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let end = (await handle.stat()).size;
  let lines = -1;
  while (end > 0) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, end - start, start);
    for (let at = bytesRead - 1; at >= 0; at -= 1) {
      if (buffer[at] !== NEWLINE) continue;
      lines += 1;
      if (lines === count) return { from: start + at + 1, lines };
    }
    end = start;
  }
  return { from: 0, lines: lines + 1 };
}

async function* linesOfFile(path: string, from: number): AsyncGenerator<string> {
  const file = await open(path, 'r');
  try {
    yield* file.readLines({ start: from });
  } finally {
    await file.close().catch(() => undefined);
  }
}
