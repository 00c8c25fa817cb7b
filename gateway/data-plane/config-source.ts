/** The objects that a gateway holds: from the control plane's stream, from its own disk, from its admin API. What changed is told to one listener, whole. */
import { keyOf } from '../../schema/resource.js';
import type { SyncCredential, SyncMessage, SyncObjects, SyncResource, SyncSubscription } from '../../schema/sync.js';

/** A route that the admin API registered (document D). It belongs to this gateway alone. */
export interface AdminApi {
  readonly id: string;
  readonly name: string;
  readonly tenant_id: string;
  readonly path_prefix: string;
  readonly backend_url: string;
  readonly methods: readonly string[];
  readonly spec_hash: string;
  readonly activated: boolean;
  readonly auth_required: boolean;
  readonly created_at: string;
}

/** A policy that the admin API registered for one route, of this gateway or of the control plane. */
export interface AdminPolicy {
  readonly id: string;
  readonly name: string;
  readonly policy_type: string;
  /** As it was sent. */
  readonly config: unknown;
  readonly priority: number;
  readonly api_id: string;
  readonly created_at: string;
}

export interface AdminObjects {
  readonly apis: readonly AdminApi[];
  readonly policies: readonly AdminPolicy[];
}

/** One object before and after a change; absent where there was or is none. */
export interface Replaced<T> {
  readonly key: string;
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/** What one change touched. Objects that are equal before and after are not in it. */
export interface Delta {
  readonly resources: readonly Replaced<SyncResource>[];
  readonly subscriptions: readonly Replaced<SyncSubscription>[];
  readonly credentials: readonly Replaced<SyncCredential>[];
  readonly adminApis: readonly Replaced<AdminApi>[];
  readonly adminPolicies: readonly Replaced<AdminPolicy>[];
}

/** Where the held configuration stands in the control plane's log. */
export interface Position {
  readonly number: number;
  readonly store: string;
}

type Change = Extract<SyncMessage, { type: 'change' }>;

const NOTHING: Delta = { resources: [], subscriptions: [], credentials: [], adminApis: [], adminPolicies: [] };

/**
 * Holds the objects by key. They are immutable values; the maps are changed in place, here and in one turn of the event loop, because copying a
 * hundred thousand credentials for each revoked key would be the pause that nobody wants. Readers get them as read-only maps.
 */
export class ConfigSource {
  readonly #resources = new Map<string, SyncResource>();
  readonly #subscriptions = new Map<string, SyncSubscription>();
  readonly #credentials = new Map<string, SyncCredential>();
  readonly #adminApis = new Map<string, AdminApi>();
  readonly #adminPolicies = new Map<string, AdminPolicy>();
  readonly #onDelta: (delta: Delta) => void;
  #position: Position | undefined;

  constructor(onDelta: (delta: Delta) => void) {
    this.#onDelta = onDelta;
  }

  /** Undefined before a copy came from the control plane or the disk. */
  get position(): Position | undefined {
    return this.#position;
  }
  get resources(): ReadonlyMap<string, SyncResource> {
    return this.#resources;
  }
  get subscriptions(): ReadonlyMap<string, SyncSubscription> {
    return this.#subscriptions;
  }
  get credentials(): ReadonlyMap<string, SyncCredential> {
    return this.#credentials;
  }
  get adminApis(): ReadonlyMap<string, AdminApi> {
    return this.#adminApis;
  }
  get adminPolicies(): ReadonlyMap<string, AdminPolicy> {
    return this.#adminPolicies;
  }

  /** Takes a full copy in the place of everything the control plane gave before. */
  replace(objects: SyncObjects, position: Position): void {
    this.#position = position;
    this.#onDelta({
      ...NOTHING,
      resources: replaceAll(this.#resources, objects.resources, keyOf),
      subscriptions: replaceAll(this.#subscriptions, objects.subscriptions, idOf),
      credentials: replaceAll(this.#credentials, objects.credentials, idOf),
    });
  }

  /** Takes one change of the stream. */
  change({ number, put, remove }: Change, store: string): void {
    this.#position = { number, store };
    this.#onDelta({
      ...NOTHING,
      resources: update(this.#resources, put.resources, remove.resources, keyOf),
      subscriptions: update(this.#subscriptions, put.subscriptions, remove.subscriptions, idOf),
      credentials: update(this.#credentials, put.credentials, remove.credentials, idOf),
    });
  }

  /** Takes what the admin API registered: all of it at start, one object later. */
  changeAdmin(
    put: AdminObjects,
    remove: { readonly apis: readonly string[]; readonly policies: readonly string[] } = { apis: [], policies: [] },
  ): void {
    this.#onDelta({
      ...NOTHING,
      adminApis: update(this.#adminApis, put.apis, remove.apis, idOf),
      adminPolicies: update(this.#adminPolicies, put.policies, remove.policies, idOf),
    });
  }
}

const idOf = ({ id }: { readonly id: string }): string => id;

function update<T>(held: Map<string, T>, put: readonly T[], remove: readonly string[], keyFor: (value: T) => string): Replaced<T>[] {
  const changes = new Map<string, Replaced<T>>();
  const set = (key: string, after: T | undefined): void => {
    const before = held.get(key);
    if (after === undefined) held.delete(key);
    else held.set(key, after);
    changes.set(key, { key, before: changes.get(key)?.before ?? before, after });
  };
  for (const key of remove) if (held.has(key)) set(key, undefined);
  for (const value of put) {
    const key = keyFor(value);
    if (!isSame(held.get(key), value)) set(key, value);
  }
  return [...changes.values()];
}

function replaceAll<T>(held: Map<string, T>, next: readonly T[], keyFor: (value: T) => string): Replaced<T>[] {
  const kept = new Set(next.map(keyFor));
  return update(
    held,
    next,
    [...held.keys()].filter((key) => !kept.has(key)),
    keyFor,
  );
}

/** Whether two values read from JSON are equal. Faster than comparing their text, which matters for a full copy of many keys. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && isSame(Reflect.get(a, name), Reflect.get(b, name)));
}
