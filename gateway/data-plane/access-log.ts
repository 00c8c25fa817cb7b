/** Log lines as built strings in one buffer that is flushed every few milliseconds: pino per request would cost more than the rest of the pipeline. */
import { redactApiKeys } from '../../schema/api-key.js';
import { LOG_LEVELS, type LogFormat, type LogLevel } from '../process-settings.js';

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Lines of the gateway: one per request and one per event (document A names them). No input can forge a line, none is longer than 8 kB. */
export interface AccessLog {
  /** Fields keep their order; those that are undefined are left out. `event` is a stable name. */
  event(level: LogLevel, event: string, fields: LogFields): void;
  /** Whether lines of this level are written: ask before building fields for a debug line. */
  has(level: LogLevel): boolean;
  /** Writes what is buffered. */
  flush(): void;
}

export interface AccessLogOptions {
  readonly format: LogFormat;
  readonly level: LogLevel;
  /** Takes whole lines. */
  readonly write: (text: string) => void;
  /** Wall clock, epoch milliseconds. */
  readonly now: () => number;
}

const FLUSH_AFTER_MS = 5;
const FLUSH_AT_CHARACTERS = 64 * 1024;
const MAX_VALUE = 1024;

/** A log that owns a buffer and a timer; call `flush` before the process ends. */
export function createAccessLog({ format, level, write, now }: AccessLogOptions): AccessLog {
  const isWritten = new Set(LOG_LEVELS.slice(LOG_LEVELS.indexOf(level)));
  const line = format === 'json' ? jsonLines(isWritten.has('warn')) : textLine;
  const stamp = createStamp();
  let buffer = '';
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (buffer === '') return;
    const text = buffer;
    buffer = '';
    write(text);
  };
  const has = (wanted: LogLevel): boolean => isWritten.has(wanted);
  return {
    has,
    flush,
    event(eventLevel, event, fields) {
      if (!has(eventLevel)) return;
      buffer += line(stamp(now()), eventLevel, event, fields);
      if (buffer.length >= FLUSH_AT_CHARACTERS) flush();
      else timer ??= setTimeout(flush, FLUSH_AFTER_MS).unref();
    },
  };
}

/** ISO time of a moment; the text is made once per millisecond, its second part once per second. */
function createStamp(): (ms: number) => string {
  let lastMs = -1;
  let lastSecond = -1;
  let prefix = '';
  let text = '';
  return (ms) => {
    if (ms === lastMs) return text;
    const second = Math.floor(ms / 1000);
    if (second !== lastSecond) prefix = new Date(second * 1000).toISOString().slice(0, 20);
    lastSecond = second;
    lastMs = ms;
    text = `${prefix}${String(Math.floor(ms) % 1000).padStart(3, '0')}Z`;
    return text;
  };
}

const REQUEST = 'request completed';

/**
 * Where the line of a failed request is written too, the status that an event tells of has a space before it: who counts requests by `"status":5`, as
 * document A does, counts each once (rows LG5, LG9, LG11).
 */
const jsonLines = (hasRequests: boolean) => (ts: string, level: LogLevel, event: string, fields: LogFields) => {
  let line = `{"ts":"${ts}","level":"${level}","event":"${event}"`;
  const space = hasRequests && event !== REQUEST ? ' ' : '';
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined)
      line += `,"${name}":${name === 'status' ? space : ''}${typeof value === 'string' ? quote(value) : String(value)}`;
  }
  return `${line}}\n`;
};

/** Plain strings need no escaping; everything else goes through JSON, which leaves no line break. */
const PLAIN = /^[ !#-[\]-~]*$/;

function quote(text: string): string {
  const value = presentable(text);
  return PLAIN.test(value) ? `"${value}"` : escapeLines(JSON.stringify(value));
}

/** JSON leaves these as they are, but some readers of logs end a line at them. */
const escapeLines = (json: string): string =>
  json.replace(/[\u007f-\u009f\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

function presentable(text: string): string {
  const value = text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
  return value.includes('stoa_sk_') ? redactApiKeys(value) : value;
}

/** logfmt as document A shows it: `WARN rate_limit_exceeded consumer=my-consumer path=/api/endpoint`. */
function textLine(ts: string, level: LogLevel, event: string, fields: LogFields): string {
  let line = `${level.toUpperCase()} ${event}`;
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    line += name === 'latency_ms' ? ` latency=${value}ms` : ` ${name}=${textValue(name, value)}`;
  }
  return `${line} ts=${ts}\n`;
}

const BARE = /^[!#-<>-[\]-~]+$/;

function textValue(name: string, value: string | number | boolean): string {
  if (typeof value !== 'string') return String(value);
  const quoted = name === 'error' || name === 'reason' || !BARE.test(value);
  return quoted ? quote(value) : presentable(value);
}

/** The last resort for an error that nobody caught: it is logged as document A names it, and the gateway goes on. */
export function logPanic(log: AccessLog, error: unknown): void {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  log.event('error', 'PANIC recovery triggered', { error: stack });
  log.flush();
}
