/** Puts a gateway together and starts it: the copy on the disk first, so that it serves at once, then the control plane. */
import { join } from 'node:path';
import { StoaError } from '../../schema/error.js';
import { now } from '../clock.js';
import { productVersion } from '../product-path.js';
import type { AccessLog } from './access-log.js';
import { createBreaker } from './breaker.js';
import { CertificateJudge } from './client-certificate.js';
import { createCore, load, type Core } from './core.js';
import { eventSink } from './event-sink.js';
import { connect, type Link } from './link.js';
import { watchLoad, type LoadShedder } from './load-shedder.js';
import { McpEndpoint } from './mcp/endpoint.js';
import { ownState } from './own-state.js';
import { knownSubjects } from './policy-quotas.js';

import { keepQuotas } from './quota-file.js';
import { createListener, type Listener } from './server.js';
import type { Settings } from './settings.js';
import type { Breaker } from './snapshot.js';
import { keepCertificates, loadTls } from './tls.js';
import { createUsageMeter, type UsageMeter } from './usage-meter.js';

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
  parts.link.current = link;
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
      parts.mcp?.stop();
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

interface Parts {
  readonly core: Core;
  readonly listener: Listener;
  readonly breaker: Breaker;
  readonly directory: string;
  readonly usage: UsageMeter;
  readonly load: LoadShedder;
  readonly mcp: McpEndpoint | undefined;
  /** Once there is one. */
  readonly link: { current: Link | undefined };
}

function assemble(settings: Settings, log: AccessLog): Parts {
  const directory = join(settings.dataDirectory, `gateway-${settings.port}`);
  const breaker = createBreaker('cp-api-breaker');
  const link: Parts['link'] = { current: undefined };
  const tls = settings.tls === undefined ? undefined : loadTls(settings.tls);
  const certificates = new CertificateJudge(settings.clientCertificates);
  const { trustedProxies, proxyProtocol, allowPrivateUpstreams, fastLane } = settings;
  const load = watchLoad(log);
  const served = {
    connections: () => listener.connections(),
    certificates: () => tls?.certificates() ?? [],
    load: () => load,
    isControlPlaneConnected: () => link.current?.client.isConnected ?? false,
    controlPlaneBreaker: () => breaker.stats(now()).state,
    events: () => link.current?.events.stats() ?? { queued: 0, dropped: 0 },
    allowPrivateUpstreams,
  };
  const core = createCore(directory, log, served, () => mcp?.changed());
  const mcp = settings.mcp && new McpEndpoint({ ...settings.mcp, version: productVersion(), snapshot: () => core.publisher.snapshot, now });
  const own = ownState(settings, { core, breaker, certificates, mcp, link: () => link.current });
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
    isReady: () => own.readiness().ready,
    now,
  };
  const listener = createListener({ gateway, own, trustedProxies, proxyProtocol, allowPrivateUpstreams, fastLane, tls });
  return { core, listener, breaker, directory, usage, load, mcp, link };
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
