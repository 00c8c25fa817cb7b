/** What was asked of each API by each subscription, hour by hour, until it is reported. On the request path: one lookup by identity, and plain numbers. */
import { addLatencies, latencyBucket, latencyPairs, type Latencies } from '../../schema/latency.js';
import type { UsageEntry } from '../../schema/sync.js';
import type { Credential, Route } from './snapshot.js';

const HOUR_MS = 3_600_000;
/** So many wait at most, while the control plane is away; then the oldest are dropped. */
const MAX_CLOSED = 50_000;

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
  /** Takes out at most so many entries, with all last uses; undefined when there is nothing. */
  drain(maxEntries: number): Usage | undefined;
  /** What `drain` would take, left in place; what belongs together may come apart. */
  pending(): Usage;
  /** A quota was set to zero: so much of what it has counted of a subscription counts no more. */
  takeBack(subscription: Pick<UsageEntry, 'tenant' | 'api' | 'subscription'>, used: Counted, nowMs: number): void;
  /** Adds what other processes have measured, or the last run and not reported. */
  add(usage: Usage): void;
}

/** Of a gateway that reports to nobody: keeps nothing. */
export const idleMeter: UsageMeter = {
  observe: () => undefined,
  drain: () => undefined,
  pending: () => ({ entries: [], keys: [] }),
  takeBack: () => undefined,
  add: () => undefined,
};

interface Counter {
  readonly tenant: string;
  /** Id of the API. */
  readonly api: string;
  readonly credential: Credential | undefined;
  requests: number;
  errors: number;
  counted: number;
  /** Epoch milliseconds. */
  usedAt: number;
  readonly latency: Latencies;
}

/** An empty meter. `onDropped` is told how many entries were lost because nobody took them. */
export function createUsageMeter(onDropped: (count: number) => void = () => undefined): UsageMeter {
  /** Of the present hour: by key, or by route for callers without one. */
  let open = new Map<Credential | Route, Counter>();
  let hour = 0;
  /** What was closed and not taken yet, each API, subscription and hour once, the oldest first. */
  const closed = new Map<string, UsageEntry>();
  let keys = new Map<string, number>();

  const keep = ({ entries, keys: uses }: Usage): void => {
    for (const entry of entries) {
      const place = `${entry.hour} ${entry.api} ${entry.subscription ?? ''}`;
      const known = closed.get(place);
      closed.set(place, known === undefined ? entry : sum(known, entry));
    }
    for (const [id, usedAt] of uses) keys.set(id, Math.max(usedAt, keys.get(id) ?? 0));
    const dropped = takeFirst(closed, closed.size - MAX_CLOSED);
    if (dropped.length > 0) onDropped(dropped.length);
  };
  const close = (): void => {
    const usage = usageOf(open, hour);
    open = new Map();
    keep(usage);
  };

  return {
    observe(route, { credential, status, latencyMs, isCounted }, nowMs) {
      const present = Math.floor(nowMs / HOUR_MS);
      if (present !== hour) {
        close();
        hour = present;
      }
      let counter = open.get(credential ?? route);
      if (counter?.api !== route.id) {
        // A key that opens another API from now on, under the same name.
        if (counter !== undefined) close();
        counter = {
          tenant: route.tenant,
          api: route.id,
          credential,
          requests: 0,
          errors: 0,
          counted: 0,
          usedAt: nowMs,
          latency: new Map(),
        };
        open.set(credential ?? route, counter);
      }
      counter.requests += 1;
      if (status >= 500) counter.errors += 1;
      if (isCounted) counter.counted += 1;
      counter.usedAt = nowMs;
      const bucket = latencyBucket(latencyMs);
      counter.latency.set(bucket, (counter.latency.get(bucket) ?? 0) + 1);
    },
    drain(maxEntries) {
      close();
      if (closed.size === 0 && keys.size === 0) return undefined;
      const usage = { entries: takeFirst(closed, maxEntries), keys: [...keys] };
      keys = new Map();
      return usage;
    },
    takeBack: (subscription, used, nowMs) => keep({ entries: takenBack(subscription, used, Math.floor(nowMs / HOUR_MS)), keys: [] }),
    add: keep,
    pending() {
      const usage = usageOf(open, hour);
      return { entries: [...closed.values(), ...usage.entries], keys: [...keys, ...usage.keys] };
    },
  };
}

function usageOf(open: ReadonlyMap<unknown, Counter>, hour: number): Usage {
  const entries: UsageEntry[] = [];
  const keys: [string, number][] = [];
  for (const { tenant, api, credential, requests, errors, counted, usedAt, latency } of open.values()) {
    const subscription = credential?.subscriptionId;
    entries.push({ tenant, api, subscription, requests, errors, counted, hour, latency: latencyPairs(latency) });
    if (credential !== undefined) keys.push([credential.keyId, usedAt]);
  }
  return { entries, keys };
}

/** What was counted before today was so within this month: yesterday is part of it. */
const takenBack = (of: Pick<UsageEntry, 'tenant' | 'api' | 'subscription'>, { daily, monthly }: Counted, hour: number): UsageEntry[] =>
  [
    { ...of, hour: hour - 24, counted: daily - monthly },
    { ...of, hour, counted: -daily },
  ].flatMap((entry) => (entry.counted < 0 ? [{ ...entry, requests: 0, errors: 0, latency: [] }] : []));

/** Takes the first ones out, at most so many. */
function takeFirst<Value>(from: Map<string, Value>, count: number): Value[] {
  const taken: Value[] = [];
  for (const [key, value] of from) {
    if (taken.length >= count) break;
    taken.push(value);
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
