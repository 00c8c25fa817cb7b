/** What a gateway holds in one place, however many processes serve from it: the configuration with its copy on the disk, state, metrics, health checks. */
import { dirname } from 'node:path';
import { now } from '../clock.js';
import { policies } from '../policies/index.js';
import type { AccessLog } from './access-log.js';
import type { Delta } from './config-source.js';
import { createDiskCopy, type DiskCopy } from './disk-copy.js';
import { createEngine, type Engine } from './engine.js';
import { startHealthChecks, type HealthCheckOptions, type HealthChecks } from './health-checks.js';
import { createMetrics, type GatewayMetrics, type MetricSources } from './metrics.js';
import { createRuntimeState } from './policy-state.js';
import { fullestQuotas } from './quota-view.js';
import { createReadiness } from './readiness.js';
import type { RuntimeState, StateOptions } from './runtime-state.js';
import type { Settings } from './settings.js';

export interface Core extends Engine {
  readonly state: RuntimeState;
  readonly metrics: GatewayMetrics;
  readonly disk: DiskCopy;
  readonly checks: HealthChecks;
  /** Whether a configuration is served. */
  isReady(): boolean;
  /** Whether what the admin API gave is a configuration: beside a control plane it is not the one that is waited for, and what is damaged is not whole. */
  mayServeAlone(): boolean;
}

type OwnSources = 'answers' | 'keyCache';

/** What others are asked for: the listener, the connection to the control plane, workers in the place of this process. */
type Served = Omit<MetricSources, OwnSources | 'routes' | 'configNumber' | 'knownKeys' | 'fullestQuotas' | 'dataDirectory' | 'now'> &
  Partial<Pick<MetricSources, OwnSources>> &
  Pick<Settings, 'allowPrivateUpstreams' | 'controlPlaneUrl'>;

/** Who follows what changes here. */
export interface Followers extends Pick<StateOptions, 'onCircuit'> {
  /** Told after each swap of the routes. */
  onPublish?(): void;
  onDelta?(delta: Delta): void;
  onHealth?: HealthCheckOptions['onChange'];
}

/** An empty one. `directory` is where this gateway keeps its files. */
export function createCore(directory: string, log: AccessLog, served: Served, followers: Followers): Core {
  const { onCircuit, onHealth, onDelta, onPublish } = followers;
  const { allowPrivateUpstreams, controlPlaneUrl, ...sources } = served;
  const state = createRuntimeState(now, log, allowPrivateUpstreams, { onCircuit, onForgotten: onHealth });
  const metrics = createMetrics({
    routes: () => engine.publisher.snapshot.routes,
    configNumber: () => engine.publisher.snapshot.number,
    answers: () => state.answers.stats(),
    keyCache: () => engine.keys.stats(),
    knownKeys: () => engine.keys.size,
    ...sources,
    fullestQuotas: () => fullestQuotas(engine.quotas),
    dataDirectory: dirname(directory),
    now,
  });
  const checks = startHealthChecks({ allowPrivate: allowPrivateUpstreams, log, onChange: onHealth });
  // At the start there is no traffic that a long compile could hold up.
  let isStarting = true;
  setImmediate(() => (isStarting = false));
  const engine: Engine = createEngine({
    policies,
    state,
    now,
    isUnhurried: () => isStarting,
    onDelta,
    onProblem: ({ tenant, label: api, id, problems, state: routeState }) =>
      log.event('error', 'config_problem', { tenant, api, id, state: routeState, reason: problems.join(' ') }),
    metricsOf: (tenant, api) => metrics.route(tenant, api),
    onGone: (tenant, api) => metrics.forget(tenant, api),
    onPublish: ({ number, routes }) => {
      readiness.published();
      checks.follow(routes);
      onPublish?.();
      log.event('debug', 'config_swapped', { number, routes: routes.length });
    },
  });
  const { source } = engine;
  const disk = createDiskCopy({ directory, source, onProblem: (reason) => log.event('error', 'disk_copy_problem', { reason }) });
  const mayServeAlone = (): boolean => controlPlaneUrl === undefined && !disk.isDamaged();
  const readiness = createReadiness(source, mayServeAlone);
  return { ...engine, state, metrics, disk, checks, isReady: () => readiness.isReady(), mayServeAlone };
}

/** Serves what the disk holds before anybody is asked. */
export function load({ disk, source, publisher }: Core, log: AccessLog): void {
  const { copy, admin } = disk.load();
  source.changeAdmin(admin);
  if (copy === undefined) return;
  source.replace(copy.objects, copy.position);
  log.event('info', 'config_loaded', { number: copy.position.number, routes: publisher.snapshot.routes.length });
}
