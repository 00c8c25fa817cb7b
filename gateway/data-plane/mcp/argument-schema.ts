/** Schemas of an OpenAPI document as JSON Schema 2020-12, which MCP clients read. What cannot be said is left open, never refused. */
import { isMapping, targetOf, textOf, type Mapping } from '../../../schema/operations.js';

/** What a client has to read for one tool is bounded, in characters of JSON: beyond this a part is left open. */
const MAX_WEIGHT = 64 * 1024;
/** What each key and each schema weighs by itself: what is gone through takes time also where nothing of it is told. */
const STEP = 8;
/** A default, an example or a list of choices that is longer is left out. */
const MAX_VALUE = 8 * 1024;
const MAX_DEPTH = 32;

const SCHEMAS: ReadonlySet<string> = new Set(['items', 'additionalProperties', 'not', 'contains', 'if', 'then', 'else', 'propertyNames']);
const SCHEMA_LISTS: ReadonlySet<string> = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const SCHEMA_MAPS: ReadonlySet<string> = new Set(['properties', 'patternProperties', 'dependentSchemas']);
/** Words of OpenAPI that JSON Schema does not know, and what is said anew. */
const DROPPED: ReadonlySet<string> = new Set([
  'nullable',
  'discriminator',
  'xml',
  'externalDocs',
  'example',
  'readOnly',
  'writeOnly',
  '$schema',
  '$id',
]);

/** Converts the schemas of one tool. Named ones are told once, below `$defs`, so that they may refer to themselves. */
export class ArgumentSchemas {
  readonly #document: Mapping;
  readonly #names = new Map<string, string>();
  readonly #definitions: Record<string, unknown> = {};
  #weight = 0;
  #depth = 0;
  #isFull = false;

  constructor(document: Mapping) {
    this.#document = document;
  }

  /** What was gone through so far, in characters. */
  get weight(): number {
    return this.#weight;
  }

  /** What the converted schemas refer to. */
  get definitions(): Mapping {
    return this.#definitions;
  }

  convert(schema: unknown): unknown {
    if (this.#depth === MAX_DEPTH || !this.#take(STEP)) return {};
    this.#depth += 1;
    const converted = this.#convert(schema);
    this.#depth -= 1;
    return converted;
  }

  /** Whether there is room for so much more. */
  #take(weight: number): boolean {
    if (this.#weight + weight > MAX_WEIGHT) this.#isFull = true;
    else this.#weight += weight;
    return !this.#isFull;
  }

  #convert(schema: unknown): unknown {
    if (typeof schema === 'boolean') return schema;
    if (!isMapping(schema)) return {};
    const { $ref } = schema;
    if (typeof $ref !== 'string') return withNull(schema, withoutReadOnly(this.#fields(schema)));
    const named = this.#reference($ref);
    // OpenAPI 3.1 lets a description stand beside a reference.
    const description = textOf(schema['description']);
    return description !== undefined && named !== undefined && this.#take(weightOf(description))
      ? { ...named, description }
      : (named ?? {});
  }

  #fields(schema: Mapping): Record<string, unknown> {
    const converted: Record<string, unknown> = {};
    for (const key in schema) {
      if (!this.#take(key.length + STEP)) break;
      if (DROPPED.has(key) || key.startsWith('x-')) continue;
      const value = this.#field(key, schema[key]);
      if (value !== undefined) converted[key] = value;
    }
    // Not all properties may be told: no others would be wrong.
    return withBounds(this.#isFull ? { ...converted, additionalProperties: undefined, unevaluatedProperties: undefined } : converted);
  }

  #field(key: string, value: unknown): unknown {
    if (SCHEMAS.has(key)) return this.convert(value);
    if (SCHEMA_LISTS.has(key) && Array.isArray(value)) return this.#list(value);
    if (SCHEMA_MAPS.has(key) && isMapping(value)) return this.#map(key, value);
    if (key === 'description' || key === 'title') return this.#value(textOf(value));
    return this.#value(value);
  }

  /** A value as it stands, where it is short enough. */
  #value(value: unknown): unknown {
    const weight = weightOf(value, MAX_VALUE);
    return weight <= MAX_VALUE && this.#take(weight) ? value : undefined;
  }

  /** Of choices that are too many none is told: some of them would say that there are no others. */
  #list(schemas: readonly unknown[]): unknown {
    const converted: unknown[] = [];
    for (const each of schemas) {
      converted.push(this.convert(each));
      if (this.#isFull) return undefined;
    }
    return converted;
  }

  #map(kind: string, schemas: Mapping): Mapping {
    const converted: Record<string, unknown> = {};
    for (const name in schemas) {
      if (!this.#take(name.length + STEP)) break;
      const each = schemas[name];
      if (kind !== 'properties' || !isMapping(each) || each['readOnly'] !== true) converted[name] = this.convert(each);
    }
    return converted;
  }

  #reference(reference: string): { readonly $ref: string } | undefined {
    const known = this.#names.get(reference);
    if (known !== undefined) return this.#take(known.length + STEP) ? { $ref: `#/$defs/${known}` } : undefined;
    const target = targetOf(this.#document, reference);
    if (target === undefined) return undefined;
    const last = reference
      .slice(reference.lastIndexOf('/') + 1)
      .slice(0, 100)
      .replace(/[^A-Za-z0-9_.-]/g, '_');
    const name = Object.hasOwn(this.#definitions, last) ? `${last}_${this.#names.size}` : last;
    if (!this.#take(2 * name.length + 2 * STEP)) return undefined;
    this.#names.set(reference, name);
    // Taken before it is converted: it may refer to itself.
    this.#definitions[name] = {};
    this.#definitions[name] = this.convert(target);
    return { $ref: `#/$defs/${name}` };
  }
}

/** What only answers hold is not asked for. */
function withoutReadOnly(schema: Record<string, unknown>): Record<string, unknown> {
  const { properties, required } = schema;
  if (!isMapping(properties) || !Array.isArray(required)) return schema;
  return { ...schema, required: required.filter((name) => typeof name === 'string' && Object.hasOwn(properties, name)) };
}

/** `nullable` of OpenAPI 3.0. */
function withNull(source: Mapping, schema: Record<string, unknown>): Record<string, unknown> {
  if (source['nullable'] !== true) return schema;
  const values = source['enum'];
  return {
    ...schema,
    ...(typeof schema['type'] === 'string' ? { type: [schema['type'], 'null'] } : {}),
    ...(Array.isArray(values) && !values.includes(null) ? { enum: [...(values as unknown[]), null] } : {}),
  };
}

/** Of OpenAPI 3.0: a mark beside the bound, where JSON Schema has another bound. */
function withBounds(schema: Record<string, unknown>): Record<string, unknown> {
  const { exclusiveMinimum, exclusiveMaximum, minimum, maximum, ...rest } = schema;
  return {
    ...rest,
    ...bound('minimum', 'exclusiveMinimum', minimum, exclusiveMinimum),
    ...bound('maximum', 'exclusiveMaximum', maximum, exclusiveMaximum),
  };
}

function bound(name: string, exclusiveName: string, value: unknown, exclusive: unknown): Readonly<Record<string, unknown>> {
  if (exclusive === true) return value === undefined ? {} : { [exclusiveName]: value };
  const isOwnBound = exclusive !== undefined && exclusive !== false;
  return { ...(value === undefined ? {} : { [name]: value }), ...(isOwnBound ? { [exclusiveName]: exclusive } : {}) };
}

/** Characters of a value as JSON, or more than `most` of one that has more: it is not gone through to its end. */
export function weightOf(value: unknown, most = Number.POSITIVE_INFINITY): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 24;
  let weight = 2;
  for (const key in value) {
    weight += key.length + 4 + weightOf((value as Mapping)[key], most - weight);
    if (weight > most) break;
  }
  return weight;
}
