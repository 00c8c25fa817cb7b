/** Policies as the gateway reads them: checked by the catalog's rules, and what each of them governs. */
import type { Catalog } from '../../schema/catalog.js';
import type { PolicySpec, PolicyTarget } from '../../schema/kinds/policy.js';
import type { PolicyDefinition } from '../policies/contract.js';

/** A policy of the control plane, or one of the admin API, which governs the API of an id. */
export interface PolicySource {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly createdAt: string;
  readonly spec: unknown;
  readonly apiId?: string | undefined;
}

/** A policy that is known to this gateway, ready to be compiled for a scope; or why it is not. */
export interface ReadPolicy {
  readonly source: PolicySource;
  readonly enabled: boolean;
  readonly priority: number;
  /** Best effort where the policy has a problem: what it would govern must not be served without it. */
  readonly targets: readonly PolicyTarget[];
  readonly usable: { readonly definition: PolicyDefinition; readonly config: unknown } | { readonly problem: string };
}

/** How closely a policy names what it governs: the closer one wins among equal priorities. */
export const SPECIFICITY = { tenant: 1, api: 2, consumer: 2, apiAndConsumer: 3 } as const;

export interface Binding {
  readonly policy: ReadPolicy;
  readonly specificity: number;
  /** Only the requests of this consumer. */
  readonly consumer: string | undefined;
  /** Where its counters live: `tenant:acme`, `consumer:acme/mobile-app`; undefined for the API that it is compiled for. */
  readonly scope: string | undefined;
}

/** Under which key the routes that a binding concerns find it. */
export interface BindingPlace {
  readonly place: string;
  readonly binding: Binding;
}

export const place = {
  tenant: (tenant: string): string => `tenant:${tenant}`,
  api: (tenant: string, name: string): string => `api:${tenant}/${name}`,
  apiId: (id: string): string => `id:${id}`,
  consumers: (tenant: string): string => `consumers:${tenant}`,
};

/** Reads policies with the kinds and policy types of this build of the gateway. */
export function createPolicyReader(catalog: Catalog, definitions: readonly PolicyDefinition[]): (source: PolicySource) => ReadPolicy {
  const schema = catalog.find('Policy')?.spec;
  const byType = new Map(definitions.map((definition) => [definition.type, definition]));
  const read = (source: PolicySource): ReadPolicy => {
    const parsed = schema?.safeParse(source.spec);
    if (parsed?.success !== true) return unreadable(source, parsed?.error.issues[0]?.message ?? 'This gateway knows no policies.');
    const spec = parsed.data as PolicySpec;
    const { enabled, priority, policy_type: type, config } = spec;
    const definition = byType.get(type);
    const usable = definition === undefined ? { problem: `policy_type "${type}" is not known to this gateway.` } : { definition, config };
    return { source, enabled, priority, targets: targetsOf(source, spec), usable };
  };
  const known = new WeakMap<PolicySource, ReadPolicy>();
  return (source) => {
    const policy = known.get(source) ?? read(source);
    known.set(source, policy);
    return policy;
  };
}

/** A policy without targets governs its tenant; one of scope `api` governs nothing until it is bound. */
function targetsOf({ tenant, apiId }: PolicySource, { scope, targets }: Pick<PolicySpec, 'scope' | 'targets'>): readonly PolicyTarget[] {
  if (apiId !== undefined || targets.length > 0) return targets;
  return scope === 'api' ? [] : [{ kind: 'Tenant', name: tenant }];
}

function unreadable(source: PolicySource, problem: string): ReadPolicy {
  const raw = asRecord(source.spec);
  const targets = Array.isArray(raw.targets) ? raw.targets.flatMap(readTarget) : [];
  const scope = raw.scope === 'api' ? 'api' : 'tenant';
  const type = typeof raw.policy_type === 'string' ? ` of type "${raw.policy_type}"` : '';
  return {
    source,
    enabled: raw.enabled !== false,
    priority: typeof raw.priority === 'number' ? raw.priority : 100,
    targets: targetsOf(source, { scope, targets }),
    usable: { problem: `Policy "${source.name}"${type} cannot be used: ${problem}` },
  };
}

const asRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

function readTarget(value: unknown): PolicyTarget[] {
  const { kind, name, consumer } = asRecord(value);
  if (typeof name !== 'string' || (kind !== 'API' && kind !== 'Consumer' && kind !== 'Tenant')) return [];
  return [{ kind, name, ...(typeof consumer === 'string' ? { consumer } : {}) }];
}

/** Every place where a policy is bound. A disabled policy is bound nowhere. */
export function placesOf(policy: ReadPolicy): readonly BindingPlace[] {
  const { source, enabled, targets } = policy;
  if (!enabled) return [];
  if (source.apiId !== undefined) return [{ place: place.apiId(source.apiId), binding: bind(policy, SPECIFICITY.api) }];
  return targets.map((target) => placeOf(policy, target));
}

function placeOf(policy: ReadPolicy, { kind, name, consumer }: PolicyTarget): BindingPlace {
  const { tenant } = policy.source;
  if (kind === 'Tenant') return { place: place.tenant(tenant), binding: bind(policy, SPECIFICITY.tenant, undefined, place.tenant(tenant)) };
  if (kind === 'Consumer')
    return { place: place.consumers(tenant), binding: bind(policy, SPECIFICITY.consumer, name, `consumer:${tenant}/${name}`) };
  const specificity = consumer === undefined ? SPECIFICITY.api : SPECIFICITY.apiAndConsumer;
  return { place: place.api(tenant, name), binding: bind(policy, specificity, consumer) };
}

const bind = (policy: ReadPolicy, specificity: number, consumer?: string, scope?: string): Binding => ({
  policy,
  specificity,
  consumer,
  scope,
});

/** Key under which a policy counts at a scope: neither its limits nor the snapshot are part of it. */
export const counterKey = ({ policy, scope }: Binding, apiKey: string): string =>
  `${scope ?? `api:${apiKey}`} policy:${policy.source.name}`;

/** Key under which an API's own `rate_limit` counts. */
export const ownLimitKey = (apiKey: string): string => `api:${apiKey} own`;

/** The API to which a counter belongs; empty when it belongs to none. */
export const apiOfCounter = (key: string): string => /^api:(.*?) (?:own$|policy:)/.exec(key)?.[1] ?? '';

/** Which policy rules: lowest priority number, then closest, then newest. */
export function byPrecedence(a: Binding, b: Binding): number {
  return (
    a.policy.priority - b.policy.priority ||
    b.specificity - a.specificity ||
    compare(b.policy.source.createdAt, a.policy.source.createdAt) ||
    compare(b.policy.source.id, a.policy.source.id)
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What runs of a set of bindings: of an exclusive type only the one that rules, of the others all. An unusable policy always stays: it must be seen. */
export function ruling(bindings: readonly Binding[]): readonly Binding[] {
  const seen = new Set<string>();
  return [...bindings].sort(byPrecedence).filter(({ policy: { usable } }) => {
    if ('problem' in usable || !usable.definition.exclusive) return true;
    if (seen.has(usable.definition.type)) return false;
    seen.add(usable.definition.type);
    return true;
  });
}
