/** What a command prints, as a text that is the same in every run: `test/golden-transcripts/<command>/<form>.txt`. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { ROOT, type CommandResult } from './stack.js';

export const TRANSCRIPTS = join(ROOT, 'test/golden-transcripts');

/** On a terminal that has colours, in a pipe, and as JSON: the name of the form, the words that it adds, and its environment. */
export const FORMS = [
  ['terminal', [], { FORCE_COLOR: '1' }],
  ['pipe', [], {}],
  ['json', ['-o', 'json'], {}],
] as const;

/** `apply (again)` is kept in `apply.again`, `keys list` in `keys-list`. */
export const folderOf = (name: string): string => name.replace(' (', '.').replace(')', '').replaceAll(' ', '-');

/** What differs from run to run, in the same number of characters where tables would move. */
const VARYING: readonly (readonly [RegExp, (found: string) => string])[] = [
  [/stoa_sk_[0-9a-z]{4,32}/g, (found) => `stoa_sk_${'x'.repeat(found.length - 8)}`],
  [/\b(?:ten|api|con|pla|sub|pol|web|key|eve|aud)-[0-9a-z]{12}\b/g, (found) => `${found.slice(0, 4)}${'0'.repeat(12)}`],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, () => '00000000-0000-0000-0000-000000000000'],
  [/\b[0-9a-f]{64}\b/g, () => '0'.repeat(64)],
  [/\b20\d\d-\d\d(-\d\d)?(T\d\d:\d\d(:\d\d(\.\d+)?)?Z?)?/g, (found) => found.replace(/\d/g, '0')],
  [/\b\d\d:\d\d:\d\d\b/g, () => '00:00:00'],
  [/http:\/\/127\.0\.0\.1:(?!8000)\d{4,5}/g, (found) => found.replace(/\d+$/, (port) => '0'.repeat(port.length))],
  [/\b(p95|in) +\d+ ms\b|\b(took|cases?\S* in) \d+(\.\d+)? m?s\b/gi, (found) => found.replace(/\d+(\.\d+)? m?s$/, '0 ms')],
  [/"(?:milliseconds|duration_ms|uptime_seconds|pid)": ?\d+(\.\d+)?/g, (found) => found.replace(/[\d.]+$/, '0')],
  [/\bup \d+ min\b/g, () => 'up 0 min'],
  // Of a list of processes: the columns keep their width for a pid of five digits, and two digits of seconds.
  [/\bUp (?:\d\d[sm]|\d[sm] )/g, () => 'Up 00s'],
  [/(?<=  )PID +(?=ALSO)|(?<=  )\d+ +(?=control-plane-api|stoa-gateway)/g, (found) => (found.startsWith('P') ? 'PID' : '00000').padEnd(7)],
  [/\(pid \d+\)/g, () => '(pid 0)'],
  // Seen or not, a moment after a restart.
  [/"detail": "control plane away"/g, () => '"detail": ""'],
];

interface Told extends CommandResult {
  readonly args: readonly string[];
  /** Its directory: shown as `<directory>`. */
  readonly cwd: string;
}

/** The command, what it printed and how it ended, without what differs from run to run. */
export function transcriptOf({ args, cwd, stdout, stderr, exitCode }: Told): string {
  const text = `$ stoactl ${args.join(' ')}\n${stdout}${stderr === '' ? '' : `--- stderr\n${stderr}`}--- exit ${exitCode}\n`
    .replaceAll(cwd, '<directory>')
    .replaceAll('\u001b', '␛');
  return VARYING.reduce((shown, [pattern, same]) => shown.replace(pattern, same), text);
}

/** Holds a transcript against the one that is kept, or keeps it with UPDATE_GOLDEN=1. */
export function expectTranscript(name: string, form: string, shown: string): void {
  const file = join(TRANSCRIPTS, folderOf(name), `${form}.txt`);
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(join(TRANSCRIPTS, folderOf(name)), { recursive: true });
    writeFileSync(file, shown);
  }
  expect(existsSync(file), `${file} is missing: UPDATE_GOLDEN=1 writes it`).toBe(true);
  expect(shown).toBe(readFileSync(file, 'utf8'));
}
