/** What became of an imported document, for a person. */
import type { ImportItem, ImportResult } from '../operations/import/report.js';
import { printable, type Paint } from './paint.js';
import { counted } from './validation.js';

const MAX_LINES = 200;

/** One line for each item that was not simply mapped, and the sum. Goes to stderr: the manifests are the result. */
export function importText({ file, format, resources, items }: ImportResult, paint: Paint): string {
  const told = items.filter(({ outcome }) => outcome !== 'mapped');
  const lines = told.slice(0, MAX_LINES).map((item) => itemText(file, item, paint));
  const more = told.length > MAX_LINES ? [`… and ${told.length - MAX_LINES} more: -o json has them all.\n`] : [];
  const count = (outcome: ImportItem['outcome']): number => items.filter((item) => item.outcome === outcome).length;
  const sum = `${printable(file)} (${printable(format)}): ${counted(resources.length, 'manifest')} from ${counted(items.length, 'item')}; ${count('note')} with a note, ${count('skipped')} not imported.\n`;
  return [...lines, ...more, sum].join('');
}

function itemText(file: string, { item, outcome, message, source }: ImportItem, paint: Paint): string {
  const place = source === undefined ? file : `${source.file}:${source.line}:${source.column}`;
  const mark = outcome === 'skipped' ? paint.yellow('not imported') : paint.cyan('note');
  return `${printable(place)}: ${mark}: ${printable(item)}: ${printable(message)}\n`;
}
