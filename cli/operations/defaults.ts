/** Which fields of a new resource are only what nobody wrote: their values are the defaults of its kind. */
import { catalog } from '../../gateway/catalog.js';
import type { Change, FieldChange } from '../../schema/change.js';
import type { KindDefinition } from '../../schema/kind.js';
import { canonicalJson } from '../../schema/resource.js';
import { schemaAt } from '../../schema/schema-walk.js';

/** The fields of a change without defaults. Only a create has any: an update holds what differs. */
export function withoutDefaults({ action, kind, fields }: Change): readonly FieldChange[] {
  const definition = catalog.find(kind);
  if (action !== 'create' || definition === undefined) return fields;
  // Enough of the spec to choose the variant of a union, such as its policy_type.
  const spec = Object.fromEntries(fields.map(({ path, after }) => [path.replace(/^spec\./, ''), after]));
  return fields.filter((field) => !isDefault(field, definition, spec));
}

/** Whether parsing nothing gives the same value. */
function isDefault({ path, after }: FieldChange, { spec: schema }: KindDefinition, spec: unknown): boolean {
  const [first, ...steps] = path.split('.');
  if (first !== 'spec') return false;
  const parsed = schemaAt(schema, steps, spec)?.safeParse(undefined);
  return parsed?.success === true && parsed.data !== undefined && canonicalJson(parsed.data) === canonicalJson(after);
}
