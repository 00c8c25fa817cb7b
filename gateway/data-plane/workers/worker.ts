/** A worker: serves traffic like a gateway of its own, and leaves to the primary process what there is only one of. */
import { errorBody, StoaError } from '../../../schema/error.js';
import { now } from '../../clock.js';
import { policies } from '../../policies/index.js';
import { processUse, watchEventLoop } from '../../runtime-metrics.js';
import type { AccessLog } from '../access-log.js';
import { ANSWER_BYTES } from '../answer-cache.js';
import { CertificateJudge } from '../client-certificate.js';
import { createEngine, type Engine } from '../engine.js';
import { watchLoad } from '../load-shedder.js';
import { createRuntimeState } from '../policy-state.js';
import { McpEndpoint } from '../mcp/endpoint.js';
import { createReadiness, type Readiness } from '../readiness.js';
import type { RuntimeState } from '../runtime-state.js';
import { createListener, type Listener } from '../server.js';
import type { Settings } from '../settings.js';
import type { Snapshot } from '../snapshot.js';
import { listen } from '../start-listener.js';
import { createSteadyClock } from '../steady-clock.js';
import { keepCertificates, loadTls, type ListenerTls, type TlsFiles, type TlsTexts } from '../tls.js';
import { createUsageMeter } from '../usage-meter.js';
import { Channel, type Send } from './channel.js';
import { Circuits } from './circuits.js';
import { ConfigParts } from './config-parts.js';
import { Loans } from './loans.js';
import type { PrimaryAsks, PrimarySays, Report, WorkerAsks, WorkerSays } from './messages.js';
import { ownOfWorker } from './own-of-worker.js';
import { shareAnswers, type SharedAnswers } from './shared-answers.js';
import type { BreakerLine } from './shared-breaker.js';
import { createTally } from './tally.js';

type About = Omit<PrimarySays['start'], 'settings'>;
type Line = Channel<WorkerAsks, WorkerSays, PrimaryAsks, PrimarySays>;

const REPORT_MS = 100;
const SWEEP_MS = 60_000;

/** Serves as soon as the primary process has said how, until it says that it is over. `openLog` is given its settings. */
export function runWorker(openLog: (settings: Settings) => AccessLog): void {
  if (process.send === undefined)
    throw new StoaError('usage_error', '--worker is for a gateway with --workers, which starts this process as its child.');
  let worker: Worker | undefined;
  const running = (): Worker => {
    if (worker === undefined) throw new Error('The worker was not started yet.');
    return worker;
  };
  // Whoever stops the gateway signals the primary process, and often all of its group: it says when a worker stops.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  // The primary process is gone: this one ends when it hears so.
  process.on('error', () => undefined);
  const send: Send = (batch, sent) => void process.send?.(batch, undefined, undefined, sent);
  const line: Line = new Channel<WorkerAsks, WorkerSays, PrimaryAsks, PrimarySays>(send, {
    calls: {
      recall: (counter) => running().loans.recall(counter),
      report: () => running().report(true),
      alive: () => null,
      settled: async () => {
        await running().engine.publisher.settled();
        return null;
      },
      stop: (graceMs) => running().stop(graceMs),
    },
    tells: {
      start: ({ settings, ...about }) => {
        try {
          worker = new Worker(line, settings, openLog(settings), about);
        } catch (error) {
          line.tell('failed', describe(error));
        }
      },
      configure: (part) => running().configure(part),
      circuit: ({ key, circuit }) => running().circuits.follow(key, circuit),
      health: ({ key, isHealthy }) => running().state.setHealth(key, isHealthy),
      clearCaches: () => running().clearCaches(),
      forgetRefusals: () => running().loans.forgetRefusals(),
      invalidated: (resource) => running().answers.forget(resource),
      othersKeepAnswers: () => running().answers.othersKeep(),
      reloadCertificates: () => running().reload(),
    },
  });
  process.on('message', (batch) => line.receive(batch));
  line.tell('awake', null);
}

const describe = (error: unknown): WorkerSays['failed'] =>
  errorBody(error instanceof StoaError ? error : new StoaError('internal_error', error instanceof Error ? error.stack : String(error)))
    .error;

/** What the files say; where that is unsound, what they said when the primary process found them sound. */
function loadSound(files: TlsFiles, texts: TlsTexts | undefined): ListenerTls {
  try {
    return loadTls(files);
  } catch (error) {
    if (texts === undefined) throw error;
    return loadTls(files, texts);
  }
}

class Worker {
  readonly loans: Loans;
  readonly circuits: Circuits;
  readonly state: RuntimeState;
  readonly engine: Engine;
  readonly answers: SharedAnswers;
  readonly #line: Line;
  readonly #settings: Settings;
  readonly #log: AccessLog;
  readonly #tally = createTally();
  readonly #usage = createUsageMeter();
  readonly #loop = watchEventLoop();
  readonly #load: ReturnType<typeof watchLoad>;
  readonly #certificates: CertificateJudge;
  readonly #tls: ListenerTls | undefined;
  readonly #listener: Listener;
  readonly #parts: ConfigParts;
  readonly #readiness: Readiness;
  #files: ReturnType<typeof keepCertificates> | undefined;
  #isStopping = false;

  constructor(line: Line, settings: Settings, log: AccessLog, about: About) {
    this.#line = line;
    this.#settings = settings;
    this.#log = log;
    this.loans = new Loans({
      clock: createSteadyClock(now),
      now,
      ask: (question, received) => line.call('limits', question, received),
    });
    const breakerLine: BreakerLine = {
      probe: (asked) => line.call('probe', asked),
      tell: (outcome) => line.tell('outcome', outcome),
    };
    this.circuits = new Circuits(breakerLine, () => this.state.breakers, now);
    this.state = this.#createState();
    this.answers = shareAnswers(this.state.answers, line);
    this.engine = createEngine({
      policies,
      state: this.state,
      now,
      // It does not serve yet.
      isUnhurried: () => this.#files === undefined,
      metricsOf: (tenant, api) => this.#tally.route(tenant, api),
      // The primary process compiles the same, and has said what is wrong with it.
      onProblem: () => undefined,
      onPublish: () => this.#readiness.published(),
      onGone: () => undefined,
    });
    this.#readiness = createReadiness(this.engine.source, () => about.mayServeAlone);
    this.#parts = new ConfigParts(this.engine.source);
    this.#load = watchLoad(log);
    this.#certificates = new CertificateJudge(settings.clientCertificates);
    this.#tls = settings.tls === undefined ? undefined : loadSound(settings.tls, about.certificateTexts);
    this.#listener = this.#createListener(about);
    setInterval(() => this.#tell(), REPORT_MS).unref();
    setInterval(() => this.engine.publisher.sweep(), SWEEP_MS).unref();
  }

  configure(part: PrimarySays['configure']): void {
    if (this.#parts.take(part) === 'first') void this.#serve();
  }

  clearCaches(): void {
    this.engine.keys.clear();
    this.state.answers.clear();
  }

  reload(): void {
    this.#files?.reload();
  }

  /** What has happened since the last report. `isAsked`: somebody looks at the delays of the event loop now. `isLast`: gives back what was lent. */
  report(isAsked: boolean, isLast = false): Report {
    const { counts, events } = this.#tally.take();
    const { hits: keyHits, misses: keyMisses, entry_count: keyEntries } = this.engine.keys.stats();
    const { hits: answerHits, misses: answerMisses, entry_count: answerEntries, bytes: answerBytes } = this.state.answers.stats();
    const { cert_validated, cert_missing, cert_invalid } = this.#certificates.stats();
    const { cpuSeconds, ...used } = { ...processUse(), lagSeconds: this.#loop.lagSeconds() };
    if (isAsked) this.#loop.reset();
    return {
      limits: this.loans.report(isLast),
      breakers: this.circuits.report(),
      counts,
      usage: this.#usage.drain(Infinity) ?? null,
      events,
      totals: {
        keyHits,
        keyMisses,
        answerHits,
        answerMisses,
        shed: this.#load.refused,
        certificatesValidated: cert_validated,
        certificatesMissing: cert_missing,
        certificatesInvalid: cert_invalid,
        cpuSeconds,
      },
      levels: { connections: this.#listener.connections(), keyEntries, answerEntries, answerBytes, shedShare: this.#load.share, ...used },
    };
  }

  async stop(graceMs: number): Promise<Report> {
    this.#isStopping = true;
    this.#files?.stop();
    this.#load.stop();
    await this.#listener.stop(graceMs);
    this.#log.flush();
    return this.report(false, true);
  }

  #createState(): RuntimeState {
    const { loans, circuits } = this;
    const { allowPrivateUpstreams, workers } = this.#settings;
    return createRuntimeState(now, this.#log, allowPrivateUpstreams, {
      answerBytes: Math.floor(ANSWER_BYTES / workers),
      shared: {
        limiter: (key, limit) => loans.limiter(key, limit),
        quota: (subject, limits) => loans.quota(subject, limits),
        breaker: (key, url) => circuits.make(key, url),
        combine: (all) => loans.combine(all),
      },
    });
  }

  #createListener(about: About): Listener {
    const { trustedProxies, proxyProtocol, allowPrivateUpstreams, fastLane, mcp } = this.#settings;
    const { version } = about;
    const snapshot = (): Snapshot => this.engine.publisher.snapshot;
    return createListener({
      gateway: {
        usage: this.#usage,
        snapshot,
        keys: this.engine.keys,
        answers: this.answers.cache,
        events: this.#tally.events,
        certificates: this.#certificates,
        load: this.#load,
        log: this.#log,
        isReady: () => this.#readiness.isReady(),
        now,
      },
      own: ownOfWorker(this.#line, this.#settings, about, mcp && new McpEndpoint({ ...mcp, version, snapshot, now })),
      turn: () => this.#line.call('turn', null),
      trustedProxies,
      proxyProtocol,
      allowPrivateUpstreams,
      fastLane,
      tls: this.#tls,
    });
  }

  async #serve(): Promise<void> {
    await this.engine.publisher.settled();
    if (this.#isStopping) return;
    try {
      this.#line.tell('ready', await listen(this.#listener, this.#settings));
      this.#files = keepCertificates(this.#listener, this.#settings, this.#log);
    } catch (error) {
      this.#line.tell('failed', describe(error));
    }
  }

  #tell(): void {
    const report = this.report(false);
    const { limits, breakers, counts, events, usage } = report;
    if (limits.length + breakers.length + counts.routes.length + events.length > 0 || usage !== null) this.#line.tell('report', report);
  }
}
