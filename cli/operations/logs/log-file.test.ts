import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogFile } from './log-file.js';
import { RotatingFile } from './rotating-file.js';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stoa-logs-'));
  path = join(directory, 'gateway.log');
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Lines of ten bytes: `line 0007`. */
const lineOf = (n: number): string => `line ${String(n).padStart(4, '0')}`;
const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, index) => lineOf(from + index));

function written(count: number, options = { maxBytes: 100, maxFiles: 5 }): RotatingFile {
  const file = new RotatingFile(path, options);
  for (let n = 1; n <= count; n += 1) file.write(Buffer.from(`${lineOf(n)}\n`));
  return file;
}

async function linesOf(options = {}): Promise<string[]> {
  const file = await LogFile.open(path);
  const lines: string[] = [];
  for await (const line of file.lines(options)) lines.push(line);
  await file.close();
  return lines;
}

describe('a rotating log file', () => {
  it('keeps so many files of so many bytes, for this user alone, and drops the oldest lines (LG12)', () => {
    written(75).close();

    expect(readdirSync(directory).sort()).toEqual(['gateway.log', ...[1, 2, 3, 4].map((age) => `gateway.log.${age}`)]);
    for (const name of readdirSync(directory)) {
      expect(statSync(join(directory, name)).size).toBeLessThanOrEqual(100);
      expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    }
    expect(readFileSync(`${path}.4`, 'utf8').split('\n')[0]).toBe(lineOf(31));
  });

  it('goes on with the file that a process before it has left', async () => {
    written(3).close();

    written(2).close();

    expect(await linesOf()).toEqual([...numbers(1, 3), ...numbers(1, 2)]);
  });

  it('keeps what is written at once in one file, also when it is more than a file may hold', () => {
    const file = new RotatingFile(path, { maxBytes: 25, maxFiles: 3 });

    file.write(Buffer.from('first\n'));
    file.write(Buffer.from(`${'x'.repeat(40)}\n`));

    expect(readFileSync(`${path}.1`, 'utf8')).toBe('first\n');
    expect(readFileSync(path, 'utf8')).toHaveLength(41);
  });
});

describe('reading a log', () => {
  it('gives all lines of all files in their order', async () => {
    written(45).close();

    expect(await linesOf()).toEqual(numbers(1, 45));
  });

  it.each([0, 1, 4, 5, 6, 15, 45, 46, 1000])('gives the last %i lines, whichever files they are in', async (tail) => {
    written(45).close();

    expect(await linesOf({ tail })).toEqual(numbers(Math.max(1, 46 - tail), 45).slice(0, tail));
  });

  it('does not open older files that were not written since', async () => {
    written(45).close();

    expect(await linesOf({ since: Date.now() + 60_000 })).toEqual(numbers(41, 45));
  });

  it('follows what is written, into the next file and after the file was emptied', async () => {
    const writer = written(2);
    const file = await LogFile.open(path);
    const end = new AbortController();
    const seen: string[] = [];
    for await (const line of file.lines()) seen.push(line);
    const until = async (count: number): Promise<void> => {
      while (seen.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
    };

    const following = (async () => {
      for await (const line of file.follow(end.signal)) seen.push(line);
    })();
    for (let n = 3; n <= 14; n += 1) {
      writer.write(Buffer.from(`${lineOf(n)}\n`));
      await until(n);
    }
    truncateSync(path);
    await new Promise((resolve) => setTimeout(resolve, 150));
    writer.write(Buffer.from('after\n'));
    await until(15);
    end.abort();
    await following;
    await file.close();

    expect(seen).toEqual([...numbers(1, 14), 'after']);
  });
});
