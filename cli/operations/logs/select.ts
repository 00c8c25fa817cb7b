/** Which lines of a log are wanted. */
import { parseDuration } from '../../../schema/duration.js';
import { StoaError } from '../../../schema/error.js';
import { parseLine, type LogLine } from './line.js';

export interface LogFilter {
  /** Epoch milliseconds. */
  readonly since?: number | undefined;
  readonly consumer?: string | undefined;
  /** Ranges of status codes, both ends included. */
  readonly statuses?: readonly (readonly [number, number])[] | undefined;
  /** A path or what is below it. */
  readonly route?: string | undefined;
  readonly event?: string | undefined;
}

/** A function that reads lines in their order and gives those that are wanted. A line without a time has that of the line before it. */
export function selector(filter: LogFilter): (line: string) => LogLine | undefined {
  let last: number | undefined;
  return (text) => {
    const line = parseLine(text);
    last = line.at ?? last;
    if (filter.since !== undefined && (last ?? filter.since) < filter.since) return undefined;
    return matches(line, filter) ? { ...line, at: last } : undefined;
  };
}

function matches({ fields = {} }: LogLine, { consumer, statuses, route, event }: LogFilter): boolean {
  const { status, path } = fields;
  if (consumer !== undefined && fields['consumer'] !== consumer) return false;
  if (event !== undefined && fields['event'] !== event) return false;
  if (statuses !== undefined && !statuses.some(([from, to]) => typeof status === 'number' && status >= from && status <= to)) return false;
  return (
    route === undefined || (typeof path === 'string' && (path === route || path.startsWith(route.endsWith('/') ? route : `${route}/`)))
  );
}

/** A moment from `1h` (ago) or an ISO time. Throws `usage_error`. */
export function sinceOf(text: string | undefined, now: number, flag = '--since'): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined) return now - ms;
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new StoaError('usage_error', `${flag}: "${text}" is neither a duration nor a time.`, {
    hint: 'Write it as 1h, 7d or 2026-11-30T08:00:00Z.',
  });
}

/** A number of lines; `all` is none. Throws `usage_error`. */
export function tailOf(text: string | undefined): number | undefined {
  if (text === undefined || text === 'all') return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new StoaError('usage_error', `--tail takes a number of lines; "${text}" is none.`, { hint: 'Write it as 100, or all.' });
}

/** Ranges from `502`, `5xx`, `400-429`, several divided by commas. Throws `usage_error`. */
export function statusesOf(texts: readonly string[] | undefined): readonly (readonly [number, number])[] | undefined {
  return texts?.flatMap((text) => text.split(',')).map(statusRange);
}

function statusRange(text: string): readonly [number, number] {
  const [, digit, exact, from, to] = /^(?:([1-5])xx|([1-5]\d\d)|([1-5]\d\d)-([1-5]\d\d))$/i.exec(text.trim()) ?? [];
  if (digit !== undefined) return [Number(digit) * 100, Number(digit) * 100 + 99];
  if (exact !== undefined) return [Number(exact), Number(exact)];
  if (from !== undefined && to !== undefined) return [Number(from), Number(to)];
  throw new StoaError('usage_error', `--status: "${text}" is no status code.`, { hint: 'Write it as 502, 5xx or 400-429.' });
}
