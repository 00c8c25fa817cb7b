/** What is live: lists, single resources, and manifests made from them. */
import { catalog } from '../../gateway/catalog.js';
import type { ShownResource, StoredResource } from '../../schema/change.js';
import { suggest } from '../../schema/did-you-mean.js';
import { StoaError } from '../../schema/error.js';
import type { KindDefinition } from '../../schema/kind.js';
import type { Client, LivedResource } from '../client.js';
import { findKind, parseName } from './kinds.js';

export interface Listing {
  readonly schema_version: 1;
  readonly resources: readonly ShownResource[];
}

export interface GetQuery {
  /** A kind as typed, or `all`. */
  readonly kind: string;
  readonly name: string | undefined;
  readonly tenant: string | undefined;
  readonly project: string | undefined;
  /** Label selectors. */
  readonly labels: readonly string[];
  /** Only what is configuration. */
  readonly isSettled?: boolean;
}

/** What is live and matches, by tenant, kind and name. With a name it is that one resource, or `not_found`. */
export async function getResources(query: GetQuery, client: Client): Promise<Listing> {
  const { name, tenant, project } = query;
  const definition = query.kind === 'all' ? undefined : findKind(query.kind);
  const isSelected = selector(query.labels);
  if (definition !== undefined && name !== undefined)
    return { schema_version: 1, resources: [await findResource(definition, name, tenant, client)] };
  const found = await client.list({
    kind: definition?.kind,
    tenant,
    project,
    name,
    settled: query.isSettled === true ? 'true' : undefined,
  });
  return { schema_version: 1, resources: inOrder(found.filter(({ labels }) => isSelected(labels))) };
}

/** In the order of the catalog, which is the order in which a set reads well. */
export function inOrder<Resource extends StoredResource>(resources: readonly Resource[]): Resource[] {
  const rank = new Map(catalog.kinds.map(({ kind }, index) => [kind, index]));
  const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return [...resources].sort(
    (a, b) => compare(a.tenant, b.tenant) || (rank.get(a.kind) ?? 0) - (rank.get(b.kind) ?? 0) || compare(a.name, b.name),
  );
}

/** `-l team=payments,stage!=dev,owned`: every part must hold. Throws `usage_error` for anything else. */
export function selector(parts: readonly string[]): (labels: Readonly<Record<string, string>>) => boolean {
  const rules = parts
    .flatMap((part) => part.split(','))
    .filter((part) => part !== '')
    .map((part) => {
      const [, key = '', operator, value] = /^([^=!\s]+)(?:(!=|==?)(.*))?$/.exec(part) ?? [];
      if (key === '')
        throw new StoaError('usage_error', `"${part}" is not a label selector.`, { hint: 'Write it as name=value, name!=value or name.' });
      return (labels: Readonly<Record<string, string>>): boolean => {
        const actual = Object.hasOwn(labels, key) ? labels[key] : undefined;
        if (operator === undefined) return actual !== undefined;
        return operator === '!=' ? actual !== value : actual === value;
      };
    });
  return (labels) => rules.every((rule) => rule(labels));
}

/**
 * One resource by kind and name. Where no tenant is given and several have the name it is a `usage_error` that lists them;
 * where none has it, a `not_found` that names the nearest.
 */
export async function findResource(
  definition: KindDefinition,
  text: string,
  tenant: string | undefined,
  client: Client,
): Promise<StoredResource> {
  const query = definition.scope === 'global' ? { tenant: text, name: text } : parseName(text, tenant);
  const found = await client.list({ kind: definition.kind, tenant: query.tenant, name: query.name });
  const [only, ...others] = found.filter(({ name }) => name === query.name);
  if (only === undefined) throw await notFound(definition, query.name, query.tenant, client);
  if (others.length > 0)
    throw new StoaError('usage_error', `${found.length} tenants have a ${definition.kind} "${query.name}".`, {
      hint: `Name one of them: ${found.map((resource) => `${resource.tenant}/${resource.name}`).join(', ')}.`,
    });
  return only;
}

async function notFound(
  { kind, plural, scope }: KindDefinition,
  name: string,
  tenant: string | undefined,
  client: Client,
): Promise<StoaError> {
  const all = await client.list({ kind, tenant: scope === 'global' ? undefined : tenant });
  const nearest = suggest(
    name,
    all.map((resource) => resource.name),
  );
  return new StoaError('not_found', `There is no ${kind} "${scope === 'tenant' && tenant !== undefined ? `${tenant}/${name}` : name}".`, {
    hint: nearest === undefined ? `Run "stoactl get ${plural}" for those that there are.` : `Did you mean "${nearest}"?`,
  });
}

export interface Description extends LivedResource {
  readonly schema_version: 1;
}

/** A resource with its lived state. */
export async function describeResource(
  definition: KindDefinition,
  name: string,
  tenant: string | undefined,
  client: Client,
): Promise<Description> {
  const { kind, tenant: owner, name: found } = await findResource(definition, name, tenant, client);
  return { schema_version: 1, ...(await client.get({ kind, tenant: owner, name: found })) };
}

/** How scripts name a resource: `api/acme/payments`, which `describe` and `delete` take apart again. */
export const shortName = ({ kind, tenant, name }: StoredResource): string =>
  `${kind.toLowerCase()}/${catalog.find(kind)?.scope === 'global' ? name : `${tenant}/${name}`}`;
