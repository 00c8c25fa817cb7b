/** What concerns which route: APIs by tenant and name, policies by what they govern. From it follows what a change makes new. */
import type { ResourceKey } from '../../schema/resource.js';
import type { SyncResource } from '../../schema/sync.js';
import type { AdminApi, AdminPolicy, Delta, Replaced } from './config-source.js';
import { counterKey, place, placesOf, type Binding, type PolicySource, type ReadPolicy } from './policy-bindings.js';

/** An API of the control plane, or a route of the admin API with its prefix as given. */
export interface ApiSource {
  /** The id, set apart where the admin API gave it: the control plane may use the same one later, and then goes first. */
  readonly key: string;
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  /** As metrics, log and events name it: by its name, a route of the admin API by its id, as its name may be that of an API. */
  readonly label: string;
  readonly createdAt: string;
  readonly spec: unknown;
  readonly prefix?: string | undefined;
}

/** What a delta means for routes and keys. */
export interface Consequences {
  /** Keys of the APIs that have to be compiled, or taken out when they are gone. */
  readonly apis: ReadonlySet<string>;
  /** Tenants, consumers and plans whose credentials have to be joined anew. */
  readonly joined: readonly ResourceKey[];
}

/** The bindings that concern one route. */
export interface RouteBindings {
  /** For every caller. */
  readonly general: readonly Binding[];
  /** For single consumers on this API, beside the general ones. */
  readonly single: ReadonlyMap<string, readonly Binding[]>;
  /** For single consumers on every API of the tenant; one map for all of its routes. */
  readonly consumers: ReadonlyMap<string, readonly Binding[]>;
}

type PlaceBindings = ReadonlyMap<string, readonly Binding[]>;
const NO_BINDINGS: readonly Binding[] = [];
const NO_CONSUMERS: PlaceBindings = new Map();

/** Indexes over the held objects, updated change by change. */
export class Topology {
  readonly #read: (source: PolicySource) => ReadPolicy;
  readonly #apis = new Map<string, ApiSource>();
  readonly #keysByName = new Map<string, string>();
  readonly #keysByTenant = new Map<string, Set<string>>();
  readonly #multipliers = new Map<string, number>();
  readonly #suspended = new Set<string>();
  /** By place, then by policy id. */
  readonly #bindings = new Map<string, Map<string, readonly Binding[]>>();
  /** By tenant; made when first asked for, dropped when a binding of a consumer changes: routes keep the map that they were compiled with. */
  readonly #consumers = new Map<string, PlaceBindings>();

  constructor(read: (source: PolicySource) => ReadPolicy) {
    this.#read = read;
  }

  api(key: string): ApiSource | undefined {
    return this.#apis.get(key);
  }

  /** Factor on every limit of a tenant. */
  multiplier(tenant: string): number {
    return this.#multipliers.get(tenant) ?? 1;
  }

  /** Whether the routes of a tenant rest. */
  isSuspended(tenant: string): boolean {
    return this.#suspended.has(tenant);
  }

  bindingsOf({ id, tenant, name, prefix }: ApiSource): RouteBindings {
    const own = prefix === undefined ? this.#at(place.api(tenant, name)) : NO_BINDINGS;
    const all = [...this.#at(place.tenant(tenant)), ...own, ...this.#at(place.apiId(id))];
    const single = all.filter(({ consumer }) => consumer !== undefined);
    return {
      general: single.length === 0 ? all : all.filter(({ consumer }) => consumer === undefined),
      single: single.length === 0 ? NO_CONSUMERS : groupByConsumer(single),
      consumers: this.#consumersOf(tenant),
    };
  }

  /** Keys of the counters that tenants and consumers have, whatever the route. */
  counterKeys(): readonly string[] {
    const scoped = [...this.#bindings.values()].flatMap((held) => [...held.values()].flat().filter(({ scope }) => scope !== undefined));
    return scoped.map((binding) => counterKey(binding, ''));
  }

  /** Takes a delta in, and says what it concerns. */
  apply(delta: Delta): Consequences {
    const apis = new Set<string>();
    const joined: ResourceKey[] = [];
    for (const change of delta.resources) this.#applyResource(change, apis, joined);
    for (const { key, before, after } of delta.adminApis)
      this.#putApi(adminKey(key), before && adminSource(before), after && adminSource(after), apis);
    for (const { key, before, after } of delta.adminPolicies)
      this.#putPolicy(adminKey(key), before && adminPolicy(before), after && adminPolicy(after), apis);
    return { apis, joined };
  }

  #applyResource({ key, before, after }: Replaced<SyncResource>, apis: Set<string>, joined: ResourceKey[]): void {
    const resource = after ?? before;
    if (resource === undefined) return;
    const { kind, tenant, name } = resource;
    if (kind === 'API') {
      if (before !== undefined && before.id !== after?.id) this.#putApi(before.id, apiSource(before), undefined, apis);
      if (after !== undefined) this.#putApi(after.id, before?.id === after.id ? apiSource(before) : undefined, apiSource(after), apis);
      return;
    }
    if (kind === 'Policy') return void this.#putPolicy(key, before && policySource(before), after && policySource(after), apis);
    joined.push({ kind, tenant, name });
    if (kind === 'Tenant') this.#putTenant(name, after, apis);
  }

  #putTenant(tenant: string, resource: SyncResource | undefined, apis: Set<string>): void {
    const [multiplierBefore, wasSuspended] = [this.multiplier(tenant), this.isSuspended(tenant)];
    const multiplier = multiplierOf(resource);
    if (multiplier === 1) this.#multipliers.delete(tenant);
    else this.#multipliers.set(tenant, multiplier);
    const isSuspended = resource?.suspended === true;
    if (isSuspended) this.#suspended.add(tenant);
    else this.#suspended.delete(tenant);
    if (multiplier !== multiplierBefore || isSuspended !== wasSuspended) this.#addTenant(tenant, apis);
  }

  #putApi(key: string, before: ApiSource | undefined, after: ApiSource | undefined, apis: Set<string>): void {
    apis.add(key);
    if (before !== undefined) {
      this.#apis.delete(key);
      this.#keysByTenant.get(before.tenant)?.delete(key);
      if (this.#keysByName.get(nameKey(before)) === key) this.#keysByName.delete(nameKey(before));
    }
    if (after === undefined) return;
    this.#apis.set(key, after);
    setOf(this.#keysByTenant, after.tenant).add(key);
    if (after.prefix === undefined) this.#keysByName.set(nameKey(after), key);
  }

  #putPolicy(key: string, before: PolicySource | undefined, after: PolicySource | undefined, apis: Set<string>): void {
    if (before !== undefined) {
      for (const { place: at } of placesOf(this.#read(before))) {
        this.#bindings.get(at)?.delete(key);
        this.#touch(at, apis);
      }
    }
    if (after === undefined) return;
    const grouped = new Map<string, Binding[]>();
    for (const { place: at, binding } of placesOf(this.#read(after))) grouped.set(at, [...(grouped.get(at) ?? []), binding]);
    for (const [at, bindings] of grouped) {
      const held = this.#bindings.get(at) ?? new Map<string, readonly Binding[]>();
      this.#bindings.set(at, held.set(key, bindings));
      this.#touch(at, apis);
    }
  }

  /** Adds the APIs that look at a place. */
  #touch(at: string, apis: Set<string>): void {
    if (this.#bindings.get(at)?.size === 0) this.#bindings.delete(at);
    const colon = at.indexOf(':');
    const [kind, rest] = [at.slice(0, colon), at.slice(colon + 1)];
    if (kind === 'consumers') this.#consumers.delete(rest);
    if (kind === 'tenant' || kind === 'consumers') return void this.#addTenant(rest, apis);
    const keys = kind === 'id' ? [rest, adminKey(rest)] : [this.#keysByName.get(rest)];
    for (const key of keys) if (key !== undefined && this.#apis.has(key)) apis.add(key);
  }

  #addTenant(tenant: string, apis: Set<string>): void {
    for (const key of this.#keysByTenant.get(tenant) ?? []) apis.add(key);
  }

  #at(at: string): readonly Binding[] {
    const held = this.#bindings.get(at);
    return held === undefined ? NO_BINDINGS : [...held.values()].flat();
  }

  #consumersOf(tenant: string): PlaceBindings {
    const known = this.#consumers.get(tenant);
    if (known !== undefined) return known;
    const made = groupByConsumer(this.#at(place.consumers(tenant)));
    this.#consumers.set(tenant, made);
    return made;
  }
}

/** Key of what the admin API registered under an id. */
export const adminKey = (id: string): string => `admin ${id}`;

const nameKey = ({ tenant, name }: { readonly tenant: string; readonly name: string }): string => `${tenant}/${name}`;

function setOf(map: Map<string, Set<string>>, key: string): Set<string> {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = new Set<string>();
  map.set(key, made);
  return made;
}

function groupByConsumer(bindings: readonly Binding[]): PlaceBindings {
  const groups = new Map<string, Binding[]>();
  for (const binding of bindings) {
    const consumer = binding.consumer ?? '';
    groups.set(consumer, [...(groups.get(consumer) ?? []), binding]);
  }
  return groups;
}

function multiplierOf(tenant: SyncResource | undefined): number {
  const settings = tenant?.spec.settings;
  if (typeof settings !== 'object' || settings === null || !('rate_limit_multiplier' in settings)) return 1;
  const { rate_limit_multiplier: multiplier } = settings;
  return typeof multiplier === 'number' && multiplier > 0 ? multiplier : 1;
}

/** One source object per resource, so that what was made of it is found again. */
const sources = new WeakMap<object, ApiSource | PolicySource>();

function sourceOf<T extends ApiSource | PolicySource>(object: object, make: () => T): T {
  const known = sources.get(object);
  if (known !== undefined) return known as T;
  const made = make();
  sources.set(object, made);
  return made;
}

const apiSource = (resource: SyncResource): ApiSource =>
  sourceOf(resource, () => {
    const { id, tenant, name, created_at: createdAt, spec } = resource;
    return { key: id, id, tenant, name, label: name, createdAt, spec };
  });

const policySource = (resource: SyncResource): PolicySource =>
  sourceOf(resource, () => {
    const { id, tenant, name, created_at: createdAt, spec } = resource;
    return { id, tenant, name, createdAt, spec };
  });

const adminSource = (api: AdminApi): ApiSource =>
  sourceOf(api, () => {
    const {
      id,
      tenant_id: tenant,
      name,
      created_at: createdAt,
      path_prefix: prefix,
      backend_url: upstream_url,
      methods,
      activated,
      auth_required,
    } = api;
    return {
      key: adminKey(id),
      id,
      tenant,
      name,
      label: `admin:${id}`,
      createdAt,
      prefix,
      spec: { path: prefix, upstream_url, methods, activated, auth_required },
    };
  });

const adminPolicy = (policy: AdminPolicy): PolicySource =>
  sourceOf(policy, () => {
    const { id, name, created_at: createdAt, api_id: apiId, policy_type, config, priority } = policy;
    return { id, tenant: '', name: `admin:${id}:${name}`, createdAt, apiId, spec: { policy_type, config, priority } };
  });
