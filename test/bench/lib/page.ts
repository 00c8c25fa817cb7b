/** The measured tables of docs/performance.md and docs/sizing.md: each stands between its marks and is put there by the run that made it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';

const DOCS = path.resolve(import.meta.dirname, '../../../docs');

/** Node and processor of this run. */
export const machine = (): string =>
  `Node ${process.versions.node}, ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores`;

/** Puts the text between `<!-- name -->` and `<!-- /name -->`. Throws when the page has no such marks. */
export async function writeSection(name: string, text: string, file = 'performance.md'): Promise<void> {
  const place = path.join(DOCS, file);
  const page = readFileSync(place, 'utf8');
  const marks = new RegExp(`(<!-- ${name} -->\\n)[^]*?(<!-- /${name} -->)`);
  if (!marks.test(page)) throw new Error(`docs/${file} has no marks <!-- ${name} --> and <!-- /${name} -->.`);
  const next = page.replace(marks, (_, open: string, close: string) => `${open}\n${text}\n\n${close}`);
  writeFileSync(place, await format(next, { ...(await resolveConfig(place)), parser: 'markdown' }));
}
