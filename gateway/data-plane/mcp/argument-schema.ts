/** Schemas of an OpenAPI document as JSON Schema 2020-12, which MCP clients read. What cannot be said is left open, never refused. */
import { isMapping, targetOf, type Mapping } from './openapi-operations.js';

/** What a client has to read for one tool is bounded: beyond this a part is left open. */
const MAX_NODES = 5000;

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
  #nodes = 0;

  constructor(document: Mapping) {
    this.#document = document;
  }

  /** What the converted schemas refer to. */
  get definitions(): Mapping {
    return this.#definitions;
  }

  convert(schema: unknown): unknown {
    this.#nodes += 1;
    if (this.#nodes > MAX_NODES) return {};
    if (typeof schema === 'boolean') return schema;
    if (!isMapping(schema)) return {};
    const { $ref } = schema;
    if (typeof $ref !== 'string') return withNull(schema, withoutReadOnly(this.#fields(schema)), schema);
    const named = this.#reference($ref);
    // OpenAPI 3.1 lets a description stand beside a reference.
    const { description } = schema;
    return typeof description === 'string' && named !== undefined ? { ...named, description } : (named ?? {});
  }

  #fields(schema: Mapping): Record<string, unknown> {
    const converted: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(schema)) {
      if (DROPPED.has(key) || key.startsWith('x-')) continue;
      converted[key] = this.#field(key, value);
    }
    return withBounds(converted);
  }

  #field(key: string, value: unknown): unknown {
    if (SCHEMAS.has(key)) return this.convert(value);
    if (SCHEMA_LISTS.has(key) && Array.isArray(value)) return value.map((each) => this.convert(each));
    if (!SCHEMA_MAPS.has(key) || !isMapping(value)) return value;
    const kept = Object.entries(value).filter(([, each]) => key !== 'properties' || !isMapping(each) || each['readOnly'] !== true);
    return Object.fromEntries(kept.map(([name, each]) => [name, this.convert(each)]));
  }

  #reference(reference: string): { readonly $ref: string } | undefined {
    const known = this.#names.get(reference);
    if (known !== undefined) return { $ref: `#/$defs/${known}` };
    const target = targetOf(this.#document, reference);
    if (target === undefined) return undefined;
    const last = reference.slice(reference.lastIndexOf('/') + 1).replace(/[^A-Za-z0-9_.-]/g, '_');
    const name = Object.hasOwn(this.#definitions, last) ? `${last}_${this.#names.size}` : last;
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
function withNull(source: Mapping, schema: Record<string, unknown>, { nullable }: Mapping): Record<string, unknown> {
  if (nullable !== true) return schema;
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
