/** Prometheus metrics of a gateway. Labels hold configured names and fixed words only: never a path, a key or what a client sent. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { LoadShedder } from './load-shedder.js';
import { addDiskMetric, addRuntimeMetrics } from '../runtime-metrics.js';
import { createConsumerMetrics, type ConsumerMetrics } from './consumer-metrics.js';
import type { FullQuota } from './quota-view.js';
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
  /** Where the gateway keeps its files. */
  readonly dataDirectory: string;
  /** Wall clock, epoch milliseconds. */
  now(): number;
}

export interface GatewayMetrics {
  /** The children of one API, kept for its name. */
  route(tenant: string, api: string): RouteMetrics;
  /** Removes the series of an API that is gone. */
  forget(tenant: string, api: string): void;
  rateLimited(tenant: string, api: string, consumer: string | undefined): void;
  authFailed(tenant: string, api: string, reason: AuthFailure): void;
  upstreamFailed(tenant: string, api: string): void;
  text(): Promise<{ readonly contentType: string; readonly text: string }>;
  stop(): void;
}

const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const BREAKER_VALUE = { closed: 0, open: 1, half_open: 2 } as const satisfies Record<BreakerState, number>;
const WORST_FIRST = ['open', 'half_open', 'closed'] as const;
const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;
const METHODS: ReadonlySet<string> = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']);
const API_LABELS = ['tenant', 'api'] as const;

/** The metrics of one gateway, with a registry of their own. `stop` ends the watch on the event loop. */
export function createMetrics(sources: MetricSources): GatewayMetrics {
  const registry = new Registry();
  const registers = [registry];
  const { requests, duration, limited, failed, cached, auth } = apiMetrics(registers);
  const consumers = createConsumerMetrics(registers, sources);
  const stopRuntime = addRuntimeMetrics(registers, sources.now);
  addDiskMetric(registers, sources.dataDirectory);
  addStateMetrics(registers, sources);

  const known = new Map<string, RouteMetrics>();
  return {
    route(tenant, api) {
      const key = `${tenant}/${api}`;
      const metrics = known.get(key) ?? routeMetrics({ requests, duration, cached, consumers }, tenant, api);
      known.set(key, metrics);
      return metrics;
    },
    forget(tenant, api) {
      known.delete(`${tenant}/${api}`);
      for (const metric of [requests, duration, cached, limited, failed, auth]) removeSeries(metric, tenant, api);
    },
    rateLimited(tenant, api, consumer) {
      limited.inc({ tenant, api });
      if (consumer !== undefined) consumers.rateLimited(tenant, consumer);
    },
    upstreamFailed: (tenant, api) => failed.inc({ tenant, api }),
    authFailed: (tenant, api, reason) => auth.inc({ tenant, api, reason }),
    text: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
    stop: stopRuntime,
  };
}

interface RouteSeries {
  readonly requests: Counter;
  readonly duration: Histogram;
  readonly cached: Counter;
  readonly consumers: ConsumerMetrics;
}

/** What is counted for each API. */
function apiMetrics(registers: Registry[]) {
  const requests = new Counter({
    name: 'stoa_gateway_requests_total',
    help: 'Requests answered, by API, method and class of status.',
    labelNames: [...API_LABELS, 'method', 'status_class'] as const,
    registers,
  });
  const duration = new Histogram({
    name: 'stoa_gateway_request_duration_seconds',
    help: 'Time from the head of a request to the end of its answer.',
    labelNames: API_LABELS,
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const limited = apiCounter('stoa_gateway_rate_limit_rejections_total', 'Requests refused by a rate limit.', registers);
  const failed = apiCounter('stoa_gateway_upstream_failures_total', 'Requests whose upstream did not give a usable answer.', registers);
  const cached = apiCounter(
    'stoa_gateway_cache_requests_total',
    'Requests to APIs whose answers are kept: hit, miss, or bypass for those that the cache has no part in.',
    registers,
    'result',
  );
  const auth = apiCounter('stoa_gateway_auth_failures_total', 'Requests refused for their key or token, by reason.', registers, 'reason');
  return { requests, duration, limited, failed, cached, auth };
}

/** Counts under children that are looked up once. */
function routeMetrics({ requests, duration, cached, consumers }: RouteSeries, tenant: string, api: string): RouteMetrics {
  const latency = duration.labels(tenant, api);
  const children = new Map<string, { inc(): void }>();
  const childOf = (method: string, statusClass: string): { inc(): void } => {
    const key = `${method} ${statusClass}`;
    const child = children.get(key) ?? requests.labels(tenant, api, method, statusClass);
    children.set(key, child);
    return child;
  };
  return {
    observe(status, latencyMs, method = '', consumer?: string) {
      const statusClass = STATUS_CLASSES[Math.floor(status / 100) - 1] ?? '5xx';
      childOf(METHODS.has(method) ? method : 'other', statusClass).inc();
      latency.observe(latencyMs / 1000);
      if (consumer !== undefined) consumers.answered(tenant, consumer, statusClass);
    },
    cached: (result) => cached.inc({ tenant, api, result }),
  };
}

const apiCounter = (name: string, help: string, registers: Registry[], ...labels: readonly string[]): Counter =>
  new Counter({ name, help, labelNames: [...API_LABELS, ...labels], registers });

/** Every combination of the other labels is removed: prom-client removes only what is named in full. */
function removeSeries(metric: Counter | Histogram, tenant: string, api: string): void {
  void metric.get().then(({ values }) => {
    for (const { labels } of values) {
      if (labels.tenant !== tenant || labels.api !== api) continue;
      const { le: _bucket, ...own } = labels as Record<string, string>;
      metric.remove(own);
    }
  });
}

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
      for (const { tenant, api, upstreams } of sources.routes())
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
      for (const { tenant, api, upstreams } of sources.routes()) {
        const failed = upstreams.all.map(({ breaker }) => breaker.stats(sources.now())).filter(({ failure_count: count }) => count > 0);
        const states = failed.map(({ state }) => state);
        const worst = WORST_FIRST.find((state) => states.includes(state));
        if (worst !== undefined) this.set({ tenant, api }, BREAKER_VALUE[worst]);
      }
    },
  });
}
