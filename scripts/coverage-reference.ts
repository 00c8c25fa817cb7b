/** docs/reference/coverage.md: which tests hold which row of the list of features, read from the ids in their titles. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** How many rows each part of the list has. */
const ROWS: Readonly<Record<string, { readonly title: string; readonly count: number }>> = {
  CV: { title: 'Control plane: conventions', count: 33 },
  TN: { title: 'Tenants', count: 10 },
  AP: { title: 'APIs', count: 11 },
  SB: { title: 'Subscriptions', count: 14 },
  KY: { title: 'API keys', count: 28 },
  CN: { title: 'Consumers', count: 8 },
  PL: { title: 'Policies', count: 16 },
  QT: { title: 'Quotas', count: 3 },
  MT: { title: 'Metrics', count: 4 },
  WH: { title: 'Webhooks', count: 8 },
  AU: { title: 'Audit', count: 6 },
  DP: { title: 'Data plane', count: 29 },
  AD: { title: 'Gateway admin API', count: 25 },
  LG: { title: 'Logs', count: 14 },
  OP: { title: 'Operations', count: 19 },
  UI: { title: 'User interfaces', count: 7 },
  CL: { title: 'CLI, local stack, GitOps', count: 18 },
};

/** Rows that are not built, each with what is there in their place. A row that a test names must go from here. */
export const OPEN_ROWS: Readonly<Record<string, string>> = {};

const TEXT = /(['"`])((?:(?!\1)[^\n])*?\b[A-Z]{2}\d{1,2}\b(?:(?!\1)[^\n])*?)\1/g;
const ID = new RegExp(`\\b(${Object.keys(ROWS).join('|')})(\\d{1,2})(?:(?:-| to )\\1?(\\d{1,2}))?\\b`, 'g');

/** Ids that a title names; `TN1-TN10` stands for ten. */
export function rowIdsOf(title: string): string[] {
  return [...title.matchAll(ID)].flatMap(([, part = '', from = '0', to = from]) => {
    const [first, last] = [Number(from), Number(to)];
    return Array.from({ length: Math.max(0, last - first) + 1 }, (_, index) => `${part}${first + index}`);
  });
}

interface Holding {
  readonly file: string;
  readonly title: string;
}

/** The tests below a folder that name each row. */
function holdings(root: string): ReadonlyMap<string, readonly Holding[]> {
  const found = new Map<string, Holding[]>();
  for (const file of testFiles(root)) {
    for (const [, , title = ''] of readFileSync(path.join(root, file), 'utf8').matchAll(TEXT)) {
      for (const id of new Set(rowIdsOf(title))) found.set(id, [...(found.get(id) ?? []), { file, title }]);
    }
  }
  return found;
}

const testFiles = (root: string): string[] =>
  ['schema', 'gateway', 'cli', 'test']
    .flatMap((folder) => readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`))
    .filter((name) => /\.test\.tsx?$/.test(name) && name !== 'test/coverage.test.ts')
    .sort();

/** Every row of the list, in order. */
export const rowIds = (): string[] =>
  Object.entries(ROWS).flatMap(([part, { count }]) => Array.from({ length: count }, (_, index) => `${part}${index + 1}`));

/** Rows that no test names. */
export function rowsWithoutTest(root: string): string[] {
  const found = holdings(root);
  return rowIds().filter((id) => !found.has(id));
}

/** The page. */
export function coveragePage(root: string): string {
  const found = holdings(root);
  const lines = Object.entries(ROWS).flatMap(([part, { title, count }]) => [
    `## ${title}`,
    '',
    '| Row | Tests that hold it |',
    '| --- | --- |',
    ...Array.from({ length: count }, (_, index) => `${part}${index + 1}`).map((id) => `| ${id} | ${cell(id, found.get(id) ?? [])} |`),
    '',
  ]);
  return [
    '<!-- Written by "npm run generate" from the titles of the tests. -->',
    '',
    '# Coverage',
    '',
    'Which tests hold which row of the list of features: a test names the rows that it holds in its title.',
    '',
    ...lines,
  ].join('\n');
}

const MOST = 4;

function cell(id: string, holding: readonly Holding[]): string {
  if (holding.length === 0) return OPEN_ROWS[id] ?? '-';
  const shown = holding.slice(0, MOST).map(({ file, title }) => `\`${file}\`: ${title.replaceAll('|', '\\|').replaceAll('`', "'")}`);
  return [...shown, ...(holding.length > MOST ? [`and ${holding.length - MOST} more`] : [])].join('<br>');
}
