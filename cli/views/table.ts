/** A table as plain text: columns as wide as their widest cell, two spaces apart, no lines. On a terminal it is never wider than that. */
import { displayWidth, padded, shortened } from './layout.js';
import { printableCell, type Paint } from './paint.js';

export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string;
  /** How a terminal makes room: cells are `cut`, down to a few characters; then columns are left `out`, the last one first, and named below the table. */
  readonly narrow?: 'cut' | 'out';
}

interface Shown {
  readonly title: string;
  readonly cells: readonly string[];
  readonly width: number;
  readonly narrow: 'cut' | 'out' | undefined;
}

const GAP = 2;
/** Cells are not cut to less. */
const CUT_WIDTH = 12;

/** Columns that are empty in every row are left out, except the first. Rows that do not fit in any way are blocks of names and values. */
export function tableText<T>(rows: readonly T[], columns: readonly Column<T>[], paint: Paint): string {
  const all = columns
    .map(({ title, value, narrow }) => shownColumn(title.toUpperCase(), rows, value, narrow))
    .filter(({ cells }, index) => index === 0 || cells.some((cell) => cell !== ''));
  const shown = fit(all, paint.columns);
  if (shown === undefined) return blocksText(all, rows.length, paint);
  const lines = Array.from({ length: rows.length }, (_, row) => lineOf(shown, ({ cells }) => cells[row] ?? ''));
  const missing = all.filter(({ title }) => !shown.some((column) => column.title === title)).map(({ title }) => title.toLowerCase());
  const note = missing.length === 0 ? [] : [paint.dim(`# not shown for lack of room: ${missing.join(', ')}`)];
  return [paint.bold(lineOf(shown, ({ title }) => title)), ...lines, ...note].map((text) => `${text}\n`).join('');
}

function shownColumn<T>(title: string, rows: readonly T[], value: (row: T) => string, narrow: Shown['narrow']): Shown {
  const cells = rows.map((row) => printableCell(value(row)));
  return { title, cells, narrow, width: cells.reduce((width, cell) => Math.max(width, displayWidth(cell)), title.length) };
}

const lineOf = (columns: readonly Shown[], cell: (column: Shown) => string): string =>
  columns
    .map((column) => padded(shortened(cell(column), column.width), column.width + GAP))
    .join('')
    .trimEnd();

/** The columns that a terminal has room for, with their widths; undefined when those that have to be seen are too wide. */
function fit(columns: readonly Shown[], room: number): readonly Shown[] | undefined {
  const leastOf = ({ width, narrow }: Shown): number => (narrow === 'cut' ? Math.min(width, CUT_WIDTH) : width);
  const least = columns.reduce((sum, column) => sum + leastOf(column) + GAP, -GAP);
  if (least > room) {
    const last = columns.findLastIndex(({ narrow }) => narrow === 'out');
    return last === -1 ? undefined : fit([...columns.slice(0, last), ...columns.slice(last + 1)], room);
  }
  let spare = room - least;
  return columns.map((column) => {
    const more = Math.min(spare, column.width - leastOf(column));
    spare -= more;
    return { ...column, width: leastOf(column) + more };
  });
}

/** One block a row. */
function blocksText(columns: readonly Shown[], rows: number, paint: Paint): string {
  const width = Math.max(...columns.map(({ title }) => title.length));
  const blocks = Array.from({ length: rows }, (_, row) =>
    columns
      .filter(({ cells }) => cells[row] !== '')
      .map(({ title, cells }) => `${paint.bold(padded(title.toLowerCase(), width))}  ${cells[row] ?? ''}\n`)
      .join(''),
  );
  return blocks.join('\n');
}
