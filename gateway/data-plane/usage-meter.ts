/** What was asked of each API by each subscription, hour by hour, until it is reported. On the request path: a few steps over maps that are there already. */
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

export interface UsageMeter {
  /** Counts one answer. */
  observe(route: Route, request: Measured, nowMs: number): void;
  /** Takes out at most so many entries, with all last uses; undefined when there is nothing. */
  drain(maxEntries: number): Usage | undefined;
  /** What `drain` would take, left in place. */
  pending(): Usage;
  /** Adds what other processes have measured, or the last run and not reported. */
  add(usage: Usage): void;
}

interface Counter {
  readonly tenant: string;
  readonly api: string;
  readonly subscription: string | undefined;
  requests: number;
  errors: number;
  counted: number;
  readonly latency: Latencies;
}

/** An empty meter. `onDropped` is told how many entries were lost because nobody took them. */
export function createUsageMeter(onDropped: (count: number) => void = () => undefined): UsageMeter {
  /** Of the present hour: by API, then by subscription, '' for callers without one. */
  let open = new Map<string, Map<string, Counter>>();
  let hour = 0;
  let closed: UsageEntry[] = [];
  let keys = new Map<string, number>();

  const close = (): void => {
    const entries = entriesOf(open, hour);
    closed = closed.length === 0 ? entries : mergeEntries([...closed, ...entries]);
    open = new Map();
    if (closed.length <= MAX_CLOSED) return;
    onDropped(closed.length - MAX_CLOSED);
    closed = closed.slice(-MAX_CLOSED);
  };

  return {
    observe(route, { credential, status, latencyMs, isCounted }, nowMs) {
      const present = Math.floor(nowMs / HOUR_MS);
      if (present !== hour) {
        close();
        hour = present;
      }
      const counter = counterOf(open, route, credential?.subscriptionId ?? '');
      counter.requests += 1;
      if (status >= 500) counter.errors += 1;
      if (isCounted) counter.counted += 1;
      const bucket = latencyBucket(latencyMs);
      counter.latency.set(bucket, (counter.latency.get(bucket) ?? 0) + 1);
      if (credential !== undefined) keys.set(credential.keyId, nowMs);
    },
    drain(maxEntries) {
      close();
      if (closed.length === 0 && keys.size === 0) return undefined;
      const usage = { entries: closed.slice(0, maxEntries), keys: [...keys] };
      closed = closed.slice(maxEntries);
      keys = new Map();
      return usage;
    },
    add({ entries, keys: used }) {
      for (const entry of entries) {
        const { hour: at, api: id, tenant, subscription = '', requests, errors, counted = requests, latency } = entry;
        if (at > hour) {
          close();
          hour = at;
        }
        if (at < hour) {
          closed.push(entry);
          continue;
        }
        const counter = counterOf(open, { id, tenant }, subscription);
        counter.requests += requests;
        counter.errors += errors;
        counter.counted += counted;
        addLatencies(counter.latency, latency);
      }
      for (const [id, usedAt] of used) keys.set(id, Math.max(usedAt, keys.get(id) ?? 0));
    },
    pending: () => ({ entries: [...closed, ...entriesOf(open, hour)], keys: [...keys] }),
  };
}

function counterOf(open: Map<string, Map<string, Counter>>, { id, tenant }: Pick<Route, 'id' | 'tenant'>, subscription: string): Counter {
  let ofApi = open.get(id);
  if (ofApi === undefined) open.set(id, (ofApi = new Map<string, Counter>()));
  let counter = ofApi.get(subscription);
  if (counter === undefined) {
    const of = { tenant, api: id, subscription: subscription === '' ? undefined : subscription };
    counter = { ...of, requests: 0, errors: 0, counted: 0, latency: new Map() };
    ofApi.set(subscription, counter);
  }
  return counter;
}

const entriesOf = (open: ReadonlyMap<string, ReadonlyMap<string, Counter>>, hour: number): UsageEntry[] =>
  [...open.values()].flatMap((counters) =>
    [...counters.values()].map(({ latency, ...counter }) => ({ ...counter, hour, latency: latencyPairs(latency) })),
  );

/** Adds entries of one hour, API and subscription together. */
function mergeEntries(entries: readonly UsageEntry[]): UsageEntry[] {
  const merged = new Map<string, UsageEntry>();
  for (const entry of entries) {
    const key = `${entry.hour} ${entry.api} ${entry.subscription ?? ''}`;
    const known = merged.get(key);
    merged.set(key, known === undefined ? entry : sum(known, entry));
  }
  return [...merged.values()];
}

function sum(a: UsageEntry, b: UsageEntry): UsageEntry {
  const latency: Latencies = new Map(a.latency.map(([bucket, count]) => [bucket, count]));
  addLatencies(latency, b.latency);
  const counted = (a.counted ?? a.requests) + (b.counted ?? b.requests);
  return { ...a, requests: a.requests + b.requests, errors: a.errors + b.errors, counted, latency: latencyPairs(latency) };
}
