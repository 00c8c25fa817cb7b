/** Log lines (behaviour.md, "Logs"): JSON, or A's logfmt. No value can forge a line, and whatever looks like an API key is cut. */
import type { FastifyBaseLogger } from 'fastify';
import { pino, type DestinationStream } from 'pino';
import { redactApiKeys } from '../../schema/api-key.js';

export interface LogOptions {
  readonly level: string;
  readonly format: 'json' | 'text';
  readonly destination: DestinationStream;
}

const MAX_STACK = 4000;

/** A logger of events: `log.warn({ event: 'auth_failed', reason })`. */
export function createLog({ level, format, destination }: LogOptions): FastifyBaseLogger {
  const write = (line: string): void => {
    const clean = redactApiKeys(line);
    destination.write(format === 'text' ? textLine(clean) : clean.replace(/^\{"level":("\w+"),"ts":("[^"]+")/, '{"ts":$2,"level":$1'));
  };
  return pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
    },
    { write },
  );
}

/** An error with its stack and causes, bounded. */
function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack = '', cause } = error;
  const code = (error as { code?: unknown }).code;
  return {
    name,
    message,
    ...(typeof code === 'string' ? { code } : {}),
    stack: stack.slice(0, MAX_STACK),
    ...(cause === undefined ? {} : { cause: describeError(cause) }),
  };
}

interface Line extends Readonly<Record<string, unknown>> {
  readonly level: string;
  readonly ts: string;
  readonly event?: string;
  readonly message?: string;
}

/** `INFO request completed path=/health status=200 latency=1ms` (document A), and when, so that readers can look for a time. */
function textLine(json: string): string {
  const { level, ts, message, event = message, latency_ms, ...fields } = JSON.parse(json) as Line;
  const pairs = Object.entries({ ...fields, ...(typeof latency_ms === 'number' ? { latency: `${latency_ms}ms` } : {}) });
  const words = pairs.map(([name, value]) => `${name}=${textValue(value)}`);
  return `${[level.toUpperCase(), event, ...words, `ts=${ts}`].join(' ')}\n`;
}

function textValue(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[\w./:@+-]+$/.test(text) ? text : JSON.stringify(text);
}
