/** Writes manifests to a directory: `tenant/apis/payments.yaml`. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { catalog } from '../../gateway/catalog.js';
import { StoaError } from '../../schema/error.js';
import type { ShownResource } from '../../schema/change.js';
import { keyOf, type Resource } from '../../schema/resource.js';
import { toYaml } from './manifest.js';

/** How many files were written. Throws `conflict` before it writes anything when a file is there already, unless `isForced`. */
export function writeManifests(resources: readonly Resource[], directory: string, isForced: boolean): number {
  const files = resources.map((resource) => ({ path: join(directory, fileOf(resource)), text: toYaml([resource]) }));
  const present = files.filter(({ path }) => existsSync(path));
  if (present.length > 0 && !isForced)
    throw new StoaError(
      'conflict',
      `${present.length} of ${files.length} files are there already, the first is ${present[0]?.path ?? ''}.`,
      {
        hint: 'Nothing was written. Replace them with --force, or write elsewhere.',
      },
    );
  for (const { path, text } of files) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return files.length;
}

/** What a manifest lacks of what is live: secrets that were given over REST, and to which nothing refers. */
export const missingSecrets = (resources: readonly ShownResource[]): string[] =>
  resources.flatMap((resource) =>
    (resource.secret_fields ?? []).map(
      (field) => `${keyOf(resource)} has a secret that is in no manifest: write ${field} into it, or what applies it elsewhere has none.`,
    ),
  );

function fileOf({ kind, tenant, name }: Resource): string {
  const definition = catalog.find(kind);
  return definition === undefined || definition.scope === 'global'
    ? join(tenant, `${kind.toLowerCase()}.yaml`)
    : join(tenant, definition.plural, `${name}.yaml`);
}
