/** A configuration on its way to a worker: in parts, so that nothing has to wait for a large one to be written whole. */
import type { SyncObjects } from '../../../schema/sync.js';
import type { AdminObjects, ConfigSource, Delta, Replaced } from '../config-source.js';
import type { ConfigPart } from './messages.js';

const PART = 500;
const NOTHING: Omit<ConfigPart, 'isLast'> = {
  put: { resources: [], subscriptions: [], credentials: [] },
  remove: { resources: [], subscriptions: [], credentials: [] },
  admin: { apis: [], policies: [] },
  adminRemove: { apis: [], policies: [] },
};

type Held = Pick<ConfigSource, 'position' | 'resources' | 'subscriptions' | 'credentials' | 'adminApis' | 'adminPolicies'>;

/** All that a process holds, for one that holds nothing. */
export function partsOfAll(held: Held): ConfigPart[] {
  return parts(held.position, {
    ...NOTHING,
    put: {
      resources: [...held.resources.values()],
      subscriptions: [...held.subscriptions.values()],
      credentials: [...held.credentials.values()],
    },
    admin: { apis: [...held.adminApis.values()], policies: [...held.adminPolicies.values()] },
  });
}

/** One change. */
export function partsOfDelta(position: ConfigPart['position'], delta: Delta): ConfigPart[] {
  const { resources, subscriptions, credentials, adminApis, adminPolicies } = delta;
  return parts(position, {
    put: { resources: put(resources), subscriptions: put(subscriptions), credentials: put(credentials) },
    remove: { resources: removed(resources), subscriptions: removed(subscriptions), credentials: removed(credentials) },
    admin: { apis: put(adminApis), policies: put(adminPolicies) },
    adminRemove: { apis: removed(adminApis), policies: removed(adminPolicies) },
  });
}

const put = <T>(changes: readonly Replaced<T>[]): T[] => changes.flatMap(({ after }) => (after === undefined ? [] : [after]));
const removed = <T>(changes: readonly Replaced<T>[]): string[] => changes.flatMap(({ key, after }) => (after === undefined ? [key] : []));

/** The large lists are cut; what is small goes with the last part. */
function parts(position: ConfigPart['position'], whole: Omit<ConfigPart, 'isLast' | 'position'>): ConfigPart[] {
  const { resources, subscriptions, credentials } = whole.put;
  const cut: ConfigPart[] = [];
  const most = Math.max(resources.length, subscriptions.length, credentials.length);
  for (let from = 0; from < most; from += PART) {
    const slice = <T>(list: readonly T[]): readonly T[] => list.slice(from, from + PART);
    cut.push({
      ...NOTHING,
      put: { resources: slice(resources), subscriptions: slice(subscriptions), credentials: slice(credentials) },
      isLast: false,
    });
  }
  return [...cut, { ...whole, put: NOTHING.put, position, isLast: true }];
}

/** The end at which parts arrive. */
export class ConfigParts {
  readonly #source: ConfigSource;
  #put: { readonly [K in keyof SyncObjects]: SyncObjects[K][number][] } = { resources: [], subscriptions: [], credentials: [] };
  #isFirst = true;

  constructor(source: ConfigSource) {
    this.#source = source;
  }

  /** Takes a part; with the last one of a change, the change is taken in. Says so, and whether it was the first. */
  take({ position, put: more, remove, admin, adminRemove, isLast }: ConfigPart): 'part' | 'first' | 'change' {
    this.#put.resources.push(...more.resources);
    this.#put.subscriptions.push(...more.subscriptions);
    this.#put.credentials.push(...more.credentials);
    if (!isLast) return 'part';
    const whole = this.#put;
    this.#put = { resources: [], subscriptions: [], credentials: [] };
    if (position !== undefined) this.#source.change({ type: 'change', number: position.number, put: whole, remove }, position.store);
    if (countOf(admin) + countOf(adminRemove) > 0) this.#source.changeAdmin(admin, adminRemove);
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    return isFirst ? 'first' : 'change';
  }
}

const countOf = ({ apis, policies }: { readonly [K in keyof AdminObjects]: readonly unknown[] }): number => apis.length + policies.length;
