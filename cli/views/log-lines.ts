/** Log lines for a person and for programs. */
import type { LogLine } from '../operations/logs/line.js';
import { printable, type Paint } from './paint.js';

const LEVELS: Readonly<Record<string, Exclude<keyof Paint, 'columns'>>> = { fatal: 'red', error: 'red', warn: 'yellow', debug: 'dim' };

/** The line as its service wrote it, behind the name of the service where there are several. */
export function rawLine({ text }: LogLine, source: string, width: number, paint: Paint): string {
  return `${width === 0 ? '' : paint.cyan(`${source.padEnd(width)} | `)}${printable(text)}\n`;
}

/** `2026-11-30T08:00:00.000Z WARN  rate_limit_exceeded consumer=my-consumer path=/x`: what is not one of our lines stays as it is. */
export function readableLine({ text, fields }: LogLine, paint: Paint): string {
  if (fields === undefined) return `${printable(text)}\n`;
  const { ts, level, event, message, ...rest } = fields;
  const word = textOf(level, 'info');
  const colour = paint[LEVELS[word] ?? 'green'];
  const pairs = Object.entries(rest).map(([name, value]) => `${paint.dim(`${name}=`)}${printable(valueText(value))}`);
  const head = [
    paint.dim(printable(textOf(ts, '-'))),
    colour(printable(word.toUpperCase().padEnd(5))),
    printable(textOf(event, textOf(message, ''))),
  ];
  return `${[...head, ...pairs].join(' ')}\n`;
}

const textOf = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);

const valueText = (value: unknown): string => (typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value));

/** One JSON object a line: the fields of the line, or its text where it is not one of ours; with the service where there are several. */
export function jsonLine({ text, fields }: LogLine, source: string | undefined): string {
  if (source === undefined && fields !== undefined && text.startsWith('{')) return `${text}\n`;
  return `${JSON.stringify({ ...(source === undefined ? {} : { service: source }), ...(fields ?? { text }) })}\n`;
}
