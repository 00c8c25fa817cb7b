/** JSON Schema by the word that people type. */
import { catalog } from '../../gateway/catalog.js';
import { configSchema, kindSchema, manifestSchema, testsSchema } from '../../schema/json-schema.js';
import type { JsonObject } from '../../schema/kind.js';
import { findKind } from './kinds.js';

/** Of one kind, of `config`, of `tests`, or of all kinds together. Throws `usage_error` for an unknown kind. */
export function editorSchema(word: string | undefined): JsonObject {
  if (word === undefined) return manifestSchema(catalog);
  if (word === 'config') return configSchema();
  return word === 'tests' ? testsSchema() : kindSchema(findKind(word));
}
