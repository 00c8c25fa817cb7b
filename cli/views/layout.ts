/** Text in the columns of a terminal: how wide it is there, and how it is made to fit. Width is counted in cells, of which 東 and 🚀 take two. */
import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';

const SIMPLE = /^[\u0020-\u007E]*$/;

/** Cells that a line takes; colours take none. */
export const displayWidth = (text: string): number => (SIMPLE.test(text) ? text.length : stringWidth(text));

/** The text with spaces behind it, up to a width in cells. */
export const padded = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - displayWidth(text)));

/** The beginning of a line in so many cells at most, with `…` in place of what is left out. */
export function shortened(text: string, width: number): string {
  const start = text.slice(0, 16 * width);
  if (start.length === text.length && displayWidth(text) <= width) return text;
  let kept = '';
  let cells = 1;
  for (const { segment } of new Intl.Segmenter().segment(start)) {
    cells += displayWidth(segment);
    if (cells > width) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}

/** The words of a text in lines of so many cells at most. A word that is longer stands alone, and a command in quotes is one word: it can be copied. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.match(/"stoactl [^"]*"\S*|\S+/g) ?? []) {
    const last = lines.at(-1);
    if (last === undefined || displayWidth(last) + displayWidth(word) + 1 > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** A command on a line of its own is copied as it stands. */
const COMMAND = /^\s*(?:cd \S+ && )?(?:npx )?stoactl /;

/** Lines that are too wide for the terminal go on below the place where their last column begins. The width is not a number for what is no terminal. */
export function fitted(text: string, columns: number): string {
  if (!Number.isFinite(columns)) return text;
  return text
    .split('\n')
    .map((line) => (line.length <= columns ? line : fittedLine(line, columns)))
    .join('\n');
}

function fittedLine(line: string, columns: number): string {
  const bare = stripVTControlCharacters(line);
  if (displayWidth(bare) <= columns || COMMAND.test(bare)) return line;
  const hang = hangOf(bare, columns);
  const [start, rest] = splitAt(line, hang);
  return start + wrapped(rest, columns - displayWidth(bare.slice(0, hang))).join(`\n${' '.repeat(displayWidth(bare.slice(0, hang)))}`);
}

/** Where the text of a line begins: behind its indent and those of its columns that leave room for text. */
function hangOf(bare: string, columns: number): number {
  const gaps = [...bare.slice(0, Math.floor(columns / 2)).matchAll(/^ +| {2,}/g)];
  const last = gaps.at(-1);
  return last === undefined ? 0 : last.index + last[0].length;
}

/** Both parts of a line with colours, of which the first shows so many characters. */
function splitAt(line: string, shown: number): readonly [string, string] {
  let at = 0;
  for (let count = 0; count < shown; at += 1) {
    // eslint-disable-next-line no-control-regex -- a colour is skipped whole
    const colour = /^\u001B\[\d+m/.exec(line.slice(at, at + 8));
    if (colour === null) count += 1;
    else at += colour[0].length - 1;
  }
  return [line.slice(0, at), line.slice(at)];
}
