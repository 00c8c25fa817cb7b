/** Puts a gateway together and starts it: the copy on the disk first, so that it serves at once, then the control plane. */
import { join } from 'node:path';
import { now } from '../clock.js';
import { productVersion } from '../product-path.js';
import type { AccessLog } from './access-log.js';
import { createBreaker } from './breaker.js';
import { CertificateJudge } from './client-certificate.js';
import { createCore, load, type Core } from './core.js';
import { eventSink } from './event-sink.js';
import { connect, type Link } from './link.js';
import { watchLoad } from './load-shedder.js';
import { McpEndpoint } from './mcp/endpoint.js';
import { ownAnswers } from './own-routes.js';
import { ownState, type OwnParts } from './own-state.js';
import { knownSubjects } from './policy-quotas.js';
import { keepQuotas } from './quota-file.js';
import { createListener, type Listener } from './server.js';
import type { Settings } from './settings.js';
import type { Breaker } from './snapshot.js';
import { listen } from './start-listener.js';
import { keepCertificates, loadTls } from './tls.js';
import { createUsageMeter, idleMeter, type UsageMeter } from './usage-meter.js';
import { Primary } from './workers/primary.js';

export interface RunningGateway {
  readonly port: number;
  /** Reads the files of its certificates anew; does nothing without TLS. */
  reload(): void;
  /** Takes no new requests, finishes those in flight, writes what is not on the disk. */
  stop(): Promise<void>;
}

const SWEEP_MS = 60_000;

/** Starts. Throws when the port or the directory cannot be had, or what its admin API has registered is damaged; nothing is left open then. */
export async function startGateway(settings: Settings, log: AccessLog): Promise<RunningGateway> {
  const parts = settings.workers === 1 ? assembleAlone(settings, log) : assembleWithWorkers(settings, log);
  const { front, core } = parts;
  const giveUp = (error: unknown): never => {
    core.metrics.stop();
    core.checks.stop();
    parts.stopWatching();
    parts.mcp?.stop();
    throw error;
  };
  try {
    load(core, log);
  } catch (error) {
    giveUp(error);
  }
  const counts = keepQuotas({
    quotas: core.quotas.quotas,
    directory: parts.directory,
    // Before there is a configuration nothing is known to be gone.
    known: () =>
      core.source.position === undefined ? () => true : knownSubjects(core.publisher.liveCounters(), core.source.subscriptions),
    onProblem: (reason) => log.event('error', 'quota_problem', { reason }),
  });
  const port = await listen(front, settings).catch(giveUp);
  const link = connect(settings, parts, log);
  parts.link.current = link;
  const sweeper = setInterval(() => core.publisher.sweep(), SWEEP_MS).unref();
  const certificates = keepCertificates(front, settings, log);
  return {
    port,
    reload: () => certificates.reload(),
    async stop() {
      clearInterval(sweeper);
      certificates.stop();
      parts.stopWatching();
      core.checks.stop();
      parts.mcp?.stop();
      await front.stop();
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

interface Parts {
  readonly core: Core;
  /** Where requests come in: this process, or its workers. */
  readonly front: Listener;
  readonly breaker: Breaker;
  readonly directory: string;
  readonly usage: UsageMeter;
  readonly mcp: McpEndpoint | undefined;
  /** Once there is one. */
  readonly link: { current: Link | undefined };
  stopWatching(): void;
}

/** What both ways to serve have in common. */
function base(settings: Settings, log: AccessLog) {
  const link: Parts['link'] = { current: undefined };
  const tls = settings.tls === undefined ? undefined : loadTls(settings.tls);
  const breaker = createBreaker('cp-api-breaker');
  const usage =
    settings.controlPlaneUrl === undefined ? idleMeter : createUsageMeter((count) => log.event('error', 'usage_dropped', { count }));
  return {
    directory: join(settings.dataDirectory, `gateway-${settings.port}`),
    link,
    breaker,
    tls,
    usage,
    state: (own: Omit<OwnParts, 'breaker' | 'usage' | 'link'>) => ownState(settings, { breaker, usage, link: () => link.current, ...own }),
    sources: {
      certificates: () => tls?.certificates() ?? [],
      isControlPlaneConnected: () => link.current?.client.isConnected ?? false,
      controlPlaneBreaker: () => breaker.stats(now()).state,
      events: () => link.current?.events.stats() ?? { queued: 0, dropped: 0 },
      allowPrivateUpstreams: settings.allowPrivateUpstreams,
      controlPlaneUrl: settings.controlPlaneUrl,
    },
  };
}

/** Serves in this process. */
function assembleAlone(settings: Settings, log: AccessLog): Parts {
  const { directory, link, breaker, tls, usage, sources, state } = base(settings, log);
  const certificates = new CertificateJudge(settings.clientCertificates);
  const { trustedProxies, proxyProtocol, allowPrivateUpstreams, fastLane } = settings;
  const load = watchLoad(log);
  const served = { connections: () => front.connections(), load: () => load, ...sources };
  const core = createCore(directory, log, served, { onPublish: () => mcp?.changed() });
  const mcp = settings.mcp && new McpEndpoint({ ...settings.mcp, version: productVersion(), snapshot: () => core.publisher.snapshot, now });
  const { keys } = core;
  const { answers } = core.state;
  const own = ownAnswers(state({ core, certificates, keys, answers, mcp, isReady: core.isReady }));
  const gateway = {
    usage,
    snapshot: () => core.publisher.snapshot,
    keys,
    answers,
    events: eventSink(core.metrics, () => link.current?.events),
    certificates,
    load,
    log,
    isReady: core.isReady,
    now,
  };
  const front = createListener({ gateway, own, trustedProxies, proxyProtocol, allowPrivateUpstreams, fastLane, tls });
  return { core, front, breaker, directory, usage, mcp, link, stopWatching: () => load.stop() };
}

/** Serves in workers. */
function assembleWithWorkers(settings: Settings, log: AccessLog): Parts {
  const { directory, link, breaker, tls, usage, sources, state } = base(settings, log);
  const front = new Primary(settings, log, () => ({ core, own, usage, events, tls }));
  const { certificates, keys, answers } = front;
  const core = createCore(directory, log, { ...front.sources, ...sources }, front.followers);
  const isReady = (): boolean => front.isReady();
  const own = ownAnswers(state({ core, certificates, keys, answers, mcp: undefined, isReady }));
  const events = eventSink(core.metrics, () => link.current?.events);
  return { core, front, breaker, directory, usage, mcp: undefined, link, stopWatching: () => undefined };
}
