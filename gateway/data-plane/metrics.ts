/** Prometheus metrics of a gateway. Labels hold configured names and fixed words only: never a path, a key or what a client sent. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { LoadShedder } from './load-shedder.js';
import { addDiskMetric, addRuntimeMetrics, type ProcessUse } from '../runtime-metrics.js';
import { createConsumerMetrics, type ConsumerMetrics } from './consumer-metrics.js';
import type { FullQuota } from './quota-view.js';
import { addApiMetrics, addOne, API_LABELS, RouteCounts, statusClassOf, type CountedElsewhere } from './route-metrics.js';
import type { AuthFailure, BreakerState, RouteMetrics } from './snapshot.js';
import type { CompiledRoute } from './compile.js';
import type { ServerCertificate } from './tls.js';

/** What is read when Prometheus asks. */
export interface MetricSources {
  routes(): readonly CompiledRoute[];
  configNumber(): number;
  isControlPlaneConnected(): boolean;
  controlPlaneBreaker(): BreakerState;
  answers(): { readonly entry_count: number; readonly bytes: number };
  keyCache(): { readonly hits: number; readonly misses: number; readonly entry_count: number };
  knownKeys(): number;
  /** Client connections that are open. */
  connections(): number;
  /** Certificates of the listener; none without TLS. */
  certificates(): readonly ServerCertificate[];
  events(): { readonly queued: number; readonly dropped: number };
  load(): Pick<LoadShedder, 'share' | 'refused'>;
  /** The quotas of which most is used, few of them. */
  fullestQuotas(): readonly FullQuota[];
  /** How many workers serve, and how many have died so far; absent in a gateway that serves by itself. */
  workers?: (() => { readonly serving: number; readonly died: number }) | undefined;
  /** What the other processes of the gateway use; absent where there are none. */
  processes?: (() => ProcessUse) | undefined;
  /** Where the gateway keeps its files. */
  readonly dataDirectory: string;
  /** Wall clock, epoch milliseconds. */
  now(): number;
}

/** What a worker has counted since it said so last. */
export interface WorkerCounts {
  readonly routes: readonly CountedElsewhere[];
  readonly consumers: readonly (readonly [tenant: string, consumer: string, statusClass: string, answers: number])[];
}

export interface GatewayMetrics {
  /** Adds what a worker has counted; of an API that is gone nothing. */
  add(counts: WorkerCounts): void;
  /** The counts of one API, kept for its name. */
  route(tenant: string, api: string): RouteMetrics;
  /** Removes the series of an API that is gone. */
  forget(tenant: string, api: string): void;
  /** One event of an API; of one that is gone, or never was, nothing is counted. */
  rateLimited(tenant: string, api: string, consumer: string | undefined): void;
  authFailed(tenant: string, api: string, reason: AuthFailure): void;
  upstreamFailed(tenant: string, api: string): void;
  text(): Promise<{ readonly contentType: string; readonly text: string }>;
  stop(): void;
}

const BREAKER_VALUE = { closed: 0, open: 1, half_open: 2 } as const satisfies Record<BreakerState, number>;
const WORST_FIRST = ['open', 'half_open', 'closed'] as const;

/** The metrics of one gateway, with a registry of their own. `stop` ends the watch on the event loop. */
export function createMetrics(sources: MetricSources): GatewayMetrics {
  const registry = new Registry();
  const registers = [registry];
  const known = new Map<string, RouteCounts>();
  addApiMetrics(registers, () => known.values());
  const consumers = createConsumerMetrics(registers, sources);
  const stopRuntime = addRuntimeMetrics(registers, sources.now, sources.processes);
  addDiskMetric(registers, sources.dataDirectory);
  addStateMetrics(registers, sources);

  const find = (tenant: string, api: string): RouteCounts | undefined => known.get(`${tenant}/${api}`);
  return {
    add(counts) {
      for (const route of counts.routes) find(route.tenant, route.api)?.add(route);
      for (const consumer of counts.consumers) consumers.answered(...consumer);
    },
    route(tenant, api) {
      const counts = find(tenant, api) ?? new RouteCounts(tenant, api);
      known.set(`${tenant}/${api}`, counts);
      return routeMetrics(counts, consumers);
    },
    forget: (tenant, api) => void known.delete(`${tenant}/${api}`),
    rateLimited(tenant, api, consumer) {
      const counts = find(tenant, api);
      if (counts !== undefined) counts.limited += 1;
      if (consumer !== undefined) consumers.rateLimited(tenant, consumer);
    },
    upstreamFailed(tenant, api) {
      const counts = find(tenant, api);
      if (counts !== undefined) counts.failed += 1;
    },
    authFailed(tenant, api, reason) {
      const counts = find(tenant, api);
      if (counts !== undefined) addOne(counts.refused, reason);
    },
    text: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
    stop: stopRuntime,
  };
}

const routeMetrics = (counts: RouteCounts, consumers: ConsumerMetrics): RouteMetrics => ({
  observe(status, latencyMs, method = '', consumer?: string) {
    counts.answered(status, latencyMs, method);
    if (consumer !== undefined) consumers.answered(counts.tenant, consumer, statusClassOf(status));
  },
  cached: (result) => addOne(counts.cached, result),
});

function addStateMetrics(registers: Registry[], sources: MetricSources): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  const total = (name: string, help: string, read: () => number): void => {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  };
  gauge('stoa_gateway_config_number', 'Number of the last change of the control plane that is served.', () => sources.configNumber());
  gauge('stoa_gateway_control_plane_connected', '1 while the stream of the control plane is followed.', () =>
    Number(sources.isControlPlaneConnected()),
  );
  gauge(
    'stoa_gateway_control_plane_circuit_breaker_state',
    '0 closed, 1 open, 2 half open.',
    () => BREAKER_VALUE[sources.controlPlaneBreaker()],
  );
  gauge('stoa_gateway_connections', 'Client connections that are open.', () => sources.connections());
  gauge('stoa_gateway_known_keys', 'API keys that this gateway knows.', () => sources.knownKeys());
  gauge('stoa_gateway_key_cache_entries', 'Keys in the cache.', () => sources.keyCache().entry_count);
  total('stoa_gateway_key_cache_hits_total', 'Keys found in the cache.', () => sources.keyCache().hits);
  total('stoa_gateway_key_cache_misses_total', 'Keys looked up beside the cache.', () => sources.keyCache().misses);
  gauge(
    'stoa_gateway_shed_ratio',
    'Share of requests that is refused because there is more to do than can be done.',
    () => sources.load().share,
  );
  total('stoa_gateway_shed_requests_total', 'Requests that were refused for that.', () => sources.load().refused);
  gauge('stoa_gateway_cache_entries', 'Answers that are kept.', () => sources.answers().entry_count);
  gauge('stoa_gateway_cache_bytes', 'Memory that kept answers take.', () => sources.answers().bytes);
  gauge('stoa_gateway_events_queued', 'Events that wait for the control plane.', () => sources.events().queued);
  total('stoa_gateway_events_dropped_total', 'Events that were lost because too many waited.', () => sources.events().dropped);
  const { workers } = sources;
  if (workers !== undefined) {
    gauge('stoa_gateway_workers', 'Processes that serve traffic.', () => workers().serving);
    total('stoa_gateway_worker_deaths_total', 'Processes that died or froze, and were replaced.', () => workers().died);
  }
  addRouteMetrics(registers, sources);
  addCertificateMetrics(registers, sources);
  addHealthMetrics(registers, sources);
  addQuotaMetrics(registers, sources);
}

function addQuotaMetrics(registers: Registry[], sources: MetricSources): void {
  new Gauge({
    name: 'stoa_gateway_quota_used_ratio',
    help: 'Used part of a quota, from 0 to 1. Only the fullest, and only from a half on.',
    labelNames: [...API_LABELS, 'consumer', 'period'],
    registers,
    collect() {
      this.reset();
      for (const { ratio, ...labels } of sources.fullestQuotas()) this.set(labels, ratio);
    },
  });
}

function addHealthMetrics(registers: Registry[], sources: MetricSources): void {
  new Gauge({
    name: 'stoa_gateway_upstream_healthy',
    help: '1 while a server of an API passes its health check. Servers without a check are left out.',
    labelNames: [...API_LABELS, 'upstream'],
    registers,
    collect() {
      this.reset();
      for (const { tenant, label: api, upstreams } of sources.routes())
        for (const { health, origin } of upstreams.all)
          if (health !== undefined) this.set({ tenant, api, upstream: origin }, Number(health.isHealthy));
    },
  });
}

function addCertificateMetrics(registers: Registry[], sources: MetricSources): void {
  new Gauge({
    name: 'stoa_gateway_certificate_expiry_timestamp_seconds',
    help: 'When a certificate of the listener ends, in seconds since the epoch.',
    labelNames: ['certificate'],
    registers,
    collect() {
      this.reset();
      for (const { name, notAfter } of sources.certificates()) this.set({ certificate: name }, notAfter / 1000);
    },
  });
}

function addRouteMetrics(registers: Registry[], sources: MetricSources): void {
  new Gauge({
    name: 'stoa_gateway_routes',
    help: 'Routes by state; a broken one answers 503.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const state of ['active', 'inactive', 'broken'] as const) {
        this.set(
          { state },
          sources.routes().reduce((count, route) => count + Number(route.state === state), 0),
        );
      }
    },
  });
  new Gauge({
    name: 'stoa_gateway_circuit_breaker_state',
    help: 'Circuit breaker of an API: 0 closed, 1 open, 2 half open; of several servers the worst. Breakers that never failed are left out.',
    labelNames: API_LABELS,
    registers,
    collect() {
      this.reset();
      for (const { tenant, label: api, upstreams } of sources.routes()) {
        const failed = upstreams.all.map(({ breaker }) => breaker.stats(sources.now())).filter(({ failure_count: count }) => count > 0);
        const states = failed.map(({ state }) => state);
        const worst = WORST_FIRST.find((state) => states.includes(state));
        if (worst !== undefined) this.set({ tenant, api }, BREAKER_VALUE[worst]);
      }
    },
  });
}
