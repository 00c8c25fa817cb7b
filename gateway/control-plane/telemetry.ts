/** Prometheus metrics of the control plane (row KY22). No label names a tenant, a user or a path: `/metrics` needs no token. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { addDiskMetric, addRuntimeMetrics } from '../runtime-metrics.js';

/** How many of something there are, by state. */
export type Counts = Readonly<Record<string, number>>;

/** What is read when Prometheus asks. */
export interface TelemetrySources {
  subscriptions(): Promise<Counts>;
  deliveries(): Promise<Counts>;
  tenants(): Promise<number>;
}

export interface Telemetry {
  /** A key was replaced; the first key of a subscription is no rotation. */
  keyRotated(): void;
  /** A gateway has begun or ceased to follow. */
  gatewayConnected(isConnected: boolean): void;
  /** A request was answered. `route` is the pattern of its address. */
  answered(request: { readonly route: string; readonly method: string; readonly status: number; readonly seconds: number }): void;
  text(sources: TelemetrySources): Promise<{ readonly contentType: string; readonly text: string }>;
  stop(): void;
}

const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const METHODS: ReadonlySet<string> = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']);

/** The metrics of one server, in a registry of their own. */
export function createTelemetry(now: () => number, dataDirectory: string): Telemetry {
  const registry = new Registry();
  const registers = [registry];
  const rotations = new Counter({ name: 'stoa_key_rotations_total', help: 'API keys that were rotated, since the start.', registers });
  const gateways = new Gauge({ name: 'stoa_control_plane_gateways_connected', help: 'Gateways that follow.', registers });
  const requests = new Counter({
    name: 'stoa_control_plane_requests_total',
    help: 'Requests answered, by route, method and class of status.',
    labelNames: ['route', 'method', 'status_class'] as const,
    registers,
  });
  const duration = new Histogram({
    name: 'stoa_control_plane_request_duration_seconds',
    help: 'Time to the end of an answer.',
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const tenants = new Gauge({ name: 'stoa_control_plane_tenants', help: 'Tenants.', registers });
  const labelNames = ['status'] as const;
  const subscriptions = new Gauge({ name: 'stoa_control_plane_subscriptions', help: 'Subscriptions, by state.', labelNames, registers });
  const deliveries = new Gauge({
    name: 'stoa_control_plane_webhook_deliveries',
    help: 'Webhook deliveries that wait or are dead.',
    labelNames,
    registers,
  });
  const stop = addRuntimeMetrics(registers, now);
  addDiskMetric(registers, dataDirectory);
  return {
    keyRotated: () => rotations.inc(),
    gatewayConnected: (isConnected) => gateways.inc(isConnected ? 1 : -1),
    answered({ route, method, status, seconds }) {
      requests.inc({ route, method: METHODS.has(method) ? method : 'other', status_class: `${Math.floor(status / 100)}xx` });
      duration.observe(seconds);
    },
    async text(sources) {
      tenants.set(await sources.tenants());
      setAll(subscriptions, await sources.subscriptions());
      setAll(deliveries, await sources.deliveries());
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
    stop,
  };
}

function setAll(gauge: Gauge<'status'>, counts: Counts): void {
  gauge.reset();
  for (const [status, count] of Object.entries(counts)) gauge.set({ status }, count);
}
