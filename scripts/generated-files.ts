/** The generated files of the repository as path and text; what writes them and what checks them both ask here. */
import { catalog } from '../gateway/catalog.js';
import { generatedFiles as catalogFiles } from '../schema/generated.js';
import { errorsPage, exitCodesPage } from './error-reference.js';

export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/reference/errors.md', errorsPage()],
    ['docs/reference/exit-codes.md', exitCodesPage()],
    ...Object.entries(catalogFiles(catalog)),
  ]);
}
