/** The schemas of all operations as named components of the document, each written once. */
import * as z from 'zod';
import { fieldsOf, childSchema } from '../../../schema/schema-walk.js';
import { rateLimitConfig } from '../../../schema/rate-limit.js';
import type { Endpoint } from '../http/endpoint.js';

export type Node = Readonly<Record<string, unknown>>;
type Registry = ReturnType<typeof z.registry<{ id: string }>>;

/** Where an answer and a body are in the document, by operation. */
export interface Components {
  readonly schemas: Node;
  answerOf(operation: Endpoint): Node | undefined;
  bodyOf(operation: Endpoint): Node | undefined;
}

const SHARED = [['RateLimit', rateLimitConfig]] as const;

const capital = (word: string): string => `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
const withoutVerb = (id: string): string => id.replace(/^[a-z]+/, '');

/** What is documented as the body of an operation. */
export const bodySchema = ({ documentedBody, body }: Endpoint): z.ZodType | undefined => documentedBody ?? body;

/** Names and converts the schemas. Throws when zod finds two of one name. */
export function buildComponents(operations: readonly Endpoint[]): Components {
  const answers = createNames();
  const bodies = createNames();
  for (const [name, schema] of SHARED) {
    answers.add(schema, name);
    bodies.add(schema, name);
  }
  for (const { id, answer } of operations) if (answer !== undefined) nameAnswer(answers, id, answer);
  for (const operation of operations) {
    const body = bodySchema(operation);
    if (body !== undefined) bodies.add(body, `${capital(operation.id)}Body`);
  }
  return {
    schemas: { ...convert(bodies.registry, 'input'), ...convert(answers.registry, 'output') },
    answerOf: ({ answer }) => (answer === undefined ? undefined : answers.reference(answer)),
    bodyOf(operation) {
      const body = bodySchema(operation);
      return body === undefined ? undefined : bodies.reference(body);
    },
  };
}

/** `createTenant` answers a `Tenant`, `listTenants` a `TenantsPage` of them. */
function nameAnswer(names: Names, id: string, answer: z.ZodType): void {
  const items = fieldsOf(answer)?.['items'];
  const item = items === undefined ? undefined : childSchema(items)?.schema;
  if (item === undefined) {
    names.add(answer, ...(/^(create|get)[A-Z]/.test(id) ? [withoutVerb(id)] : []), `${capital(id)}Answer`);
    return;
  }
  names.add(item, `${withoutVerb(id)}Item`, `${capital(id)}Item`);
  names.add(answer, `${withoutVerb(id)}Page`, `${capital(id)}Answer`);
}

interface Names {
  readonly registry: Registry;
  /** Gives a schema that has no name yet the first of these that is free. */
  add(schema: z.ZodType, ...names: readonly string[]): void;
  reference(schema: z.ZodType): Node;
}

function createNames(): Names {
  const registry: Registry = z.registry<{ id: string }>();
  const taken = new Set<string>();
  return {
    registry,
    add(schema, ...names) {
      const id = names.find((name) => !taken.has(name));
      if (registry.has(schema)) return;
      if (id === undefined) throw new TypeError(`Two schemas want to be called ${names.join(' or ')}.`);
      taken.add(id);
      registry.add(schema, { id });
    },
    reference: (schema) => ({ $ref: address(registry.get(schema)?.id ?? '') }),
  };
}

const address = (id: string): string => `#/components/schemas/${id}`;

function convert(registry: Registry, io: 'input' | 'output'): Record<string, unknown> {
  const { schemas } = z.toJSONSchema(registry, { target: 'draft-2020-12', io, unrepresentable: 'any', uri: address });
  // zod keeps what refers to itself in a place of its own; here it becomes a component like any other.
  const { __shared: { $defs = {} } = {}, ...named } = schemas as Record<string, { readonly $defs?: Node }>;
  const all = Object.entries({ ...named, ...$defs }).map(([id, schema]) => [componentName(id), tidy(schema)]);
  return Object.fromEntries(all) as Record<string, unknown>;
}

/** The only schema that refers to itself is that of any JSON value. */
const componentName = (id: string): string => id.replace(/^schema\d+$/, 'AnyJson');

/** As a document of OpenAPI has it: a component is known by its place, and a format needs no pattern that says the same. */
function tidy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tidy);
  if (typeof value !== 'object' || value === null) return value;
  const { $schema: _dialect, $id: _id, ...node } = value as Record<string, unknown>;
  if (typeof node['format'] === 'string') delete node['pattern'];
  if (typeof node['$ref'] === 'string')
    node['$ref'] = node['$ref'].replace(/__shared#\/\$defs\/(.+)$/, (_all, id: string) => componentName(id));
  return Object.fromEntries(Object.entries(node).map(([key, child]) => [key, tidy(child)]));
}

/** The JSON Schema of a parameter, as its value is understood. */
export function parameterSchema(schema: z.ZodType): Node {
  const { description: _about, ...node } = tidy(z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' })) as Node;
  return node;
}
