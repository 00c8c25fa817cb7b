/** What a kind or one of its fields means, from the definition that checking uses. */
import * as z from 'zod';
import { catalog } from '../../gateway/catalog.js';
import { suggest } from '../../schema/did-you-mean.js';
import { StoaError } from '../../schema/error.js';
import { schemaAt } from '../../schema/schema-walk.js';
import { findKind } from './kinds.js';

export interface ExplainedField {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
  readonly default?: unknown;
}

export interface Explanation {
  readonly schema_version: 1;
  /** `API.rate_limit`. */
  readonly path: string;
  readonly type: string;
  readonly description: string;
  readonly default?: unknown;
  readonly fields: readonly ExplainedField[];
  /** A spec that is right; for a whole kind. */
  readonly example?: unknown;
}

/** The part of JSON Schema that zod writes. */
interface Node {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly oneOf?: readonly Node[];
  readonly anyOf?: readonly Node[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
}

/** `API`, `api.rate_limit`, `policies.config.origins`. Throws `usage_error` for an unknown kind, `not_found` for an unknown field. */
export function explain(text: string): Explanation {
  const [word = '', ...fields] = text.split('.').filter((part) => part !== '');
  const definition = findKind(word);
  const root = z.toJSONSchema(definition.spec, { io: 'input', unrepresentable: 'any' }) as Node;
  const path = fields[0] === 'spec' ? fields.slice(1) : fields;
  let node: Node = { ...root, description: definition.summary };
  path.forEach((field, index) => {
    node = step(node, field, [definition.kind, ...path.slice(0, index)].join('.'));
  });
  return {
    schema_version: 1,
    path: [definition.kind, ...path].join('.'),
    type: typeOf(node),
    description: node.description ?? '',
    ...defaultOf(definition.spec, path, node),
    fields: fieldsOf(node).map((field) => ({ ...field, ...defaultOf(definition.spec, [...path, field.name], field) })),
    ...(path.length === 0 ? { example: definition.example } : {}),
  };
}

/** What parsing nothing gives: JSON Schema does not tell the default of a field that is read in several spellings. */
function defaultOf(schema: z.ZodType, path: readonly string[], { default: known }: { readonly default?: unknown }): { default?: unknown } {
  const parsed = path.length === 0 ? undefined : schemaAt(schema, path, {})?.safeParse(undefined);
  const value: unknown = known ?? (parsed?.success === true ? parsed.data : undefined);
  return value === undefined ? {} : { default: value };
}

/** All kinds with their summary. */
export function explainKinds(): Explanation {
  const fields = catalog.kinds.map(({ kind, summary }) => ({ name: kind, type: 'kind', required: false, description: summary }));
  return {
    schema_version: 1,
    path: '',
    type: 'kinds',
    description: 'Kinds of resources. "stoactl explain KIND" shows the fields of one.',
    fields,
  };
}

/** The objects behind a node: items of lists, each of several forms. */
function variantsOf(node: Node): readonly Node[] {
  const inner = node.oneOf ?? node.anyOf ?? (node.items === undefined ? undefined : [node.items]);
  return inner === undefined ? [node] : inner.flatMap(variantsOf);
}

function step(node: Node, field: string, parent: string): Node {
  const variants = variantsOf(node);
  const found = variants.flatMap(({ properties }) => properties?.[field] ?? []);
  const [first, ...others] = found;
  if (first !== undefined) return others.length === 0 ? first : { description: describeAll(found), oneOf: found };
  const names = [...new Set(variants.flatMap(({ properties }) => Object.keys(properties ?? {})))];
  const nearest = suggest(field, names);
  throw new StoaError('not_found', `${parent} has no field "${field}".`, {
    hint:
      nearest !== undefined
        ? `Did you mean "${nearest}"?`
        : names.length === 0
          ? `${parent} has no fields.`
          : `Its fields: ${names.join(', ')}.`,
  });
}

const describeAll = (nodes: readonly Node[]): string =>
  [...new Set(nodes.map(({ description }) => description ?? ''))].filter((text) => text !== '').join(' ');

/** The fields of a node; those of all variants when it is one of several. */
function fieldsOf(node: Node): ExplainedField[] {
  const variants = variantsOf(node);
  const names = [...new Set(variants.flatMap(({ properties }) => Object.keys(properties ?? {})))];
  return names.map((name) => {
    const found = variants.flatMap(({ properties }) => properties?.[name] ?? []);
    const [first] = found;
    return {
      name,
      type: [...new Set(found.map(typeOf))].join(' | '),
      required: variants.every(({ required }) => required?.includes(name) === true),
      description: describeAll(found),
      ...(first?.default === undefined ? {} : { default: first.default }),
    };
  });
}

function typeOf(node: Node): string {
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return node.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (node.items !== undefined) return `list of ${typeOf(node.items)}`;
  const variants = node.oneOf ?? node.anyOf;
  if (variants !== undefined) return [...new Set(variants.map(typeOf))].join(' | ');
  const low = bounded(node.minimum ?? (node.exclusiveMinimum === undefined ? undefined : node.exclusiveMinimum + 1));
  const high = bounded(node.maximum);
  const range = low === undefined && high === undefined ? '' : ` ${low ?? ''}..${high ?? ''}`;
  return `${[node.type ?? 'any'].flat().join(' | ')}${node.type === 'integer' ? range : ''}`;
}

/** zod bounds every integer by what a double can hold; that says nothing. */
const bounded = (limit: number | undefined): number | undefined =>
  limit === undefined || Math.abs(limit) >= Number.MAX_SAFE_INTEGER ? undefined : limit;
