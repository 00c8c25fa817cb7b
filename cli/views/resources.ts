/** What is live, as tables, names, descriptions and manifests. */
import { catalog } from '../../gateway/catalog.js';
import type { StoredResource } from '../../schema/change.js';
import type { Json } from '../../schema/kind.js';
import type { Description, Listing } from '../operations/inspect.js';
import { shortName } from '../operations/inspect.js';
import { toYaml } from '../operations/manifest.js';
import { printable, type Paint } from './paint.js';
import { tableText, type Column } from './table.js';

/** One table a kind, with the columns that the kind declares. */
export const listingText = ({ resources }: Listing, paint: Paint): string => tables(resources, paint, false);

/** The same with id, version, owner and last writer. */
export const wideText = ({ resources }: Listing, paint: Paint): string => tables(resources, paint, true);

function tables(resources: readonly StoredResource[], paint: Paint, isWide: boolean): string {
  if (resources.length === 0) return 'Nothing found.\n';
  const kinds = catalog.kinds.map(({ kind }) => kind).filter((kind) => resources.some((resource) => resource.kind === kind));
  return kinds
    .map((kind) => {
      const rows = resources.filter((resource) => resource.kind === kind);
      const title = kinds.length === 1 ? '' : `${paint.dim(`# ${kind}`)}\n`;
      return title + tableText(rows, columnsOf(kind, isWide), paint);
    })
    .join('\n');
}

function columnsOf(kind: string, isWide: boolean): Column<StoredResource>[] {
  const definition = catalog.find(kind);
  const declared = Object.entries(definition?.columns ?? {}).map(([title, value]) => ({
    title,
    value: ({ spec }: StoredResource) => value(spec),
    ...(isWide ? {} : { narrow: 'cut' as const }),
  }));
  const place: Column<StoredResource>[] = definition?.scope === 'global' ? [] : [{ title: 'tenant', value: ({ tenant }) => tenant }];
  const wide: Column<StoredResource>[] = [
    { title: 'id', value: ({ id }) => id },
    { title: 'resource version', value: ({ version }) => String(version) },
    { title: 'project', value: ({ managed_by }) => managed_by ?? '' },
    { title: 'updated', value: ({ updated_at }) => updated_at },
    { title: 'by', value: ({ updated_by }) => updated_by },
  ];
  return [...place, { title: 'name', value: ({ name }) => name }, ...declared, ...(isWide ? wide : [])];
}

/** One line a resource, for scripts. */
export const namesText = ({ resources }: Listing): string => resources.map((resource) => `${shortName(resource)}\n`).join('');

/** Manifests that apply. */
export const listingYaml = ({ resources }: Listing): string => toYaml(resources);

/** The manifest of one resource. */
export const descriptionYaml = (description: Description): string => toYaml([description]);

/** Names and values, one a line: who it is, what is declared, what has happened to it. */
export function descriptionText(description: Description, paint: Paint): string {
  const { kind, tenant, name, id, labels, annotations, spec, version, managed_by, created_at, updated_at, updated_by, drift, lived } =
    description;
  const head: [string, Json | undefined][] = [
    ['kind', kind],
    ['name', name],
    ['tenant', catalog.find(kind)?.scope === 'global' ? undefined : tenant],
    ['id', id],
    ['version', version],
    ['project', managed_by ?? undefined],
    ['created', created_at],
    ['updated', `${updated_at} by ${updated_by}`],
    ['drift', drift === undefined ? undefined : `changed by ${drift.by} at ${drift.at}`],
  ];
  const section = (title: string, value: object): string => {
    const rows = flatten(value as Json, '');
    return rows.length === 0 ? '' : `\n${paint.bold(title)}\n${list(rows, '  ')}`;
  };
  return (
    list(head, '') +
    section('labels', labels) +
    section('annotations', annotations) +
    section('declared', spec) +
    section('lived', lived ?? {})
  );
}

function list(rows: readonly (readonly [string, Json | undefined])[], indent: string): string {
  const shown = rows.filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...shown.map(([title]) => title.length));
  return shown.map(([title, value]) => `${indent}${printable(title).padEnd(width)}  ${printable(plainText(value))}\n`).join('');
}

/** Text as it is; of a list each value with a space behind it, so that a long one can be broken. */
const plainText = (value: Json | undefined): string => {
  if (Array.isArray(value)) return `[${value.map((item) => JSON.stringify(item)).join(', ')}]`;
  return typeof value === 'string' ? value : JSON.stringify(value);
};

/** Objects as dotted names; lists of scalars stay on one line. */
function flatten(value: Json, path: string): [string, Json][] {
  const isBranch = typeof value === 'object' && value !== null && (!Array.isArray(value) || value.some((item) => typeof item === 'object'));
  if (!isBranch) return [[path, value]];
  return Object.entries(value).flatMap(([name, inner]) => flatten(inner, path === '' ? name : `${path}.${name}`));
}
