/** A checked resource: what manifests, REST writes and the database all become before anything else looks at them. */
import type { JsonObject } from './kind.js';

export interface ResourceKey {
  readonly kind: string;
  /** Name of the tenant; a tenant's own resource carries its own name here. */
  readonly tenant: string;
  readonly name: string;
}

export interface Resource extends ResourceKey {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Parsed: defaults filled in, sets sorted. Two specs are the same when their canonical JSON is. */
  readonly spec: JsonObject;
  /** Salted digests of the secrets that `secret_ref` fields name, by field. Never a value. */
  readonly secretDigests?: Readonly<Record<string, string>>;
}

/** One string for a key, for maps and sorting: `API acme/payments`. Also how people are shown a resource. */
export const keyOf = ({ kind, tenant, name }: ResourceKey): string => (tenant === name ? `${kind} ${name}` : `${kind} ${tenant}/${name}`);

/** JSON with sorted object keys: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
