/** JSON Schema by the word that people type. */
import { catalog } from '../../gateway/catalog.js';
import { configSchema, kindSchema, manifestSchema } from '../../schema/json-schema.js';
import type { JsonObject } from '../../schema/kind.js';
import { findKind } from './kinds.js';

/** Of one kind, of `config`, or of all kinds together. Throws `usage_error` for an unknown kind. */
export function editorSchema(word: string | undefined): JsonObject {
  if (word === undefined) return manifestSchema(catalog);
  return word === 'config' ? configSchema() : kindSchema(findKind(word));
}
