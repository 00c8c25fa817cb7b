/** What a deletion takes along, and what it changes. */
import type { StoredResource } from '../../../schema/change.js';
import type { Catalog } from '../../../schema/catalog.js';
import { StoaError } from '../../../schema/error.js';
import { keyOf } from '../../../schema/resource.js';
import { consequenceOf } from '../dependents.js';

/** A resource that a deletion touches; without `after` it goes too. */
export interface CascadeStep {
  readonly before: StoredResource;
  readonly after: StoredResource | undefined;
}

/**
 * The writes that follow from deleting `gone`, without those deletions themselves. `others` is everything else in the tenants concerned.
 * Throws `conflict` when something that stays needs what goes.
 */
export function cascade(catalog: Catalog, gone: readonly StoredResource[], others: readonly StoredResource[]): CascadeStep[] {
  const byReference = new Map(gone.map((resource) => [keyOf(resource), resource]));
  return others.flatMap((resource) => {
    const lost = referenced(catalog, resource).flatMap((key) => byReference.get(key) ?? []);
    const after = lost.reduce<StoredResource | undefined>(
      (left, missing) => (left === undefined ? undefined : without(left, missing)),
      resource,
    );
    return lost.length === 0 ? [] : [{ before: resource, after }];
  });
}

/** Keys of what a resource needs: what it refers to, and its tenant. */
function referenced(catalog: Catalog, { kind, tenant, spec }: StoredResource): string[] {
  const references = catalog.find(kind)?.references(spec) ?? [];
  return [keyOf({ kind: 'Tenant', tenant, name: tenant }), ...references.map((reference) => keyOf({ ...reference, tenant }))];
}

function without(resource: StoredResource, gone: StoredResource): StoredResource | undefined {
  const consequence = consequenceOf(resource, gone);
  if (consequence === 'delete') return undefined;
  if (consequence !== 'refuse') return { ...resource, spec: consequence };
  throw new StoaError('conflict', `${keyOf(gone)} is used by ${keyOf(resource)}.`, { hint: `Change or delete ${keyOf(resource)} first.` });
}
