/** Where the product is installed. */
import { existsSync } from 'node:fs';
import path from 'node:path';

/** The nearest directory above this file that has a package.json: the code runs from the sources and from `dist/`. Throws when there is none. */
export function packageRoot(directory = import.meta.dirname): string {
  if (existsSync(path.join(directory, 'package.json'))) return directory;
  const parent = path.dirname(directory);
  if (parent === directory) throw new Error('There is no package.json above the code.');
  return packageRoot(parent);
}
