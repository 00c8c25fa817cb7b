/** Traits of a field that zod does not know, kept beside the schema in a registry, so that they never show in the JSON Schema. */
import { z } from 'zod';

interface FieldTraits {
  /** A set of scalars: order does not matter, duplicates do not count. */
  readonly set?: true;
  /** Never changed after the resource was created. */
  readonly immutable?: true;
  /** Where a secret comes from (`env:NAME`, `file:path`); the value itself is resolved by the CLI and travels apart from the spec. */
  readonly secretRef?: true;
}

export const fieldTraits = z.registry<FieldTraits>();

/** An array of scalars whose order does not matter: parsed to a sorted array without duplicates, so that a reordering is not a change. */
export function set<T extends z.ZodType<string>>(element: T, minimum = 0) {
  const schema = z
    .array(element)
    .min(minimum)
    .overwrite((values) => [...new Set(values)].sort());
  return schema.register(fieldTraits, { set: true });
}

/** Marks a field that cannot change: the plan reports a change of it as an error. */
export function immutable<T extends z.ZodType>(schema: T): T {
  fieldTraits.add(schema, { immutable: true });
  return schema;
}

/** A reference to a secret, never the secret. */
export function secretRef() {
  const schema = z.string().regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/, 'A secret is given by reference: env:NAME or file:path.');
  return schema.register(fieldTraits, { secretRef: true });
}
