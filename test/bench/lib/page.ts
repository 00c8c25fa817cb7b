/** The measured tables of docs/performance.md: each stands between its marks and is put there by the run that made it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';

const PAGE = path.resolve(import.meta.dirname, '../../../docs/performance.md');

/** Node and processor of this run. */
export const machine = (): string =>
  `Node ${process.versions.node}, ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores`;

/** Puts the text between `<!-- name -->` and `<!-- /name -->`. Throws when the page has no such marks. */
export async function writeSection(name: string, text: string): Promise<void> {
  const page = readFileSync(PAGE, 'utf8');
  const marks = new RegExp(`(<!-- ${name} -->\\n)[^]*?(<!-- /${name} -->)`);
  if (!marks.test(page)) throw new Error(`docs/performance.md has no marks <!-- ${name} --> and <!-- /${name} -->.`);
  const next = page.replace(marks, (_, open: string, close: string) => `${open}\n${text}\n\n${close}`);
  writeFileSync(PAGE, await format(next, { ...(await resolveConfig(PAGE)), parser: 'markdown' }));
}
