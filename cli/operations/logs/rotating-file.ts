import { closeSync, fstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

/** Document A, day 3: five files of 100 MB. */
const MAX_BYTES = 100_000_000;
const MAX_FILES = 5;

export interface RotatingFileOptions {
  readonly maxBytes?: number;
  /** Of all files together with the current one. */
  readonly maxFiles?: number;
}

/** Name of an older file: 1 is the newest of them. */
export const rotatedName = (path: string, age: number): string => (age === 0 ? path : `${path}.${age}`);

/** How many files there may be, whatever a file was written with. */
export const MOST_FILES = 100;

/**
 * A log file that is followed by the next when it is full: `x.log` becomes `x.log.1`, that one `x.log.2`, and the oldest goes. What was written is
 * in the file when `write` returns, so that no end of this process loses a line. Throws what the file system says.
 */
export class RotatingFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #maxFiles: number;
  #descriptor: number | undefined;
  #bytes = 0;

  constructor(path: string, { maxBytes = MAX_BYTES, maxFiles = MAX_FILES }: RotatingFileOptions = {}) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#maxFiles = maxFiles;
  }

  /** Adds whole lines. They stay together in one file. */
  write(lines: Buffer): void {
    const descriptor = this.#open();
    if (this.#bytes > 0 && this.#bytes + lines.length > this.#maxBytes) {
      this.#rotate();
      this.write(lines);
      return;
    }
    for (let done = 0; done < lines.length;) done += writeSync(descriptor, lines, done);
    this.#bytes += lines.length;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #open(): number {
    if (this.#descriptor !== undefined) return this.#descriptor;
    const descriptor = openSync(this.#path, 'a', 0o600);
    this.#descriptor = descriptor;
    this.#bytes = fstatSync(descriptor).size;
    return descriptor;
  }

  #rotate(): void {
    this.close();
    rmSync(rotatedName(this.#path, this.#maxFiles - 1), { force: true });
    for (let age = this.#maxFiles - 2; age >= 0; age -= 1) renameIfThere(rotatedName(this.#path, age), rotatedName(this.#path, age + 1));
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
