/** An overlay: manifests that change some values of others, for one environment. */
import type { Json } from './kind.js';
import type { Manifest } from './manifest.js';

/**
 * The base with an overlay merged into it, by kind, tenant and name. Spec, labels and annotations are merged as a JSON merge patch (RFC 7396): `null`
 * takes a field away, a list replaces a list. An identity that the base does not have is added. An overlay that leaves the tenant out means the only
 * resource of that kind and name. Findings about a value point at the file that it came from.
 */
export function mergeOverlay(base: readonly Manifest[], overlay: readonly Manifest[]): Manifest[] {
  const merged = [...base];
  const places = new Map<string, number[]>();
  for (const [index, manifest] of base.entries()) {
    for (const key of [identity(manifest), identity({ ...manifest, tenant: undefined })]) {
      const known = places.get(key);
      if (known === undefined) places.set(key, [index]);
      else if (!known.includes(index)) known.push(index);
    }
  }
  for (const patch of overlay) {
    const found = places.get(identity(patch)) ?? [];
    const [index] = found;
    const target = index === undefined ? undefined : merged[index];
    if (index === undefined || target === undefined || found.length > 1) merged.push(patch);
    else merged[index] = mergeManifest(target, patch);
  }
  return merged;
}

const identity = ({ kind, tenant, name }: Pick<Manifest, 'kind' | 'tenant' | 'name'>): string =>
  JSON.stringify([kind, tenant ?? null, name]);

function mergeManifest(base: Manifest, patch: Manifest): Manifest {
  return {
    ...base,
    labels: { ...base.labels, ...patch.labels },
    annotations: { ...base.annotations, ...patch.annotations },
    spec: mergePatch(base.spec as Json, patch.spec as Json | undefined),
    locate: (path, part) => (isGivenBy(patch, path) ? patch.locate(path, part) : base.locate(path, part)),
  };
}

/** Whether the patch has a value at this place of the document. */
function isGivenBy({ spec, labels, annotations }: Manifest, path: readonly (string | number)[]): boolean {
  let value: unknown = { spec, metadata: { labels, annotations } };
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return false;
    value = (value as Readonly<Record<string | number, unknown>>)[step];
  }
  return path.length > 1;
}

const isObject = (value: unknown): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function mergePatch(target: Json, patch: Json | undefined): Json {
  if (patch === undefined) return target;
  if (!isObject(patch)) return patch;
  const result = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else result.set(key, mergePatch(result.get(key) ?? null, value));
  }
  return Object.fromEntries(result);
}
