/** What was formatted, for a person. */
import type { FormatResult } from '../operations/format.js';
import { printable } from './paint.js';

export function formattedText({ files, changed, checked }: FormatResult): string {
  const counted = `${files} ${files === 1 ? 'file' : 'files'}`;
  if (changed.length === 0) return `Nothing to format in ${counted}.\n`;
  const list = changed.map((file) => `${printable(file)}\n`).join('');
  return checked ? `${list}${changed.length} of ${counted} would be formatted.\n` : `${list}Formatted ${changed.length} of ${counted}.\n`;
}
