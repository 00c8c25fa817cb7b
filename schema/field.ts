/** Traits of a field that zod does not know, kept beside the schema in a registry, so that they never show in the JSON Schema. */
import * as z from 'zod';
import { canonicalJson } from './resource.js';

/** Says why clients may break when a field changes; undefined when they do not. `after` is undefined when the field or its resource goes. */
type Breaking<Value = unknown> = (before: Value | undefined, after: Value | undefined) => string | undefined;

export interface FieldTraits {
  /** A set: order does not matter, duplicates do not count. */
  readonly set?: true;
  /** Never changed after the resource was created. */
  readonly immutable?: true;
  /** Where a secret comes from (`env:NAME`, `file:path`); the value itself is resolved by the CLI and travels apart from the spec. */
  readonly secretRef?: true;
  /** An address that the control plane itself calls: private ones are refused unless its operator allows them. */
  readonly calledBack?: true;
  /** Read by the plan for the marks of breaking changes. */
  readonly breaking?: Breaking;
  /** Read by the check of manifests: what of a valid spec is worth a look at this field. */
  readonly remark?: (spec: unknown) => Remark | undefined;
}

/** A warning. */
export interface Remark {
  readonly code: string;
  readonly message: string;
}

export const fieldTraits = z.registry<FieldTraits>();

/** Adds traits to a copy of a schema: the original may be shared with other fields. */
function withTraits<T extends z.ZodType>(schema: T, traits: FieldTraits): T {
  const copy = schema.clone();
  fieldTraits.add(copy, { ...fieldTraits.get(schema), ...traits });
  return copy;
}

/**
 * An array whose order does not matter. Texts are sorted, without duplicates, when they are parsed. Mappings stay as written, so that a finding
 * points at the right one; `checkResources` and `check` sort them with `sortedSet`.
 */
export function set<T extends z.ZodType>(element: T, minimum = 0, maximum = 1000) {
  const schema = z
    .array(element)
    .min(minimum)
    .max(maximum)
    .overwrite((values) => (values.every((value) => typeof value === 'string') ? [...new Set(values)].sort() : values));
  return withTraits(schema, { set: true });
}

/** The same values in the one order that a set is stored in, without duplicates. */
export function sortedSet<T>(values: readonly T[]): T[] {
  const byText = new Map(values.map((value) => [canonicalJson(value), value]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}

/** Marks a field that cannot change: the plan refuses a change of it. */
export const immutable = <T extends z.ZodType>(schema: T): T => withTraits(schema, { immutable: true });

/** Marks a field whose change may break clients: `reason` says when and why. */
export function breaking<T extends z.ZodType>(schema: T, reason: Breaking<z.output<T>>): T {
  // The plan calls it with values of this very field: the registry cannot hold its type.
  return withTraits(schema, { breaking: reason as Breaking });
}

/** Marks a field at which a manifest is told what is worth a look: `say` is given the whole spec. */
export const remarked = <T extends z.ZodType>(schema: T, say: NonNullable<FieldTraits['remark']>): T => withTraits(schema, { remark: say });

/** Marks an address that the control plane itself calls. */
export const calledBack = <T extends z.ZodType>(schema: T): T => withTraits(schema, { calledBack: true });

/** A reference to a secret, never the secret. */
export function secretRef() {
  const schema = z.string().regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/, 'A secret is given by reference: env:NAME or file:path.');
  return withTraits(schema, { secretRef: true });
}
