/** What a worker counts until it tells the primary process, which has the totals. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { ProcessUse } from '../../runtime-metrics.js';
import type { WorkerCounts } from '../metrics.js';
import { addOne, RouteCounts, statusClassOf } from '../route-metrics.js';
import type { EventSink, RouteMetrics } from '../snapshot.js';
import type { WorkerEvent } from './messages.js';

export interface Tally {
  /** The counts of one API. */
  route(tenant: string, api: string): RouteMetrics;
  readonly events: EventSink;
  /** Takes out what was counted since it was last asked. */
  take(): { readonly counts: WorkerCounts; readonly events: readonly WorkerEvent[] };
}

/** Nothing is counted yet. */
export function createTally(): Tally {
  let routes = new Map<string, RouteCounts>();
  let consumers = new Map<string, [tenant: string, consumer: string, statusClass: string, answers: number]>();
  let events: WorkerEvent[] = [];

  const countsOf = (key: string, tenant: string, api: string): RouteCounts => {
    let counts = routes.get(key);
    if (counts === undefined) routes.set(key, (counts = new RouteCounts(tenant, api)));
    return counts;
  };
  const countConsumer = (tenant: string, consumer: string, statusClass: string): void => {
    const key = `${tenant}/${consumer} ${statusClass}`;
    const known = consumers.get(key);
    if (known === undefined) consumers.set(key, [tenant, consumer, statusClass, 1]);
    else known[3] += 1;
  };
  return {
    route(tenant, api) {
      const key = `${tenant}/${api}`;
      return {
        observe(status, latencyMs, method = '', consumer?: string) {
          countsOf(key, tenant, api).answered(status, latencyMs, method);
          if (consumer !== undefined) countConsumer(tenant, consumer, statusClassOf(status));
        },
        cached: (result) => addOne(countsOf(key, tenant, api).cached, result),
      };
    },
    events: {
      record({ route: { tenant, api }, ...event }) {
        events.push({ ...event, route: { tenant, api } });
      },
    },
    take() {
      const taken = {
        counts: {
          routes: [...routes.values()].map(({ tenant, api, answers, latencies, totalSeconds, cached }) => ({
            tenant,
            api,
            answers: namedOnly(answers),
            latencies,
            totalSeconds,
            cached: [...cached],
          })),
          consumers: [...consumers.values()],
        },
        events,
      };
      routes = new Map();
      consumers = new Map();
      events = [];
      return taken;
    },
  };
}

/** Methods without an answer are left out. */
const namedOnly = (answers: ReadonlyMap<string, readonly number[]>): (readonly [string, readonly number[]])[] =>
  [...answers].filter(([, classes]) => classes.some((count) => count > 0));

/** How much of the machine this process uses, and how late its event loop is; `stop` ends the watch. */
export function watchProcess(): { read(): ProcessUse; reset(): void } {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  return {
    read() {
      const { user, system } = process.cpuUsage();
      const p99 = delay.percentile(99) / 1e9;
      const { rss, heapUsed } = process.memoryUsage();
      return {
        cpuSeconds: (user + system) / 1e6,
        residentBytes: rss,
        heapBytes: heapUsed,
        lagSeconds: Number.isFinite(p99) ? p99 : 0,
      };
    },
    /** Begins a new measurement of the delay. */
    reset: () => delay.reset(),
  };
}
