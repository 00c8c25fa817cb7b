/** The file that is imported. */
import { readFileSync, statSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { StoaError } from '../../../schema/error.js';

/** Its text, also of stdin (`-`). Throws `not_found`, or `usage_error` for a directory or an address. */
export async function readDocument(file: string): Promise<string> {
  if (file === '-') return text(process.stdin);
  if (/^https?:\/\//i.test(file)) {
    throw new StoaError('usage_error', 'An address is not fetched: what is imported should be a file that you have seen.', {
      hint: 'Download it first: curl -fsSO URL. Or pipe it: curl -fsS URL | stoactl import openapi -.',
    });
  }
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined)
    throw new StoaError('not_found', `There is no file "${file}".`, { hint: 'Check the path; it is relative to the working directory.' });
  if (stat.isDirectory()) throw new StoaError('usage_error', `"${file}" is a directory.`, { hint: 'Name the document in it.' });
  return readFileSync(file, 'utf8');
}
