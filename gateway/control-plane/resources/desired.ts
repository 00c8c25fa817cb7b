/** From what a request names to what is checked against: the resources it may refer to, and the resources as they would be stored. */
import type { Change, StoredResource } from '../../../schema/change.js';
import { isPrivateHost } from '../../../schema/address.js';
import { checkResources, sortDiagnostics } from '../../../schema/check.js';
import type { Diagnostic } from '../../../schema/error.js';
import { canonicalJson, keyOf, type Resource, type ResourceKey } from '../../../schema/resource.js';
import { readableFields, visitFields } from '../../../schema/schema-walk.js';
import type { ControlPlane, Db } from '../context.js';
import { resourcesByKey } from './store.js';

type Secrets = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface Desired {
  readonly resources: readonly Resource[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Checks resources by the rules of manifests, with what the database holds as far as they refer to it. `current` is what they take the place of,
 * `excluded` what is about to go.
 */
export async function checkAgainst(
  { catalog, allowPrivateWebhooks }: ControlPlane,
  db: Db,
  resources: readonly Resource[],
  { current, excluded = new Set() }: { readonly current: readonly Resource[]; readonly excluded?: ReadonlySet<string> },
): Promise<Desired> {
  const keys = new Map<string, ResourceKey>();
  for (const resource of resources) for (const key of referencesOf(catalog, resource)) keys.set(keyOf(key), key);
  for (const key of [...excluded, ...resources.map(keyOf)]) keys.delete(key);
  const referred = await resourcesByKey(db, keys.values());
  const checked = checkResources(catalog, resources, { known: [...referred, ...current] });
  const own = allowPrivateWebhooks ? [] : checked.resources.flatMap((resource) => privateAddresses(catalog, resource));
  return {
    resources: checked.resources,
    diagnostics: own.length === 0 ? checked.diagnostics : sortDiagnostics([...checked.diagnostics, ...own]),
  };
}

/** Addresses that would be called from here and never are without the operator's leave. What a name resolves to is looked at when it is called. */
function privateAddresses(catalog: ControlPlane['catalog'], resource: Resource): Diagnostic[] {
  const definition = catalog.find(resource.kind);
  const findings: Diagnostic[] = [];
  if (definition === undefined) return findings;
  visitFields(definition.spec, resource.spec, resource.spec, ({ path, traits, after }) => {
    if (traits.calledBack !== true || typeof after !== 'string') return;
    const { hostname } = new URL(after);
    if (!isPrivateHost(hostname)) return;
    const message = `Nothing is called at ${hostname}: private and loopback addresses are refused by this control plane.`;
    findings.push({ severity: 'error', code: 'private_address', message, path: path.join('.'), resource: keyOf(resource) });
  });
  return findings;
}

/** The tenant, and what is referred to: read as the check reads it, also from a spec that is not right. */
function referencesOf(catalog: ControlPlane['catalog'], { kind, tenant, spec }: Resource): ResourceKey[] {
  const home = { kind: 'Tenant', tenant, name: tenant };
  const definition = catalog.find(kind);
  if (definition === undefined) return [home];
  const parsed = definition.spec.safeParse(spec);
  const references = definition.references(parsed.success ? parsed.data : readableFields(definition.spec, spec));
  return [home, ...references.flatMap(({ kind: to, name }) => (typeof (name as unknown) === 'string' ? [{ kind: to, tenant, name }] : []))];
}

/** The resources with salted digests of their secrets, so that a changed secret is a change. */
export function withSecretDigests({ vault }: ControlPlane, resources: readonly Resource[], secrets: Secrets): Resource[] {
  return resources.map((resource) => {
    const key = keyOf(resource);
    const own = Object.entries(secrets[key] ?? {});
    if (own.length === 0) return resource;
    const secretDigests = Object.fromEntries(own.map(([field, value]) => [field, vault.digest(`${key}\n${field}\n${value}`)]));
    return { ...resource, secretDigests };
  });
}

/** The changes with keyed digests of what the resources become. The version is part of them, so that one content never has one digest for long. */
export function withChangeDigests({ vault }: ControlPlane, changes: readonly Change[], desired: readonly Resource[]): Change[] {
  const wanted = new Map(desired.map((resource) => [keyOf(resource), resource]));
  return changes.map((change) => {
    const becomes = change.action === 'delete' ? undefined : wanted.get(keyOf(change));
    return becomes === undefined ? change : { ...change, digest: vault.digest(canonicalJson(['change', change.version, becomes])) };
  });
}

/** A resource as it is stored next: over the one before, or new. */
export function nextVersion(
  before: StoredResource | undefined,
  desired: Resource,
  touch: { readonly id: string; readonly by: string; readonly at: string; readonly managedBy: string | null },
): StoredResource {
  // Who applies without the secrets' values keeps those that are there.
  const { kind, tenant, name, labels, annotations, spec, secretDigests = before?.secretDigests } = desired;
  return {
    id: before?.id ?? touch.id,
    kind,
    tenant,
    name,
    labels,
    annotations,
    spec,
    ...(secretDigests === undefined ? {} : { secretDigests }),
    version: (before?.version ?? 0) + 1,
    managed_by: touch.managedBy,
    created_at: before?.created_at ?? touch.at,
    updated_at: touch.at,
    updated_by: touch.by,
  };
}
