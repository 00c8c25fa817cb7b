/** The Grafana dashboards of deploy/grafana: what each panel asks Prometheus, and where it stands. */
import { dashboard, panel, type Panel } from './grafana.js';

const TENANT = 'tenant=~"$tenant"';
const rate = (metric: string, by: string, labels = TENANT): string => `sum by (${by}) (rate(${metric}{${labels}}[$__rate_interval]))`;
const total = (metric: string, labels = TENANT): string => `sum(rate(${metric}{${labels}}[$__rate_interval]))`;
/** Whole ones: Prometheus extends an increase to the ends of the range, and half a request is none. */
const during = (metric: string, by: string): string => `round(sum by (${by}) (increase(${metric}{${TENANT}}[$__range])))`;

const REQUESTS = 'stoa_gateway_requests_total';
const LIMITED = 'stoa_gateway_rate_limit_rejections_total';
const BY_CONSUMER = 'stoa_gateway_consumer_requests_total';
const LIMITED_BY_CONSUMER = 'stoa_gateway_consumer_rate_limit_rejections_total';
const CONSUMER = '{{tenant}}/{{consumer}}';
const API = '{{tenant}}/{{api}}';
const errorShare = `${total(REQUESTS, `${TENANT}, status_class="5xx"`)} / ${total(REQUESTS)}`;

const percentile = (part: number): string =>
  `histogram_quantile(${part}, sum by (le) (rate(stoa_gateway_request_duration_seconds_bucket{${TENANT}}[$__rate_interval])))`;

const overview: readonly Panel[] = [
  panel('Gateways that answer', 'stat', 'short', { '': 'sum(up{job="stoa-gateway"})' }),
  panel('Requests', 'stat', 'reqps', { '': total(REQUESTS) }),
  panel('Errors', 'stat', 'percentunit', { '': `(${errorShare}) or vector(0)` }, { red: 0.01 }),
  panel('Open circuit breakers', 'stat', 'short', { '': 'sum(stoa_gateway_circuit_breaker_state == bool 1) or vector(0)' }, { red: 1 }),
  panel('Request rate by class of status', 'timeseries', 'reqps', { '{{status_class}}': rate(REQUESTS, 'status_class') }),
  panel('Error rate', 'timeseries', 'percentunit', { '5xx of all requests': `(${errorShare}) or vector(0)` }),
  panel('Latency percentiles', 'timeseries', 's', { p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99) }),
  panel('Request rate by API', 'timeseries', 'reqps', { [API]: rate(REQUESTS, 'tenant, api') }),
  panel('Refused keys and certificates, by reason', 'timeseries', 'reqps', {
    '{{reason}}': rate('stoa_gateway_auth_failures_total', 'reason'),
  }),
  panel('Upstreams without a usable answer', 'timeseries', 'reqps', { [API]: rate('stoa_gateway_upstream_failures_total', 'tenant, api') }),
  panel('Circuit breakers: 0 closed, 1 open, 2 half open', 'timeseries', 'short', {
    [`${API} {{instance}}`]: `stoa_gateway_circuit_breaker_state{${TENANT}}`,
  }),
  panel('Upstreams that pass their health check', 'timeseries', 'short', {
    [`${API} {{upstream}}`]: `min by (tenant, api, upstream) (stoa_gateway_upstream_healthy{${TENANT}})`,
  }),
  panel('Follows the control plane', 'timeseries', 'short', { '{{instance}}': 'stoa_gateway_control_plane_connected' }),
  panel('Client connections', 'timeseries', 'short', { '{{instance}}': 'stoa_gateway_connections' }),
  panel('Processor time', 'timeseries', 'percentunit', {
    '{{job}} {{instance}}': 'rate(process_cpu_seconds_total{job=~"stoa-.+"}[$__rate_interval])',
  }),
  panel('Memory', 'timeseries', 'bytes', { '{{job}} {{instance}}': 'process_resident_memory_bytes{job=~"stoa-.+"}' }),
  panel('Delay of the event loop, p99', 'timeseries', 's', { '{{job}} {{instance}}': 'nodejs_eventloop_lag_p99_seconds{job=~"stoa-.+"}' }),
  panel('Disk of the data directory', 'timeseries', 'percentunit', { '{{job}} {{instance}}': 'stoa_data_disk_used_ratio' }),
];

const consumers: readonly Panel[] = [
  panel('Requests by consumer', 'timeseries', 'reqps', { [CONSUMER]: rate(BY_CONSUMER, 'tenant, consumer') }),
  panel('Top consumers by volume', 'bargauge', 'short', { [CONSUMER]: `topk(10, ${during(BY_CONSUMER, 'tenant, consumer')})` }),
  panel('Errors (5xx) by consumer', 'timeseries', 'reqps', {
    [CONSUMER]: rate(BY_CONSUMER, 'tenant, consumer', `${TENANT}, status_class="5xx"`),
  }),
  panel('Refused (4xx) by consumer', 'timeseries', 'reqps', {
    [CONSUMER]: rate(BY_CONSUMER, 'tenant, consumer', `${TENANT}, status_class="4xx"`),
  }),
  panel('Quotas, from half used on', 'bargauge', 'percentunit', {
    '{{tenant}}/{{consumer}} {{api}} {{period}}': `max by (tenant, api, consumer, period) (stoa_gateway_quota_used_ratio{${TENANT}})`,
  }),
  panel('Consumers counted together as "other", of all requests', 'timeseries', 'percentunit', {
    other: `(${total(BY_CONSUMER, 'consumer="other"')} or vector(0)) / ${total(BY_CONSUMER, '')}`,
  }),
];

const limits: readonly Panel[] = [
  panel('Rejected requests over time', 'timeseries', 'reqps', { [API]: rate(LIMITED, 'tenant, api') }),
  panel('Rejected of all requests', 'timeseries', 'percentunit', { rejected: `${total(LIMITED)} / ${total(REQUESTS)}` }),
  panel('Rejected requests by consumer', 'timeseries', 'reqps', { [CONSUMER]: rate(LIMITED_BY_CONSUMER, 'tenant, consumer') }),
  panel('Most rejected consumers', 'bargauge', 'short', { [CONSUMER]: `topk(10, ${during(LIMITED_BY_CONSUMER, 'tenant, consumer')})` }),
  panel('Most rejected APIs', 'bargauge', 'short', { [API]: `topk(10, ${during(LIMITED, 'tenant, api')})` }),
  panel('Rejected in the time shown', 'stat', 'short', { '': during(LIMITED, '') }),
];

/** Text of each dashboard by its path from the root. */
export const dashboardFiles = (): readonly (readonly [file: string, text: string])[] => [
  ['deploy/grafana/dashboards/gateway-overview.json', dashboard('stoa-gateway-overview', 'Gateway Overview', overview)],
  ['deploy/grafana/dashboards/consumer-usage.json', dashboard('stoa-consumer-usage', 'Consumer Usage', consumers)],
  ['deploy/grafana/dashboards/rate-limiting.json', dashboard('stoa-rate-limiting', 'Rate Limiting', limits)],
];
