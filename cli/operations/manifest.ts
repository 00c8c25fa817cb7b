/** Live resources as manifests that apply: without defaults, so that they read like what a person writes. */
import { dump } from 'js-yaml';
import type * as z from 'zod';
import { catalog } from '../../gateway/catalog.js';
import { API_VERSION } from '../../schema/manifest.js';
import type { Json, JsonObject, KindDefinition } from '../../schema/kind.js';
import { canonicalJson, type Resource } from '../../schema/resource.js';
import { fieldsOf } from '../../schema/schema-walk.js';

export interface ManifestDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly tenant?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Json;
}

/** The manifest of a resource. Secrets stay what they are in its spec: references. */
export function toManifest({ kind, tenant, name, labels, annotations, spec }: Resource): ManifestDocument {
  const definition = catalog.find(kind);
  return {
    apiVersion: API_VERSION,
    kind,
    metadata: {
      name,
      ...(definition?.scope === 'tenant' ? { tenant } : {}),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    spec: definition === undefined ? spec : withoutDefaults(definition, spec),
  };
}

/** One document a resource, in the given order. */
export function toYaml(resources: readonly Resource[]): string {
  return resources.map((resource) => dump(toManifest(resource), { lineWidth: 120, noRefs: true })).join('---\n');
}

/** A spec without every field that parsing would fill in again. */
function withoutDefaults({ spec: schema }: KindDefinition, spec: JsonObject): JsonObject {
  const whole = canonicalJson(spec);
  const isSame = (candidate: JsonObject): boolean => {
    const parsed = schema.safeParse(candidate);
    return parsed.success && canonicalJson(parsed.data) === whole;
  };
  return prune(schema, spec, (candidate) => candidate, isSame);
}

/** Leaves out what can be left out, field by field, from the outside in. `place` puts a part back into the whole spec. Free-form parts have no defaults. */
function prune(
  schema: z.ZodType,
  part: JsonObject,
  place: (part: JsonObject) => JsonObject,
  isSame: (whole: JsonObject) => boolean,
): JsonObject {
  const fields = fieldsOf(schema, part) ?? {};
  let kept = part;
  for (const field of Object.keys(part)) {
    const { [field]: value, ...rest } = kept;
    if (isSame(place(rest))) {
      kept = rest;
      continue;
    }
    const inner = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (inner === undefined || !isObject(value) || fieldsOf(inner, value) === undefined) continue;
    const outer = kept;
    kept = { ...outer, [field]: prune(inner, value, (each) => place({ ...outer, [field]: each }), isSame) };
  }
  return kept;
}

const isObject = (value: Json | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
