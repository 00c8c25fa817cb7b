/** The generated files of the repository as path and text; what writes them and what checks them both ask here. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { catalog } from '../gateway/catalog.js';
import { buildDocument } from '../gateway/control-plane/openapi/document.js';
import { generatedFiles as catalogFiles } from '../schema/generated.js';
import { coveragePage } from './coverage-reference.js';
import { dashboardFiles } from './dashboards.js';
import { errorsPage, exitCodesPage } from './error-reference.js';
import { httpPage } from './http-reference.js';
import { rolesPage } from './roles-reference.js';

/** Text of each file by its path from the root. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const pages: (readonly [file: string, text: string])[] = [
    ...Object.entries(catalogFiles(catalog)),
    ['docs/reference/errors.md', errorsPage()],
    ['docs/reference/exit-codes.md', exitCodesPage()],
    ['docs/reference/http.md', httpPage(path.resolve(import.meta.dirname, '..'))],
    ['docs/reference/roles.md', rolesPage()],
    ['docs/reference/coverage.md', coveragePage(path.resolve(import.meta.dirname, '..'))],
  ];
  return new Map([...pages, ['docs/reference/README.md', indexPage(pages)], ['openapi.json', openApiText()], ...dashboardFiles()]);
}

/** The document of a control plane with the defaults of its settings. */
function openApiText(): string {
  const { version } = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../package.json'), 'utf8')) as { version: string };
  return `${JSON.stringify(buildDocument({ version, publicUrl: 'http://localhost:8000' }), undefined, 2)}\n`;
}

/** The list of all pages, by their titles. */
function indexPage(pages: readonly (readonly [file: string, text: string])[]): string {
  const link = (title: string, file: string): string => `- [${title}](${file.replace('docs/reference/', '')})`;
  const titled = pages.filter(([file]) => file.endsWith('.md')).map(([file, text]) => link(/^# (.+)$/m.exec(text)?.[1] ?? file, file));
  const schemas = pages.filter(([file]) => file.endsWith('.json')).map(([file]) => link(file.replace(/.*\//, ''), file));
  const lines = ['# Reference', '', ...titled.sort(), '', '## JSON Schemas, for editors', '', ...schemas.sort(), ''];
  return ['<!-- Written by "npm run generate". -->', '', ...lines].join('\n');
}
