/** The version of the package. */
import { readFileSync } from 'node:fs';

/** Beside the sources and beside the build alike: the package is two folders up, or three. */
export function productVersion(): string {
  for (const place of ['../../package.json', '../../../package.json']) {
    try {
      const { version } = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as { readonly version: string };
      return version;
    } catch {
      // Not here: the next place.
    }
  }
  return '0.0.0';
}
