/** A diagnosis for a person. */
import type { Diagnosis } from '../operations/doctor/run.js';
import { printable, type Paint } from './paint.js';

const MARKS = { ok: ['green', 'ok'], note: ['yellow', 'note'], problem: ['red', 'PROBLEM'] } as const;

/** One line a finding, with what to do below it; problems last, where they are seen. */
export function diagnosisText({ findings }: Diagnosis, paint: Paint): string {
  const order = ['ok', 'note', 'problem'] as const;
  const lines = order.flatMap((wanted) =>
    findings
      .filter(({ state }) => state === wanted)
      .map(({ state, check, what, action }) => {
        const [colour, word] = MARKS[state];
        const head = `${paint[colour](word.padEnd(7))}  ${check.padEnd(8)}  ${printable(what)}\n`;
        return action === undefined ? head : `${head}${' '.repeat(19)}${printable(action)}\n`;
      }),
  );
  const problems = findings.filter(({ state }) => state === 'problem').length;
  const verdict = problems === 0 ? 'No problem was found.' : `${problems} ${problems === 1 ? 'problem' : 'problems'}.`;
  return `${lines.join('')}\n${paint.bold(verdict)}\n`;
}
