/** Field by field, what differs between two states of one resource. */
import type { FieldChange } from './change.js';
import type { Json, KindDefinition } from './kind.js';
import { canonicalJson, type Resource } from './resource.js';
import { visitFields } from './schema-walk.js';

const SECRET = '[secret]';

type State = Pick<Resource, 'labels' | 'annotations' | 'spec' | 'secretDigests'>;

/** Changed fields in the order spec, labels, annotations. For a create `before` is undefined, for a delete `after`. */
export function fieldChanges(before: State | undefined, after: State | undefined): FieldChange[] {
  const spec = differences('spec', before?.spec, after?.spec);
  return [
    ...spec,
    ...secretChanges(before, after).filter(({ path }) => !spec.some((change) => change.path === path)),
    ...differences('metadata.labels', before?.labels, after?.labels),
    ...differences('metadata.annotations', before?.annotations, after?.annotations),
  ];
}

/** Whether two states are the same: quicker than the list of what differs, and nearly always true. */
export function isSame(before: State, after: State): boolean {
  return (
    deepEqual(before.spec, after.spec) &&
    deepEqual(before.labels, after.labels) &&
    deepEqual(before.annotations, after.annotations) &&
    secretChanges(before, after).length === 0
  );
}

/** A secret shows only that it changed. Digests are compared when both sides have them: offline nobody does. */
function secretChanges(before: State | undefined, after: State | undefined): FieldChange[] {
  if (before === undefined || after?.secretDigests === undefined) return [];
  const old = before.secretDigests ?? {};
  const wanted = after.secretDigests;
  return [...new Set([...Object.keys(old), ...Object.keys(wanted)])]
    .filter((field) => old[field] !== wanted[field])
    .map((field) => ({
      path: `spec.${field}`,
      ...(old[field] === undefined ? {} : { before: SECRET }),
      ...(wanted[field] === undefined ? {} : { after: SECRET }),
    }));
}

type Mapping = Readonly<Record<string, unknown>>;
const isMapping = (value: unknown): value is Mapping => typeof value === 'object' && value !== null && !Array.isArray(value);

function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((value, index) => deepEqual(value, b[index]));
  if (!isMapping(a) || !isMapping(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && deepEqual(a[key], b[key]));
}

function differences(path: string, before: unknown, after: unknown): FieldChange[] {
  const changes: FieldChange[] = [];
  collect(path, isEmpty(before) ? undefined : before, isEmpty(after) ? undefined : after, changes);
  return changes;
}

const isEmpty = (value: unknown): boolean => isMapping(value) && Object.keys(value).length === 0;

/** A mapping or a named list is told by its parts, also when it comes or goes; everything else as one value. */
function collect(path: string, before: unknown, after: unknown, changes: FieldChange[]): void {
  if (deepEqual(before, after)) return;
  const isMappings = isMapping(before) && isMapping(after);
  const from = isMappings ? before : partsOf(before);
  const to = isMappings ? after : partsOf(after);
  const keys = new Set([...Object.keys(from ?? {}), ...Object.keys(to ?? {})]);
  if (from === undefined || to === undefined || keys.size === 0) {
    changes.push(wholeChange(path, before, after));
    return;
  }
  const isList = Array.isArray(before) || Array.isArray(after);
  for (const key of keys) {
    const entries = [own(from, key), own(to, key)] as const;
    // An entry of a list comes or goes as a whole.
    if (isList && entries.includes(undefined)) changes.push(wholeChange(`${path}.${key}`, ...entries));
    else collect(`${path}.${key}`, ...entries, changes);
  }
}

const wholeChange = (path: string, before: unknown, after: unknown): FieldChange => ({
  path,
  ...(before === undefined ? {} : { before: before as Json }),
  ...(after === undefined ? {} : { after: after as Json }),
});

const own = (parts: Mapping, key: string): unknown => (Object.hasOwn(parts, key) ? parts[key] : undefined);

/** Named parts of a value, none of what is not there; undefined for what is told as it is, as an empty mapping is. */
function partsOf(value: unknown): Mapping | undefined {
  if (value === undefined) return {};
  if (Array.isArray(value)) return byIdentity(value);
  return isMapping(value) && !isEmpty(value) ? value : undefined;
}

/** The entries of a list by what names them (`API/payments`), when all have a name of their own; undefined otherwise. */
function byIdentity(list: readonly unknown[]): Mapping | undefined {
  const entries = new Map<string, unknown>();
  for (const entry of list) {
    if (!isMapping(entry)) return undefined;
    const { kind, name, consumer } = entry;
    if (typeof name !== 'string') return undefined;
    entries.set([kind, name, consumer].filter((part) => typeof part === 'string').join('/'), entry);
  }
  return entries.size === list.length ? Object.fromEntries(entries) : undefined;
}

/** Why clients may break: what the changed fields declare about themselves. `after` is undefined for a delete. */
export function breakingReasons(definition: KindDefinition, before: State, after: State | undefined): string[] {
  const reasons = new Set<string>();
  visitFields(definition.spec, before.spec, after?.spec, (field) => {
    if (field.traits.breaking === undefined || canonicalJson(field.before ?? null) === canonicalJson(field.after ?? null)) return;
    const reason = field.traits.breaking(field.before, field.after);
    if (reason !== undefined) reasons.add(reason);
  });
  return [...reasons];
}
