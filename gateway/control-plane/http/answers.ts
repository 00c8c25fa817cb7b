/** Schemas of answers: what the OpenAPI document says, and what the tests hold every answer against. */
import * as z from 'zod';
import type { KindDefinition } from '../../../schema/kind.js';
import { descriptionOf, fieldsOf, isRequired, variantsOf } from '../../../schema/schema-walk.js';

/** An instant in UTC, as every answer writes it. */
export const instant = (about: string): z.ZodType<string> => z.iso.datetime().describe(about);

/** A page of a list: the items under their own name and as `items` (row CV30). */
export function pageOf(name: string, item: z.ZodType, extra: z.ZodRawShape = {}): z.ZodType {
  const list = z.array(item);
  return z.strictObject({
    [name]: list.describe('The items of this page.'),
    items: list.describe(`The same as "${name}".`),
    total: z.int().min(0).describe('How many items there are on all pages.'),
    page: z.int().min(1).describe('Number of this page, from 1.'),
    limit: z.int().min(1).describe('How many items a page holds.'),
    ...extra,
  });
}

const resourceFields = {
  id: z.string().describe('Id, made by the control plane; it never changes.'),
  name: z.string().describe('Name, unique in its tenant.'),
  managed_by: z.string().nullable().describe('Project whose manifests own it; null when it was made over REST.'),
  created_at: instant('When it was made.'),
  updated_at: instant('When it was changed last.'),
};

/** Fields of `spec` that an answer leaves out. */
type Hidden = readonly string[];

/** A declared resource as REST answers it: its spec beside its id, name and times, and what `extra` adds. */
export function resourceAnswer(definition: KindDefinition, extra: z.ZodRawShape = {}, hidden: Hidden = []): z.ZodType {
  const variants = specVariants(definition.spec).map((spec) => {
    const shown = Object.fromEntries(Object.entries(spec).filter(([field]) => !hidden.includes(field)));
    return z.strictObject({ ...shown, ...resourceFields, ...extra });
  });
  const [only, ...others] = variants;
  return only !== undefined && others.length === 0 ? only : z.union(variants);
}

/** The body that creates a declared resource over REST: its name and its spec in one object. `extra` takes the place of fields of the same name. */
export function resourceBody(definition: KindDefinition, extra: z.ZodRawShape = {}): z.ZodType {
  return bodyVariants(definition, (spec) =>
    z.strictObject({ name: definition.name.describe('Name, unique in its tenant.'), ...spec, ...extra }),
  );
}

/** The body that changes one: any of its fields; null takes away what need not be there. */
export function patchBody(definition: KindDefinition, extra: z.ZodRawShape = {}): z.ZodType {
  const name = definition.name.optional().describe('May be repeated, not changed.');
  return bodyVariants(definition, (spec) => {
    const fields = Object.entries(spec).map(([field, schema]) => [field, patchField(schema as z.ZodType)]);
    return z.strictObject({ name, ...(Object.fromEntries(fields) as z.ZodRawShape), ...extra });
  });
}

/** A field that is not sent stays as it is: defaults have no say. */
function patchField(field: z.ZodType): z.ZodType {
  const value = field instanceof z.ZodDefault ? (field.unwrap() as z.ZodType) : field;
  const described = value.describe(descriptionOf(field));
  return isRequired(field) ? described.optional() : described.nullable().optional();
}

function bodyVariants({ spec }: KindDefinition, make: (fields: z.ZodRawShape) => z.ZodType): z.ZodType {
  const [only, ...others] = specVariants(spec).map(make);
  if (only === undefined) return z.strictObject({});
  return others.length === 0 ? only : z.union([only, ...others]);
}

/** The fields of a spec; of a union those of each variant. */
function specVariants(spec: z.ZodType): z.ZodRawShape[] {
  const union = variantsOf(spec);
  const shapes = union === undefined ? [fieldsOf(spec)] : [...union.variants.values()].map((variant) => fieldsOf(variant));
  return shapes.flatMap((shape) => (shape === undefined ? [] : [shape]));
}
