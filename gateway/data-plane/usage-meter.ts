/** What was asked of each API by each subscription, hour by hour, until it is reported. On the request path: one lookup by identity, and plain numbers. */
import { addLatencies, latencyBucket, latencyPairs, type Latencies } from '../../schema/latency.js';
import type { UsageEntry } from '../../schema/sync.js';
import type { Credential, Route } from './snapshot.js';

const HOUR_MS = 3_600_000;
/** So many wait at most, while the control plane is away; then the oldest are dropped. */
const MAX_CLOSED = 200_000;

/** Counts that were taken out, and the last use of each key, epoch milliseconds. */
export interface Usage {
  readonly entries: readonly UsageEntry[];
  readonly keys: readonly (readonly [id: string, usedAt: number])[];
}

/** One request that is over. */
export interface Measured {
  readonly credential: Credential | undefined;
  readonly status: number;
  readonly latencyMs: number;
  /** Whether a quota has counted it. */
  readonly isCounted: boolean;
}

/** What a quota had counted before it was set to zero, of today and of this month. */
interface Counted {
  readonly daily: number;
  readonly monthly: number;
}

export interface UsageMeter {
  /** Counts one answer. */
  observe(route: Route, request: Measured, nowMs: number): void;
  /** Takes out at most so many entries, and so many last uses, in no more time than that takes, whatever waits; undefined when there is nothing. */
  drain(most: number): Usage | undefined;
  /** What `drain` would take, left in place; what belongs together may come apart. The lists are taken at once, what stands in them is made as it is read. */
  pending(): PendingUsage;
  /** A quota was set to zero: so much of what it has counted of a subscription counts no more. */
  takeBack(subscription: Pick<UsageEntry, 'tenant' | 'api' | 'subscription'>, used: Counted, nowMs: number): void;
  /** Adds what other processes have measured, or the last run and not reported. */
  add(usage: Usage): void;
  /** How many entries wait. */
  readonly size: number;
  /** Changes with all that is counted or taken out. */
  readonly version: number;
}

/** The same as `Usage`, to be read once. */
export interface PendingUsage {
  readonly entries: Iterable<UsageEntry>;
  readonly keys: Iterable<Usage['keys'][number]>;
}

/** Of a gateway that reports to nobody: keeps nothing. */
export const idleMeter: UsageMeter = {
  observe: () => undefined,
  drain: () => undefined,
  pending: () => ({ entries: [], keys: [] }),
  takeBack: () => undefined,
  add: () => undefined,
  size: 0,
  version: 0,
};

/** What was counted of one key, or of the callers of a route without one, in one hour. */
interface Counter {
  readonly tenant: string;
  /** Id of the API. */
  readonly api: string;
  readonly credential: Credential | undefined;
  readonly hour: number;
  requests: number;
  errors: number;
  counted: number;
  /** Epoch milliseconds. */
  usedAt: number;
  readonly latency: Latencies;
}

/** An empty meter. `onDropped` is told how many entries were lost because nobody took them. */
export function createUsageMeter(onDropped: (count: number) => void = () => undefined): UsageMeter {
  /** Being counted: by key, or by route for callers without one. */
  const open = new Map<Credential | Route, Counter>();
  /** What is counted on no more, each API, subscription and hour once, the oldest first. */
  const closed = new Map<string, UsageEntry>();
  const keys = new Map<string, number>();
  let version = 0;
  let dropped = 0;

  const tellDropped = (): void => {
    if (dropped > 0) onDropped(dropped);
    dropped = 0;
  };
  const keepEntry = (entry: UsageEntry): void => {
    const place = placeOf(entry);
    const known = closed.get(place);
    closed.set(place, known === undefined ? entry : sum(known, entry));
    dropped += takeFirst(closed, closed.size - MAX_CLOSED).length;
    version += 1;
  };
  const keepUse = (id: string, usedAt: number): void => void keys.set(id, Math.max(usedAt, keys.get(id) ?? 0));
  /** Another hour, or a key that opens another API from now on, under the same name. */
  const close = (counter: Counter): void => {
    keepEntry(entryOf(counter));
    if (counter.credential !== undefined) keepUse(counter.credential.keyId, counter.usedAt);
  };

  return {
    observe(route, { credential, status, latencyMs, isCounted }, nowMs) {
      const hour = Math.floor(nowMs / HOUR_MS);
      let counter = open.get(credential ?? route);
      if (counter?.hour !== hour || counter.api !== route.id) {
        if (counter !== undefined) close(counter);
        const { tenant, id: api } = route;
        counter = { tenant, api, credential, hour, requests: 0, errors: 0, counted: 0, usedAt: nowMs, latency: new Map() };
        open.set(credential ?? route, counter);
      }
      counter.requests += 1;
      if (status >= 500) counter.errors += 1;
      if (isCounted) counter.counted += 1;
      counter.usedAt = nowMs;
      const bucket = latencyBucket(latencyMs);
      counter.latency.set(bucket, (counter.latency.get(bucket) ?? 0) + 1);
      version += 1;
    },
    drain(most) {
      for (const counter of takeFirst(open, most - closed.size)) close(counter);
      tellDropped();
      if (closed.size === 0 && keys.size === 0) return undefined;
      version += 1;
      return { entries: takeFirst(closed, most), keys: takeFirst(keys, most, (id, usedAt): [string, number] => [id, usedAt]) };
    },
    takeBack: (subscription, used, nowMs) => takenBack(subscription, used, Math.floor(nowMs / HOUR_MS)).forEach(keepEntry),
    add(usage) {
      usage.entries.forEach(keepEntry);
      for (const [id, usedAt] of usage.keys) keepUse(id, usedAt);
      tellDropped();
    },
    pending() {
      tellDropped();
      const [entries, counters] = [[...closed.values()], [...open.values()]];
      return { entries: chain(entries, counters, entryOf), keys: chain([...keys], counters.filter(hasKey), lastUse) };
    },
    get size() {
      return closed.size + open.size;
    },
    get version() {
      return version;
    },
  };
}

const placeOf = ({ hour, api, subscription }: UsageEntry): string => `${hour} ${api} ${subscription ?? ''}`;

function entryOf({ tenant, api, credential, requests, errors, counted, hour, latency }: Counter): UsageEntry {
  return { tenant, api, subscription: credential?.subscriptionId, requests, errors, counted, hour, latency: latencyPairs(latency) };
}

interface KeyCounter extends Counter {
  readonly credential: Credential;
}

const hasKey = (counter: Counter): counter is KeyCounter => counter.credential !== undefined;
const lastUse = ({ credential, usedAt }: KeyCounter): Usage['keys'][number] => [credential.keyId, usedAt];

/** These, and then what those become, one after the other. */
function* chain<Value, Later>(first: readonly Value[], later: readonly Later[], toValue: (each: Later) => Value): Iterable<Value> {
  yield* first;
  for (const each of later) yield toValue(each);
}

/** What was counted before today was so within this month: yesterday is part of it. */
const takenBack = (of: Pick<UsageEntry, 'tenant' | 'api' | 'subscription'>, { daily, monthly }: Counted, hour: number): UsageEntry[] =>
  [
    { ...of, hour: hour - 24, counted: daily - monthly },
    { ...of, hour, counted: -daily },
  ].flatMap((entry) => (entry.counted < 0 ? [{ ...entry, requests: 0, errors: 0, latency: [] }] : []));

/** Takes the first ones out, at most so many. */
function takeFirst<Key, Value>(from: Map<Key, Value>, most: number): Value[];
function takeFirst<Key, Value, Taken>(from: Map<Key, Value>, most: number, as: (key: Key, value: Value) => Taken): Taken[];
function takeFirst<Key, Value, Taken>(from: Map<Key, Value>, most: number, as?: (key: Key, value: Value) => Taken): (Value | Taken)[] {
  const taken: (Value | Taken)[] = [];
  for (const [key, value] of from) {
    if (taken.length >= most) break;
    taken.push(as === undefined ? value : as(key, value));
    from.delete(key);
  }
  return taken;
}

function sum(a: UsageEntry, b: UsageEntry): UsageEntry {
  const latency: Latencies = new Map(a.latency.map(([bucket, count]) => [bucket, count]));
  addLatencies(latency, b.latency);
  const counted = (a.counted ?? a.requests) + (b.counted ?? b.requests);
  return { ...a, requests: a.requests + b.requests, errors: a.errors + b.errors, counted, latency: latencyPairs(latency) };
}
