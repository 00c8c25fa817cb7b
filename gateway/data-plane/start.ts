/** Puts a gateway together and starts it: the copy on the disk first, so that it serves at once, then the control plane. */
import { dirname, join } from 'node:path';
import { StoaError } from '../../schema/error.js';
import { catalog } from '../catalog.js';
import { now } from '../clock.js';
import { policies } from '../policies/index.js';
import type { AccessLog } from './access-log.js';
import { createAdmin } from './admin.js';
import type { AnswerCache } from './answer-cache.js';
import { createBearerCheck } from './bearer.js';
import { createBreaker } from './breaker.js';
import { CertificateJudge } from './client-certificate.js';
import { ConfigSource, type Delta } from './config-source.js';
import { createTokenSource } from './control-plane-token.js';
import { createDiskCopy, type DiskCopy } from './disk-copy.js';
import type { EventQueue } from './event-queue.js';
import { eventSink } from './event-sink.js';
import { startEventDelivery } from './events-to-control-plane.js';
import { startHealthChecks, type HealthChecks } from './health-checks.js';
import { createKeyTable, type KeyTable } from './key-table.js';
import { watchLoad, type LoadShedder } from './load-shedder.js';
import { createMetrics, type GatewayMetrics, type MetricSources } from './metrics.js';
import type { OwnState } from './own-routes.js';
import { createPolicyReader } from './policy-bindings.js';
import { knownSubjects } from './policy-quotas.js';
import { createRuntimeState } from './policy-state.js';
import { productVersion } from './product-version.js';
import { Publisher } from './publisher.js';
import type { RuntimeState } from './runtime-state.js';
import { createListener, type Listener } from './server.js';
import type { Settings } from './settings.js';
import type { Breaker } from './snapshot.js';
import { keepQuotas } from './quota-file.js';
import { fullestQuotas, type QuotaSources } from './quota-view.js';
import { createLimitsOf, createQuotaOf } from './subscription-limits.js';
import { startSyncClient, type SyncClient } from './sync-client.js';
import { keepCertificates, loadTls } from './tls.js';
import { Topology } from './topology.js';
import { createUsageMeter, type UsageMeter } from './usage-meter.js';
import { startUsageDelivery, type UsageDelivery } from './usage-to-control-plane.js';

export interface RunningGateway {
  readonly port: number;
  /** Reads the files of its certificates anew; does nothing without TLS. */
  reload(): void;
  /** Takes no new requests, finishes those in flight, writes what is not on the disk. */
  stop(): Promise<void>;
}

const SWEEP_MS = 60_000;

/** Starts. Throws when the port or the directory cannot be had; nothing is left open then. */
export async function startGateway(settings: Settings, log: AccessLog): Promise<RunningGateway> {
  const parts = assemble(settings, log);
  const { listener, core } = parts;
  load(core, log);
  const counts = keepQuotas({
    quotas: core.quotas.quotas,
    directory: parts.directory,
    // Before there is a configuration nothing is known to be gone.
    known: () =>
      core.source.position === undefined ? () => true : knownSubjects(core.publisher.liveCounters(), core.source.subscriptions),
    onProblem: (reason) => log.event('error', 'quota_problem', { reason }),
  });
  const port = await listen(listener, settings).catch((error: unknown) => {
    core.metrics.stop();
    throw error;
  });
  const link = connect(settings, parts, log);
  const sweeper = setInterval(() => core.publisher.sweep(), SWEEP_MS).unref();
  const certificates = keepCertificates(listener, settings, log);
  return {
    port,
    reload: () => certificates.reload(),
    async stop() {
      clearInterval(sweeper);
      certificates.stop();
      parts.load.stop();
      await core.checks.stop();
      await listener.stop();
      await counts.stop();
      await link?.usage.stop();
      await link?.events.stop();
      await link?.client.stop();
      await core.disk.stop();
      core.metrics.stop();
      log.flush();
    },
  };
}

/** What holds and serves the configuration. */
interface Core {
  readonly source: ConfigSource;
  readonly publisher: Publisher;
  readonly keys: KeyTable;
  readonly quotas: QuotaSources;
  readonly answers: AnswerCache;
  readonly metrics: GatewayMetrics;
  readonly disk: DiskCopy;
  readonly checks: HealthChecks;
}

/** The connection to the control plane, once there is one. */
interface Link {
  readonly client: SyncClient;
  readonly events: EventQueue;
  readonly usage: UsageDelivery;
}

interface Parts {
  readonly core: Core;
  readonly listener: Listener;
  readonly breaker: Breaker;
  readonly directory: string;
  readonly usage: UsageMeter;
  readonly load: LoadShedder;
  readonly link: { current: Link | undefined };
}

function assemble(settings: Settings, log: AccessLog): Parts {
  const directory = join(settings.dataDirectory, `gateway-${settings.port}`);
  const breaker = createBreaker('cp-api-breaker');
  const link: Parts['link'] = { current: undefined };
  const tls = settings.tls === undefined ? undefined : loadTls(settings.tls);
  const certificates = new CertificateJudge(settings.clientCertificates);
  const { trustedProxies, proxyProtocol, allowPrivateUpstreams } = settings;
  const load = watchLoad(log);
  const sources = { connections: () => listener.connections(), certificates: () => tls?.certificates() ?? [], load: () => load };
  const core = createCore(directory, log, breaker, link, { ...sources, allowPrivateUpstreams });
  const own = ownState(settings, core, breaker, link, certificates);
  const usage = createUsageMeter((count) => log.event('error', 'usage_dropped', { count }));
  const events = eventSink(core.metrics, () => link.current?.events);
  const gateway = {
    usage,
    snapshot: () => core.publisher.snapshot,
    keys: core.keys,
    answers: core.answers,
    events,
    certificates,
    load,
    log,
    now,
  };
  const listener = createListener({ gateway, own, trustedProxies, proxyProtocol, allowPrivateUpstreams, tls });
  return { core, listener, breaker, directory, usage, load, link };
}

/** What the listener is asked for, and what it was started with. */
type Served = Pick<MetricSources, 'connections' | 'certificates' | 'load'> & Pick<Settings, 'allowPrivateUpstreams'>;

function createCore(directory: string, log: AccessLog, breaker: Breaker, link: Parts['link'], served: Served): Core {
  const state = createRuntimeState(now, log, served.allowPrivateUpstreams);
  const topology = new Topology(createPolicyReader(catalog, policies));
  const source: ConfigSource = new ConfigSource((delta) => accept(delta));
  const metrics = createMetrics({
    routes: () => publisher.snapshot.routes,
    configNumber: () => publisher.snapshot.number,
    isControlPlaneConnected: () => link.current?.client.isConnected ?? false,
    controlPlaneBreaker: () => breaker.stats(now()).state,
    answers: () => state.answers.stats(),
    keyCache: () => keys.stats(),
    knownKeys: () => keys.size,
    ...served,
    events: () => link.current?.events.stats() ?? { queued: 0, dropped: 0 },
    fullestQuotas: () => fullestQuotas(quotas),
    dataDirectory: dirname(directory),
    now,
  });
  const checks = startHealthChecks({ allowPrivate: served.allowPrivateUpstreams, log });
  const publisher = createPublisher({ state, topology, metrics, checks, log });
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
}

function createPublisher({ state, topology, metrics, checks, log }: PublisherParts): Publisher {
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
      log.event('debug', 'config_swapped', { number, routes: routes.length });
    },
    onGone: (tenant, api) => metrics.forget(tenant, api),
  });
}

/** Serves what the disk holds before anybody is asked. */
function load({ disk, source, publisher }: Core, log: AccessLog): void {
  const { copy, admin } = disk.load();
  source.changeAdmin(admin);
  if (copy === undefined) return;
  source.replace(copy.objects, copy.position);
  log.event('info', 'config_loaded', { number: copy.position.number, routes: publisher.snapshot.routes.length });
}

function connect(settings: Settings, { core, breaker, directory, usage: meter, link }: Parts, log: AccessLog): Link | undefined {
  const { controlPlaneUrl, gatewayToken, client, dataDirectory } = settings;
  if (controlPlaneUrl === undefined) return undefined;
  const tokens = createTokenSource({ controlPlaneUrl, gatewayToken, client, tokenFile: join(dataDirectory, 'gateway.token'), now });
  const { source, disk } = core;
  const onChange = (isWhole: boolean): void => disk.changed(isWhole);
  const follower = startSyncClient({ controlPlaneUrl, source, tokens, breaker, log, now, onChange });
  const events = startEventDelivery({
    controlPlaneUrl,
    tokens,
    directory,
    isConnected: () => follower.isConnected,
    onProblem: (reason) => log.event('error', 'event_queue_problem', { reason }),
    now,
  });
  const usage = startUsageDelivery({
    controlPlaneUrl,
    tokens,
    meter,
    directory,
    isConnected: () => follower.isConnected,
    onProblem: (reason) => log.event('error', 'usage_problem', { reason }),
  });
  link.current = { client: follower, events, usage };
  return link.current;
}

function ownState(settings: Settings, core: Core, breaker: Breaker, link: Parts['link'], certificates: CertificateJudge): OwnState {
  const { source, publisher, keys, quotas, answers, disk, metrics } = core;
  const { adminToken: token, metricsToken, allowPrivateUpstreams, controlPlaneUrl } = settings;
  const version = productVersion();
  const admin = createAdmin({
    token,
    version,
    catalog,
    source,
    publisher,
    keys,
    answers,
    quotas,
    certificates,
    controlPlaneBreaker: breaker,
    onBreakerReset: () => link.current?.client.retryNow(),
    save: (objects) => disk.saveAdmin(objects),
    allowPrivateUpstreams,
    now,
  });
  // A gateway alone holds what its admin API was given; beside a control plane, that is not the configuration it waits for.
  const isAloneReady = (): boolean => controlPlaneUrl === undefined && source.adminApis.size > 0 && !disk.isDamaged();
  const linkState = () =>
    controlPlaneUrl === undefined ? 'none' : link.current?.client.isConnected === true ? 'connected' : 'disconnected';
  return {
    health: () => ({ status: 'ok', version, uptime_seconds: Math.floor(process.uptime()) }),
    readiness: () => ({ ready: source.position !== undefined || isAloneReady(), control_plane: linkState() }),
    mayReadMetrics: metricsToken === undefined ? () => true : createBearerCheck(metricsToken),
    metrics: () => metrics.text(),
    admin,
  };
}

async function listen(listener: Listener, { port, host }: Settings): Promise<number> {
  try {
    return await listener.listen(port, host);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const problem =
      code === 'EADDRINUSE' ? `Port ${port} on ${host} is in use` : `Port ${port} on ${host} cannot be listened on: ${message}`;
    throw new StoaError('conflict', `${problem}.`, { hint: 'Stop what listens there, or give another port.', cause: error });
  }
}
