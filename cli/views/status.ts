/** Health for a person. */
import type { PartHealth, Status } from '../operations/health.js';
import { printable, type Paint } from './paint.js';

const MARKS = { ok: 'green', degraded: 'yellow', down: 'red' } as const;

/** One line a part, and what to do below it. */
export function statusText({ parts }: Status, paint: Paint): string {
  const width = Math.max(...parts.map(({ url }) => printable(url).length));
  return parts.map((part) => partText(part, width, paint)).join('');
}

function partText({ part, url, state, detail, action }: PartHealth, width: number, paint: Paint): string {
  const line = `${paint[MARKS[state]](state.padEnd(8))}  ${part.padEnd(13)}  ${printable(url).padEnd(width)}  ${printable(detail)}\n`;
  return action === undefined ? line : `${line}          ${action}\n`;
}
