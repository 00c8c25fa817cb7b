/** Looks inside zod schemas: the fields at a place, the traits of a field. Knows zod's wrappers and nothing of any kind. */
import * as z from 'zod';
import { fieldTraits, sortedSet, type FieldTraits } from './field.js';

/** A zod schema as far as it is looked at here; `def` differs by type. */
interface Looked {
  readonly def: {
    readonly type: string;
    readonly innerType?: z.ZodType;
    readonly in?: z.ZodType;
    readonly out?: z.ZodType;
    readonly element?: z.ZodType;
    readonly valueType?: z.ZodType;
    readonly options?: readonly z.ZodType[];
    readonly discriminator?: string;
    readonly shape?: Readonly<Record<string, z.ZodType>>;
    readonly values?: readonly unknown[];
    readonly entries?: Readonly<Record<string, string>>;
    readonly format?: string;
  };
}

const look = (schema: z.ZodType): Looked['def'] => (schema as unknown as Looked).def;

/** The schema inside optional, default, preprocess and the like. */
export function unwrapped(schema: z.ZodType): z.ZodType {
  const inner = innerOf(schema);
  return inner === undefined ? schema : unwrapped(inner);
}

function innerOf(schema: z.ZodType): z.ZodType | undefined {
  const { type, innerType, in: input, out } = look(schema);
  if (innerType !== undefined) return innerType;
  if (type !== 'pipe' || input === undefined) return undefined;
  return look(input).type === 'transform' ? out : input;
}

/** Traits of a field, set on it or on anything that it wraps. */
export function traitsOf(schema: z.ZodType): FieldTraits {
  const inner = innerOf(schema);
  return { ...(inner === undefined ? {} : traitsOf(inner)), ...fieldTraits.get(schema) };
}

/** The schema of the entries of a list, or of a mapping with free keys; undefined for anything else. */
export function childSchema(schema: z.ZodType): { readonly schema: z.ZodType; readonly isList: boolean } | undefined {
  const { element, valueType } = look(unwrapped(schema));
  if (element !== undefined) return { schema: element, isList: true };
  return valueType === undefined ? undefined : { schema: valueType, isList: false };
}

/** Whether a field must be written. */
export const isRequired = (schema: z.ZodType): boolean => !schema.safeParse(undefined).success;

/** What a field is when it is not written; undefined when it is then absent. */
export function defaultOf(schema: z.ZodType): unknown {
  const result = schema.safeParse(undefined);
  return result.success ? result.data : undefined;
}

/** Whether only whole numbers fit. */
export const isWhole = (schema: z.ZodType): boolean => look(unwrapped(schema)).format === 'safeint';

/** What a field says of itself, or what it wraps. */
export function descriptionOf(schema: z.ZodType): string {
  const inner = innerOf(schema);
  return z.globalRegistry.get(schema)?.description ?? (inner === undefined ? '' : descriptionOf(inner));
}

type Fields = Readonly<Record<string, z.ZodType>>;

/** The variants of a union by the values of its discriminator; undefined for anything else. */
export function variantsOf(
  schema: z.ZodType,
): { readonly discriminator: string; readonly variants: ReadonlyMap<string, z.ZodType> } | undefined {
  const { discriminator, options } = look(unwrapped(schema));
  if (discriminator === undefined || options === undefined) return undefined;
  const variants = options.flatMap((option) => {
    const field = fieldsOf(option)?.[discriminator];
    return choicesOf(field).map((choice) => [choice, option] as const);
  });
  return { discriminator, variants: new Map(variants) };
}

/** The values of an enum or literal, as texts. */
export function choicesOf(schema: z.ZodType | undefined): string[] {
  if (schema === undefined) return [];
  const { values, entries } = look(unwrapped(schema));
  return (values ?? Object.values(entries ?? {})).map(String);
}

/** The fields of a mapping with fixed fields; of a union the variant that `value` chooses. Undefined where any key may stand. */
export function fieldsOf(schema: z.ZodType, value?: unknown): Fields | undefined {
  const union = variantsOf(schema);
  if (union === undefined) return look(unwrapped(schema)).shape;
  const choice = childOf(value, union.discriminator);
  const chosen = typeof choice === 'string' ? union.variants.get(choice) : undefined;
  return chosen === undefined ? undefined : fieldsOf(chosen, value);
}

const childOf = (value: unknown, step: string | number): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, step)
    ? (value as Readonly<Record<string | number, unknown>>)[step]
    : undefined;

/** The schema at a path below `schema`; `value` chooses variants of unions on the way. */
export function schemaAt(schema: z.ZodType, path: readonly (string | number)[], value: unknown): z.ZodType | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return schema;
  const { element, valueType } = look(unwrapped(schema));
  const next = fieldsOf(schema, value)?.[step] ?? element ?? valueType;
  return next === undefined ? undefined : schemaAt(next, rest, childOf(value, step));
}

/** One field that is in at least one of two values, with its traits. */
export interface FieldVisit {
  readonly path: readonly string[];
  readonly traits: FieldTraits;
  readonly before: unknown;
  readonly after: unknown;
}

/** Name, schema and traits of each field. Schemas never change, so what is found in one is kept. */
type FieldList = readonly (readonly [name: string, schema: z.ZodType, traits: FieldTraits])[];
const fieldLists = new WeakMap<Fields, FieldList>();
const NO_FIELDS: FieldList = [];

function listFields(fields: Fields | undefined): FieldList {
  if (fields === undefined) return NO_FIELDS;
  const kept = fieldLists.get(fields);
  if (kept !== undefined) return kept;
  const list = Object.entries(fields).map(([name, schema]) => [name, schema, traitsOf(schema)] as const);
  fieldLists.set(fields, list);
  return list;
}

/**
 * Visits every declared field of two values of one schema, outer before inner. Free-form parts are not entered. Where the two are of different variants of a union, a field
 * that each declares in its own way is two fields of one name: the one that is gone, then the one that is new.
 */
export function visitFields(
  schema: z.ZodType,
  before: unknown,
  after: unknown,
  visit: (field: FieldVisit) => void,
  path: readonly string[] = [],
): void {
  const beforeFields = fieldsOf(schema, before);
  const afterFields = fieldsOf(schema, after);
  const isOneVariant = beforeFields === afterFields;
  const isShared = (name: string): boolean => isOneVariant || beforeFields?.[name] === afterFields?.[name];
  const visitOne = ([name, field, traits]: FieldList[number], from: unknown, to: unknown): void => {
    if (from === undefined && to === undefined) return;
    const place = [...path, name];
    visit({ path: place, traits, before: from, after: to });
    if (isObject(from) || isObject(to)) visitFields(field, from, to, visit, place);
  };
  for (const entry of listFields(beforeFields))
    visitOne(entry, childOf(before, entry[0]), isShared(entry[0]) ? childOf(after, entry[0]) : undefined);
  if (isOneVariant) return;
  for (const entry of listFields(afterFields)) if (!isShared(entry[0])) visitOne(entry, undefined, childOf(after, entry[0]));
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

/**
 * As much of a value as its schema can read, field by field: what is wrong is left out, or has its default; entries of a list that are wrong stay as
 * they are written. For rules that are to find what they can in a spec that is not right yet.
 */
export function readableFields(schema: z.ZodType, value: unknown): Readonly<Record<string, unknown>> {
  // Where no variant of a union is chosen, what the variants share is read by the first.
  const [anyVariant] = variantsOf(schema)?.variants.values() ?? [];
  const fields = Object.entries(fieldsOf(schema, value) ?? (anyVariant === undefined ? undefined : fieldsOf(anyVariant)) ?? {});
  return Object.fromEntries(fields.flatMap(([name, field]) => readable(name, field, childOf(value, name))));
}

function readable(name: string, field: z.ZodType, value: unknown): (readonly [string, unknown])[] {
  const result = field.safeParse(value);
  if (result.success) return result.data === undefined ? [] : [[name, result.data]];
  const entry = childSchema(field);
  if (Array.isArray(value) && entry?.isList === true)
    return [[name, value.map((one: unknown) => entry.schema.safeParse(one).data ?? one ?? {})]];
  const fallback = defaultOf(field);
  return fallback === undefined ? [] : [[name, fallback]];
}

/** The same value with its sets of mappings in the order that they are stored in. The value itself when it has none. */
export function withSortedSets<T>(schema: z.ZodType, value: T): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const changed = listFields(fieldsOf(schema, value)).flatMap(([name, field, traits]) => {
    const child = childOf(value, name);
    if (!isObject(child)) return [];
    const sorted = traits.set === true && Array.isArray(child) && child.some(isObject) ? sortedSet(child) : withSortedSets(field, child);
    return sorted === child ? [] : [[name, sorted] as const];
  });
  return changed.length === 0 ? value : { ...value, ...Object.fromEntries(changed) };
}

/** The value at a path, or undefined. */
export function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((current, step) => childOf(current, step), value);
}
