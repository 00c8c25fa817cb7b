/** What holds and serves the configuration: from what was given to a snapshot, with the state that outlives it. */
import { dirname } from 'node:path';
import { catalog } from '../catalog.js';
import { now } from '../clock.js';
import { policies } from '../policies/index.js';
import type { AccessLog } from './access-log.js';
import type { AnswerCache } from './answer-cache.js';
import { ConfigSource, type Delta } from './config-source.js';
import { createDiskCopy, type DiskCopy } from './disk-copy.js';
import { startHealthChecks, type HealthChecks } from './health-checks.js';
import { createKeyTable, type KeyTable } from './key-table.js';
import { createMetrics, type GatewayMetrics, type MetricSources } from './metrics.js';
import { createPolicyReader } from './policy-bindings.js';
import { createRuntimeState } from './policy-state.js';
import { Publisher } from './publisher.js';
import { fullestQuotas, type QuotaSources } from './quota-view.js';
import type { RuntimeState } from './runtime-state.js';
import type { Settings } from './settings.js';
import { createLimitsOf, createQuotaOf } from './subscription-limits.js';
import { Topology } from './topology.js';

/** What holds and serves the configuration. */
export interface Core {
  readonly source: ConfigSource;
  readonly publisher: Publisher;
  readonly keys: KeyTable;
  readonly quotas: QuotaSources;
  readonly answers: AnswerCache;
  readonly metrics: GatewayMetrics;
  readonly disk: DiskCopy;
  readonly checks: HealthChecks;
}

/** What the listener and the connection to the control plane are asked for, and what they were started with. */
type Served = Omit<
  MetricSources,
  'routes' | 'configNumber' | 'answers' | 'keyCache' | 'knownKeys' | 'fullestQuotas' | 'dataDirectory' | 'now'
> &
  Pick<Settings, 'allowPrivateUpstreams'>;

/** An empty one. `directory` is where this gateway keeps its files; `onChange` is told when routes or keys are other ones. */
export function createCore(directory: string, log: AccessLog, served: Served, onChange: () => void): Core {
  const state = createRuntimeState(now, log, served.allowPrivateUpstreams);
  const topology = new Topology(createPolicyReader(catalog, policies));
  const source: ConfigSource = new ConfigSource((delta) => accept(delta));
  const metrics = createMetrics({
    routes: () => publisher.snapshot.routes,
    configNumber: () => publisher.snapshot.number,
    answers: () => state.answers.stats(),
    keyCache: () => keys.stats(),
    knownKeys: () => keys.size,
    ...served,
    fullestQuotas: () => fullestQuotas(quotas),
    dataDirectory: dirname(directory),
    now,
  });
  const checks = startHealthChecks({ allowPrivate: served.allowPrivateUpstreams, log });
  const publisher = createPublisher({ state, topology, metrics, checks, log, onChange });
  const { resources, subscriptions } = source;
  const limits = {
    catalog,
    state,
    now,
    quotas: state.quotas,
    resources,
    multiplier: (tenant: string) => topology.multiplier(tenant),
  };
  const policyQuotas = () => state.policyQuotas.list(publisher.liveCounters());
  const quotas = { quotas: limits.quotas, policyQuotas, resources, subscriptions, quotaOf: createQuotaOf(limits) };
  const keys = createKeyTable({ subscriptions, resources, limitsOf: createLimitsOf(limits) });
  // At the start there is no traffic that a long compile could hold up.
  let isStarting = true;
  const accept = (delta: Delta): void => {
    const { joined } = publisher.apply(delta, source.position?.number ?? 0, isStarting);
    keys.apply(delta, joined);
    onChange();
  };
  const disk = createDiskCopy({ directory, source, onProblem: (reason) => log.event('error', 'disk_copy_problem', { reason }) });
  setImmediate(() => (isStarting = false));
  return { source, publisher, keys, quotas, answers: state.answers, metrics, disk, checks };
}

interface PublisherParts {
  readonly state: RuntimeState;
  readonly topology: Topology;
  readonly metrics: GatewayMetrics;
  readonly checks: HealthChecks;
  readonly log: AccessLog;
  onChange(): void;
}

function createPublisher({ state, topology, metrics, checks, log, onChange }: PublisherParts): Publisher {
  return new Publisher({
    catalog,
    state,
    now,
    topology,
    metricsOf: (tenant, api) => metrics.route(tenant, api),
    onProblem: ({ tenant, api, id, problems, state: routeState }) =>
      log.event('error', 'config_problem', { tenant, api, id, state: routeState, reason: problems.join(' ') }),
    onPublish: ({ number, routes }) => {
      checks.follow(routes);
      onChange();
      log.event('debug', 'config_swapped', { number, routes: routes.length });
    },
    onGone: (tenant, api) => metrics.forget(tenant, api),
  });
}

/** Serves what the disk holds before anybody is asked. */
export function load({ disk, source, publisher }: Core, log: AccessLog): void {
  const { copy, admin } = disk.load();
  source.changeAdmin(admin);
  if (copy === undefined) return;
  source.replace(copy.objects, copy.position);
  log.event('info', 'config_loaded', { number: copy.position.number, routes: publisher.snapshot.routes.length });
}
