/** A table as plain text: columns as wide as their widest cell, two spaces apart, no lines. */
import { printableCell, type Paint } from './paint.js';

export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string;
}

/** Columns that are empty in every row are left out, except the first. */
export function tableText<T>(rows: readonly T[], columns: readonly Column<T>[], paint: Paint): string {
  const cells = columns.map(({ title, value }) => [title.toUpperCase(), ...rows.map((row) => printableCell(value(row)))]);
  const shown = cells.filter((column, index) => index === 0 || column.slice(1).some((cell) => cell !== ''));
  const widths = shown.map((column) => column.reduce((width, cell) => Math.max(width, cell.length), 0));
  const line = (index: number): string =>
    shown
      .map((column, position) => (column[index] ?? '').padEnd(widths[position] ?? 0))
      .join('  ')
      .trimEnd();
  const [head, ...body] = Array.from({ length: rows.length + 1 }, (_, index) => line(index));
  return [paint.bold(head ?? ''), ...body].map((text) => `${text}\n`).join('');
}
