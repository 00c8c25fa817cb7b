/** The generated files of the repository as path and text; what writes them and what checks them both ask here. */
import { errorsPage, exitCodesPage } from './error-reference.js';

export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/reference/errors.md', errorsPage()],
    ['docs/reference/exit-codes.md', exitCodesPage()],
  ]);
}
