/** Which fields of a new resource are only what nobody wrote: their values are the defaults of its kind. */
import { z } from 'zod';
import { catalog } from '../../gateway/catalog.js';
import type { Change, FieldChange } from '../../schema/change.js';
import type { KindDefinition } from '../../schema/kind.js';
import { canonicalJson } from '../../schema/resource.js';

/** The part of JSON Schema that is looked at. */
interface Node {
  readonly default?: unknown;
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly oneOf?: readonly Node[];
  readonly anyOf?: readonly Node[];
}

const schemas = new WeakMap<KindDefinition, Node>();

function schemaOf(definition: KindDefinition): Node {
  const known = schemas.get(definition) ?? (z.toJSONSchema(definition.spec, { io: 'input', unrepresentable: 'any' }) as Node);
  schemas.set(definition, known);
  return known;
}

/** The fields of a change without defaults. Only a create has any: an update holds what differs. */
export function withoutDefaults({ action, kind, fields }: Change): readonly FieldChange[] {
  const definition = catalog.find(kind);
  if (action !== 'create' || definition === undefined) return fields;
  const root = schemaOf(definition);
  return fields.filter((field) => !isDefault(field, root, fields));
}

function isDefault({ path, after }: FieldChange, root: Node, fields: readonly FieldChange[]): boolean {
  const [first, ...steps] = path.split('.');
  if (first !== 'spec') return false;
  let node: Node | undefined = root;
  for (const step of steps) {
    node = variantOf(node, fields)?.properties?.[step];
    if (node === undefined) return false;
  }
  return node.default !== undefined && sorted(node.default) === sorted(after);
}

/** Of several forms the one whose constants the resource has, such as its `policy_type`. */
function variantOf(node: Node, fields: readonly FieldChange[]): Node | undefined {
  const variants = node.oneOf ?? node.anyOf;
  if (variants === undefined) return node;
  return variants.find(({ properties = {} }) =>
    Object.entries(properties).every(
      ([name, { const: constant }]) => constant === undefined || fields.some(({ path, after }) => path === `spec.${name}` && after === constant),
    ),
  );
}

/** As one text; a list of texts without regard to its order, since most such lists are sets. */
const sorted = (value: unknown): string =>
  canonicalJson(Array.isArray(value) && value.every((item) => typeof item === 'string') ? [...value].sort() : value);
