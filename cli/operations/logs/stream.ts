/** Lines of several logs in one order, first those that there are, then those that come. */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { LogLine } from './line.js';
import { LogFile } from './log-file.js';
import { selector, type LogFilter } from './select.js';

/** Where lines come from. */
export interface LogSource {
  readonly name: string;
  /** Those that there are; of a stream, all until it ends. */
  lines(options: { readonly tail?: number | undefined; readonly since?: number | undefined }): AsyncIterable<string>;
  /** Those that come later. */
  follow(signal: AbortSignal): AsyncIterable<string>;
  close(): Promise<void>;
}

export interface StreamOptions {
  readonly filter: LogFilter;
  /** Of each source, only so many of the last lines. */
  readonly tail: number | undefined;
  readonly isFollowing: boolean;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** A log file. Throws `not_found`. */
export async function fileSource(name: string, path: string): Promise<LogSource> {
  const file = await LogFile.open(path);
  return { name, lines: (options) => file.lines(options), follow: (signal) => file.follow(signal), close: () => file.close() };
}

/** What another program writes into a pipe. */
export function streamSource(name: string, stream: Readable): LogSource {
  return { name, lines: () => createInterface({ input: stream }), follow: nothing, close: () => Promise.resolve() };
}

async function* nothing(): AsyncGenerator<string> {
  // A pipe has ended when its lines have.
}

/** Gives every wanted line to `write`, and the next one when it is done; resolves at the end of the sources or, when it follows, of the signal. Closes the sources. */
export async function streamLogs(
  sources: readonly LogSource[],
  { filter, tail, isFollowing, signal }: StreamOptions,
  write: (line: LogLine, source: string) => unknown,
): Promise<void> {
  const selectors = new Map(sources.map((source) => [source, selector(filter)]));
  const select = (source: LogSource, text: string): LogLine | undefined => selectors.get(source)?.(text);
  const follow = async (source: LogSource): Promise<void> => {
    for await (const text of source.follow(signal)) {
      const line = select(source, text);
      if (line !== undefined) await write(line, source.name);
    }
  };
  const histories = sources.map((source) => history(source, filter, tail, (text) => select(source, text)));
  try {
    for await (const { line, source } of inOrder(histories)) {
      if (signal.aborted) return;
      await write(line, source);
    }
    if (isFollowing) await Promise.all(sources.map(follow));
  } finally {
    // Whoever stops early leaves no pipe open that nobody reads.
    for (const each of histories) await each.return(undefined);
    for (const source of sources) await source.close();
  }
}

interface Sourced {
  readonly line: LogLine;
  readonly source: string;
}

async function* history(
  source: LogSource,
  filter: LogFilter,
  tail: number | undefined,
  select: (text: string) => LogLine | undefined,
): AsyncGenerator<Sourced> {
  const { since, consumer, statuses, route, event } = filter;
  // What depends on the place alone is found from the end; what depends on the lines has to read them.
  const isPlain = [consumer, statuses, route, event].every((wish) => wish === undefined);
  const last: Sourced[] = [];
  for await (const text of source.lines({ since, tail: isPlain ? tail : undefined })) {
    const line = select(text);
    if (line === undefined) continue;
    if (tail === undefined) yield { line, source: source.name };
    else if (last.push({ line, source: source.name }) > tail) last.shift();
  }
  yield* last;
}

/** Several sequences, each in order of time, as one. */
async function* inOrder(sequences: readonly AsyncGenerator<Sourced>[]): AsyncGenerator<Sourced> {
  let heads = (await Promise.all(sequences.map(headOf))).flat();
  for (;;) {
    const [first, ...others] = heads;
    if (first === undefined) return;
    const earliest = others.reduce((found, head) => (timeOf(head) < timeOf(found) ? head : found), first);
    yield earliest.next;
    const following = await headOf(earliest.sequence);
    heads = heads.flatMap((head) => (head === earliest ? following : [head]));
  }
}

interface Head {
  readonly sequence: AsyncGenerator<Sourced>;
  readonly next: Sourced;
}

/** The next of a sequence; none when it has ended. */
async function headOf(sequence: AsyncGenerator<Sourced>): Promise<Head[]> {
  const result = await sequence.next();
  return result.done === true ? [] : [{ sequence, next: result.value }];
}

const timeOf = ({ next }: Head): number => next.line.at ?? 0;
