/** Part of a JSON Schema, as far as the walk below reads it. */
interface SchemaNode {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly items?: unknown;
  readonly additionalProperties?: unknown;
  readonly anyOf?: readonly unknown[];
  readonly oneOf?: readonly unknown[];
  readonly allOf?: readonly unknown[];
  readonly $defs?: Readonly<Record<string, unknown>>;
}

/** Places of the properties of a JSON Schema that have no description, dotted. */
export function listUndescribedFields(schema: unknown, place = ''): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const node: SchemaNode = schema;
  const fields = Object.entries(node.properties ?? {}).flatMap(([name, field]) => {
    const below = place === '' ? name : `${place}.${name}`;
    const own = (field as SchemaNode).description;
    return [...(own === undefined || own === '' ? [below] : []), ...listUndescribedFields(field, below)];
  });
  const parts = [
    node.items,
    node.additionalProperties,
    ...Object.values(node.$defs ?? {}),
    ...(node.anyOf ?? []),
    ...(node.oneOf ?? []),
    ...(node.allOf ?? []),
  ];
  return [...fields, ...parts.flatMap((part) => listUndescribedFields(part, place))];
}
