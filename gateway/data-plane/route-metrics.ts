/** What is counted for each API. Plain numbers on the path of a request: prom-client, which finds a series by its labels each time, is told when it is asked. */
import { Counter, Histogram, type MetricValueWithName, type Registry } from 'prom-client';
import type { AuthFailure, CacheResult } from './snapshot.js';

export const API_LABELS = ['tenant', 'api'] as const;

/** Seconds. */
const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;
const METHODS: ReadonlySet<string> = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']);

/** `2xx`; a status that is none counts as an error of ours. */
export const statusClassOf = (status: number): string => STATUS_CLASSES[classIndex(status)] ?? '5xx';
const classIndex = (status: number): number => (status >= 100 && status < 600 ? Math.floor(status / 100) - 1 : 4);

/** What another process has counted for one API. */
export interface CountedElsewhere {
  readonly tenant: string;
  readonly api: string;
  readonly answers: readonly (readonly [method: string, classes: readonly number[]])[];
  readonly latencies: readonly number[];
  readonly totalSeconds: number;
  readonly cached: readonly (readonly [CacheResult, number])[];
}

/** The counts of one API. */
export class RouteCounts {
  readonly tenant: string;
  readonly api: string;
  /** By method, then by class of status. */
  readonly answers = new Map<string, number[]>();
  /** By bucket; the last one is for what is slower than all of them. */
  readonly latencies: number[] = new Array<number>(LATENCY_BUCKETS.length + 1).fill(0);
  totalSeconds = 0;
  readonly cached = new Map<CacheResult, number>();
  readonly refused = new Map<AuthFailure, number>();
  limited = 0;
  failed = 0;

  constructor(tenant: string, api: string) {
    this.tenant = tenant;
    this.api = api;
  }

  /** Counts one answer; methods that nobody knows count together. */
  answered(status: number, latencyMs: number, method: string): void {
    let classes = this.answers.get(method);
    if (classes === undefined) classes = this.#classesOf(METHODS.has(method) ? method : 'other');
    const index = classIndex(status);
    classes[index] = (classes[index] ?? 0) + 1;
    const seconds = latencyMs / 1000;
    let bucket = 0;
    while (bucket < LATENCY_BUCKETS.length && seconds > (LATENCY_BUCKETS[bucket] ?? 0)) bucket += 1;
    this.latencies[bucket] = (this.latencies[bucket] ?? 0) + 1;
    this.totalSeconds += seconds;
  }

  add({ answers, latencies, totalSeconds, cached }: CountedElsewhere): void {
    for (const [method, classes] of answers) addAll(this.#classesOf(method), classes);
    addAll(this.latencies, latencies);
    this.totalSeconds += totalSeconds;
    for (const [result, count] of cached) this.cached.set(result, (this.cached.get(result) ?? 0) + count);
  }

  #classesOf(method: string): number[] {
    const classes = this.answers.get(method) ?? STATUS_CLASSES.map(() => 0);
    this.answers.set(method, classes);
    return classes;
  }
}

function addAll(counts: number[], more: readonly number[]): void {
  for (const [index, count] of more.entries()) counts[index] = (counts[index] ?? 0) + count;
}

/** One more of a kind. */
export const addOne = <Kind>(counts: Map<Kind, number>, kind: Kind): void => void counts.set(kind, (counts.get(kind) ?? 0) + 1);

const shown = (classes: readonly number[]): [string, number][] =>
  STATUS_CLASSES.map((name, index): [string, number] => [name, classes[index] ?? 0]).filter(([, count]) => count > 0);

/** A histogram whose counts are kept elsewhere: prom-client has no way to be given them. */
class Durations extends Histogram {
  readonly #read: () => Iterable<RouteCounts>;

  constructor(config: ConstructorParameters<typeof Histogram>[0], read: () => Iterable<RouteCounts>) {
    super(config);
    this.#read = read;
  }

  /** What `get` and the text of the registry are made of. */
  getForPromString() {
    const values = [...this.#read()].flatMap(durationValues);
    return Promise.resolve({ name: DURATION, help: DURATION_HELP, type: 'histogram', aggregator: 'sum', values });
  }
}

/** prom-client adds the labels that its series share. */
type DurationValue = MetricValueWithName<string> & { readonly sharedLabels: Readonly<Record<string, string>> };

const DURATION = 'stoa_gateway_request_duration_seconds';
const DURATION_HELP = 'Time from the head of a request to the end of its answer.';

function durationValues({ tenant, api, latencies, totalSeconds }: RouteCounts): DurationValue[] {
  const sharedLabels = { tenant, api };
  let count = 0;
  const buckets = latencies.map((inBucket, index) => {
    count += inBucket;
    return { metricName: `${DURATION}_bucket`, labels: { le: LATENCY_BUCKETS[index] ?? '+Inf' }, value: count, sharedLabels };
  });
  if (count === 0) return [];
  const own = (suffix: string, value: number): DurationValue => ({ metricName: `${DURATION}_${suffix}`, labels: {}, value, sharedLabels });
  return [...buckets, own('sum', totalSeconds), own('count', count)];
}

/** The metrics over counts that somebody else keeps. */
export function addApiMetrics(registers: Registry[], all: () => Iterable<RouteCounts>): void {
  const counter = (name: string, help: string, label: string, read: (counts: RouteCounts) => Iterable<readonly [string, number]>): void => {
    new Counter({
      name,
      help,
      labelNames: label === '' ? API_LABELS : [...API_LABELS, label],
      registers,
      collect() {
        this.reset();
        for (const counts of all()) {
          const { tenant, api } = counts;
          // Also nought: a series that begins with its first failures would hide them, as Prometheus sees no increase in a first value.
          for (const [value, count] of read(counts)) this.inc({ tenant, api, ...(label !== '' && { [label]: value }) }, count);
        }
      },
    });
  };
  addAnswerMetrics(registers, all);
  counter('stoa_gateway_rate_limit_rejections_total', 'Requests refused by a rate limit.', '', ({ limited }) => [['', limited]]);
  counter('stoa_gateway_upstream_failures_total', 'Requests whose upstream did not give a usable answer.', '', ({ failed }) => [
    ['', failed],
  ]);
  counter(
    'stoa_gateway_cache_requests_total',
    'Requests to APIs whose answers are kept: hit, miss, or bypass for those that the cache has no part in.',
    'result',
    ({ cached }) => cached,
  );
  counter('stoa_gateway_auth_failures_total', 'Requests refused for their key or token, by reason.', 'reason', ({ refused }) => refused);
}

function addAnswerMetrics(registers: Registry[], all: () => Iterable<RouteCounts>): void {
  new Counter({
    name: 'stoa_gateway_requests_total',
    help: 'Requests answered, by API, method and class of status.',
    labelNames: [...API_LABELS, 'method', 'status_class'] as const,
    registers,
    collect() {
      this.reset();
      for (const { tenant, api, answers } of all())
        for (const [method, classes] of answers)
          for (const [status_class, count] of shown(classes)) this.inc({ tenant, api, method, status_class }, count);
    },
  });
  new Durations(
    {
      name: DURATION,
      help: DURATION_HELP,
      labelNames: API_LABELS,
      buckets: LATENCY_BUCKETS,
      registers,
    },
    all,
  );
}
