/** Where the product is installed, and its version. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Absolute path of a file of the product, given from its root, the nearest directory above this code that has a package.json: the code runs from the sources
 * and from bundles in `dist/`. Throws when there is no root.
 */
export function productPath(file: string, directory = import.meta.dirname): string {
  if (existsSync(path.join(directory, 'package.json'))) return path.join(directory, file);
  const parent = path.dirname(directory);
  if (parent === directory) throw new Error('There is no package.json above the code.');
  return productPath(file, parent);
}

/** The version of the product. */
export const productVersion = (): string =>
  (JSON.parse(readFileSync(productPath('package.json'), 'utf8')) as { readonly version: string }).version;
