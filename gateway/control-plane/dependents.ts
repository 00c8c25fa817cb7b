/** What becomes of a resource when one that it refers to is deleted, kind by kind. */
import type { JsonObject } from '../../schema/kind.js';
import type { PolicyTarget } from '../../schema/kinds/policy.js';
import type { Resource, ResourceKey } from '../../schema/resource.js';

/** It goes too; it forbids the deletion; or it lives on with another spec. */
type Consequence = 'delete' | 'refuse' | JsonObject;

const CONSEQUENCES: Readonly<Record<string, (resource: Resource, gone: ResourceKey) => Consequence>> = {
  Subscription: (_resource, gone) => (gone.kind === 'Plan' ? 'refuse' : 'delete'),
  Policy: ({ spec }, gone) => withoutTarget(spec, gone),
};

/** What becomes of a resource that refers to a deleted one. A tenant takes everything in it along. */
export function consequenceOf(resource: Resource, gone: ResourceKey): Consequence {
  if (gone.kind === 'Tenant') return 'delete';
  return CONSEQUENCES[resource.kind]?.(resource, gone) ?? 'refuse';
}

/** A policy that has lost its last target must not govern the whole tenant instead: it governs nothing until it is bound again. */
function withoutTarget(spec: JsonObject, gone: ResourceKey): JsonObject {
  const targets = (spec['targets'] as unknown as readonly PolicyTarget[]).filter(({ kind, name, consumer }) => {
    const isGone = kind === gone.kind && name === gone.name;
    return !isGone && !(gone.kind === 'Consumer' && consumer === gone.name);
  });
  return { ...spec, targets, ...(targets.length === 0 ? { scope: 'api' } : {}) } as unknown as JsonObject;
}
