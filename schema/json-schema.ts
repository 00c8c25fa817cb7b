/** JSON Schema (draft-07) for editors, from the definitions that checking uses. It helps while writing; `stoactl validate` is the truth. */
import * as z from 'zod';
import type { Catalog } from './catalog.js';
import { stoaConfig } from './config.js';
import type { JsonObject, KindDefinition } from './kind.js';
import { API_VERSION } from './manifest.js';
import { variantsOf } from './schema-walk.js';
import { testFile } from './test-file.js';

/** The dialect that editors understand best. */
const DIALECT = 'http://json-schema.org/draft-07/schema#';
const ID = 'https://gostoa.dev/schemas';

interface Node {
  readonly [key: string]: unknown;
}
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The schema of manifests of all kinds: what stands under `metadata` and `spec` follows from `kind`. */
export function manifestSchema({ kinds }: Catalog): JsonObject {
  return data({
    $schema: DIALECT,
    $id: `${ID}/manifest.schema.json`,
    title: 'STOA manifest',
    description: 'A resource that stoactl applies: a tenant, an API, a policy and others.',
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata'],
    additionalProperties: false,
    properties: { ...envelope(kinds), metadata: { type: 'object' }, spec: { type: 'object' } },
    // A condition for each kind: an editor then has one thing to say about a misspelt field, not one for every kind.
    allOf: kinds.map((definition) => ({
      if: { properties: { kind: { const: definition.kind } }, required: ['kind'] },
      then: { properties: parts(definition), ...requiredParts(definition) },
    })),
    definitions: Object.assign({}, ...kinds.map(definitionsOf)) as Node,
  });
}

/** The schema of the manifests of one kind. */
export function kindSchema(definition: KindDefinition): JsonObject {
  const { kind, summary, plural } = definition;
  return data({
    $schema: DIALECT,
    $id: `${ID}/${plural}.schema.json`,
    title: `STOA ${kind}`,
    description: summary,
    type: 'object',
    additionalProperties: false,
    properties: { ...envelope([definition]), ...parts(definition) },
    required: ['apiVersion', 'kind', 'metadata', ...(requiredParts(definition).required ?? [])],
    definitions: definitionsOf(definition),
  });
}

/** The schema of stoa.config.yaml. */
export function configSchema(): JsonObject {
  return data({ $schema: DIALECT, $id: `${ID}/stoa.config.schema.json`, title: 'stoa.config.yaml', ...convert(stoaConfig) });
}

/** The schema of the test files of `stoactl test`. */
export function testsSchema(): JsonObject {
  return data({ $schema: DIALECT, $id: `${ID}/tests.schema.json`, title: 'STOA tests', ...convert(testFile) });
}

/** What is built here holds plain data only, and nothing that is undefined. */
const data = (node: Node): JsonObject => node as JsonObject;

const envelope = (kinds: readonly KindDefinition[]): Node => ({
  apiVersion: { enum: [API_VERSION], description: `Version of the manifest language: ${API_VERSION}.` },
  kind: {
    enum: kinds.map(({ kind }) => kind),
    markdownEnumDescriptions: kinds.map(({ summary }) => summary),
    description: 'What the resource is.',
  },
});

const parts = (definition: KindDefinition): Node => ({
  metadata: metadata(definition),
  spec: { $ref: `#/definitions/${definition.kind}` },
});

function requiredParts(definition: KindDefinition): { readonly required?: readonly string[] } {
  return definition.spec.safeParse({}).success ? {} : { required: ['spec'] };
}

function metadata({ kind, name, scope }: KindDefinition): Node {
  const texts = { type: 'object', additionalProperties: { type: 'string' } };
  const tenant = { type: 'string', description: 'Name of the tenant that the resource lives in.' };
  return {
    type: 'object',
    description: 'What the resource is called and where it belongs.',
    required: ['name'],
    additionalProperties: false,
    properties: {
      name: withVariables({ ...convert(name), description: `Name of the ${kind}: lower-case letters, digits and hyphens.` }),
      ...(scope === 'tenant' ? { tenant, namespace: { ...tenant, description: 'Another word for tenant.' } } : {}),
      labels: { ...texts, description: 'Texts to choose resources by.' },
      annotations: { ...texts, description: 'Texts to keep beside it. stoa/protected: "true" keeps it from being deleted.' },
    },
  };
}

/** The spec's schema under its kind's name, and what it refers to beside it. */
function definitionsOf({ kind, spec, summary }: KindDefinition): Node {
  const { definitions = {}, ...schema } = convert(spec) as Node & { readonly definitions?: Node };
  const own = (name: string): string => `${kind}.${name}`;
  const inner = Object.entries(definitions).map(([name, value]) => [own(name), renamed(value, own)] as const);
  return { [kind]: { description: summary, ...(withVariables(renamed(schema, own)) as Node) }, ...Object.fromEntries(inner) };
}

/** The same schema with other names in its references. */
function renamed(value: unknown, own: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, own));
  if (!isNode(value)) return value;
  const { $ref } = value;
  const rest = mapValues(value, (child) => renamed(child, own));
  return typeof $ref === 'string'
    ? { ...rest, $ref: $ref.replace(/^#\/definitions\/(.+)$/, (_all, name: string) => `#/definitions/${own(name)}`) }
    : rest;
}

/** zod's JSON Schema of what is written, before defaults; unions by a discriminator become conditions. */
function convert(schema: z.ZodType): Node {
  const { $schema: _dialect, ...node } = z.toJSONSchema(schema, {
    target: 'draft-07',
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      // zod hands out its core type here; every schema of ours is a classic one.
      const union = variantsOf(zodSchema as unknown as z.ZodType);
      const options = jsonSchema.oneOf ?? jsonSchema.anyOf;
      if (union === undefined || options === undefined) return;
      delete jsonSchema.oneOf;
      delete jsonSchema.anyOf;
      Object.assign(jsonSchema, byDiscriminator(union.discriminator, [...union.variants.keys()], options as readonly Node[]));
    },
  });
  return node;
}

function byDiscriminator(field: string, values: readonly string[], options: readonly Node[]): Node {
  const descriptions = options.map(({ properties }) => (properties as Record<string, { description?: string }>)[field]?.description ?? '');
  return {
    type: 'object',
    required: [field],
    properties: { [field]: { enum: values, markdownEnumDescriptions: descriptions } },
    allOf: options.map((then, index) => ({ if: { properties: { [field]: { const: values[index] } }, required: [field] }, then })),
  };
}

/** A text with a variable may stand where a number, a boolean or a text of a certain form is wanted. */
const VARIABLE = {
  type: 'string',
  pattern: '\\$\\{(env|file):[^{}]+\\}',
  description: 'A variable: ${env:NAME}, ${env:NAME:-default} or ${file:path}.',
};
const NESTED: ReadonlySet<string> = new Set(['items', 'additionalProperties', 'oneOf', 'anyOf', 'allOf', 'then']);

/** The same schema, with a variable accepted wherever a value stands. Other objects, lists and what chooses a variant stay what they are. */
function withVariables(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withVariables);
  if (!isNode(value)) return value;
  const node = Object.fromEntries(Object.entries(value).map(([key, child]) => [key, inside(key, child)]));
  if (!isScalar(node)) return node;
  const { description, default: fallback, ...shape } = node;
  return {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [shape, VARIABLE],
  };
}

function inside(key: string, child: unknown): unknown {
  if (key === 'properties' && isNode(child)) return mapValues(child, withVariables);
  return NESTED.has(key) ? withVariables(child) : child;
}

const mapValues = (node: Node, change: (value: unknown) => unknown): Node =>
  Object.fromEntries(Object.entries(node).map(([key, value]) => [key, change(value)]));

/** A mapping of anything: a file may give the whole of it. */
const isDocument = ({ properties, additionalProperties }: Node): boolean =>
  properties === undefined && isNode(additionalProperties) && Object.keys(additionalProperties).length === 0;

function isScalar(node: Node): boolean {
  if ('const' in node || 'markdownEnumDescriptions' in node) return false;
  if (isDocument(node)) return true;
  return 'enum' in node || 'pattern' in node || 'format' in node || ['integer', 'number', 'boolean'].includes(String(node['type']));
}
