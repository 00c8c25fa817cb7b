/** The generated files that follow from a catalog: JSON Schemas for editors and the reference pages. */
import type { Catalog } from './catalog.js';
import { configSchema, kindSchema, manifestSchema, testsSchema } from './json-schema.js';
import type { JsonObject } from './kind.js';
import { configPage, kindPage, policyPage, testsPage } from './reference-page.js';

/** Where the schema of all manifests is kept, for the `# yaml-language-server: $schema=` line of a manifest. */
export const MANIFEST_SCHEMA_PATH = 'docs/reference/schemas/manifest.schema.json';

/** Text of each file by its path from the root of the repository. */
export function generatedFiles(catalog: Catalog): Record<string, string> {
  const kinds = catalog.kinds.flatMap((definition) => [
    [`docs/reference/schemas/${definition.plural}.schema.json`, jsonText(kindSchema(definition))],
    [`docs/reference/kinds/${definition.plural}.md`, kindPage(definition)],
  ]);
  const policies = catalog.policyTypes.map((policy) => [`docs/reference/policies/${policy.type}.md`, policyPage(policy)]);
  return {
    [MANIFEST_SCHEMA_PATH]: jsonText(manifestSchema(catalog)),
    'docs/reference/schemas/stoa.config.schema.json': jsonText(configSchema()),
    'docs/reference/stoa.config.md': configPage(),
    'docs/reference/schemas/tests.schema.json': jsonText(testsSchema()),
    'docs/reference/tests.md': testsPage(),
    ...(Object.fromEntries([...kinds, ...policies]) as Record<string, string>),
  };
}

const jsonText = (schema: JsonObject): string => `${JSON.stringify(schema, null, 2)}\n`;
