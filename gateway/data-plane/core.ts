/** What holds and serves the configuration: from what was given to a snapshot, with the state that outlives it. */
import { dirname } from 'node:path';
import { now } from '../clock.js';
import { policies } from '../policies/index.js';
import type { AccessLog } from './access-log.js';
import type { AnswerCache } from './answer-cache.js';
import type { ConfigSource } from './config-source.js';
import { createDiskCopy, type DiskCopy } from './disk-copy.js';
import { createEngine, type Engine } from './engine.js';
import { startHealthChecks, type HealthChecks } from './health-checks.js';
import type { KeyTable } from './key-table.js';
import { createMetrics, type GatewayMetrics, type MetricSources } from './metrics.js';
import { createRuntimeState } from './policy-state.js';
import type { Publisher } from './publisher.js';
import { fullestQuotas, type QuotaSources } from './quota-view.js';
import type { Settings } from './settings.js';

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

/** An empty one. `directory` is where this gateway keeps its files; `onChange` is told of each change of routes or keys. */
export function createCore(directory: string, log: AccessLog, served: Served, onChange: () => void): Core {
  const state = createRuntimeState(now, log, served.allowPrivateUpstreams);
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
  // At the start there is no traffic that a long compile could hold up.
  let isStarting = true;
  setImmediate(() => (isStarting = false));
  const { source, publisher, keys, quotas }: Engine = createEngine({
    policies,
    state,
    now,
    isUnhurried: () => isStarting,
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
  const disk = createDiskCopy({ directory, source, onProblem: (reason) => log.event('error', 'disk_copy_problem', { reason }) });
  return { source, publisher, keys, quotas, answers: state.answers, metrics, disk, checks };
}

/** Serves what the disk holds before anybody is asked. */
export function load({ disk, source, publisher }: Core, log: AccessLog): void {
  const { copy, admin } = disk.load();
  source.changeAdmin(admin);
  if (copy === undefined) return;
  source.replace(copy.objects, copy.position);
  log.event('info', 'config_loaded', { number: copy.position.number, routes: publisher.snapshot.routes.length });
}
