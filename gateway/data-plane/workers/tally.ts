/** What a worker counts until it tells the primary process, which has the totals. */
import type { WorkerCounts } from '../metrics.js';
import { addOne, RouteCounts, statusClassOf } from '../route-metrics.js';
import { PairMap } from '../pair-map.js';
import type { EventSink, RouteMetrics } from '../snapshot.js';
import type { WorkerEvent } from './messages.js';

export interface Tally {
  /** The counts of one API. */
  route(tenant: string, api: string): RouteMetrics;
  readonly events: EventSink;
  /** Takes out what was counted since it was last asked. */
  take(): { readonly counts: WorkerCounts; readonly events: readonly WorkerEvent[] };
}

interface ConsumerCounts {
  readonly tenant: string;
  readonly consumer: string;
  /** Answers by class of status. */
  readonly classes: Map<string, number>;
}

const perClass = ({ tenant, consumer, classes }: ConsumerCounts): WorkerCounts['consumers'] =>
  [...classes].map(([statusClass, answers]) => [tenant, consumer, statusClass, answers]);

/** Nothing is counted yet. */
export function createTally(): Tally {
  let routes = new Map<string, RouteCounts>();
  let consumers = new PairMap<ConsumerCounts>();
  let events: WorkerEvent[] = [];

  const countsOf = (key: string, tenant: string, api: string): RouteCounts => {
    let counts = routes.get(key);
    if (counts === undefined) routes.set(key, (counts = new RouteCounts(tenant, api)));
    return counts;
  };
  const countConsumer = (tenant: string, consumer: string, statusClass: string): void => {
    let counts = consumers.get(tenant, consumer);
    if (counts === undefined) consumers.set(tenant, consumer, (counts = { tenant, consumer, classes: new Map() }));
    addOne(counts.classes, statusClass);
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
      record({ route: { tenant, label }, ...event }) {
        events.push({ ...event, route: { tenant, label } });
      },
    },
    take() {
      const taken = {
        counts: {
          routes: [...routes.values()].map(({ tenant, api, answers, latencies, totalSeconds, cached }) => ({
            tenant,
            api,
            answers: [...answers],
            latencies,
            totalSeconds,
            cached: [...cached],
          })),
          consumers: [...consumers.values()].flatMap(perClass),
        },
        events,
      };
      routes = new Map();
      consumers = new PairMap();
      events = [];
      return taken;
    },
  };
}
