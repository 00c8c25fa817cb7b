/** The primary process of a gateway with workers: it stands where a listener stands in a gateway alone, and keeps what its workers have in common. */
import { now } from '../../clock.js';
import type { Reply } from '../../policies/contract.js';
import type { AccessLog } from '../access-log.js';
import type { AdminOptions } from '../admin.js';
import { NEW_CIRCUIT, type OwnBreaker } from '../breaker.js';
import type { Core, Followers } from '../core.js';
import type { MetricSources } from '../metrics.js';
import type { OwnAnswers } from '../own-routes.js';
import { productVersion } from '../../product-path.js';
import { createSharedReadiness } from '../readiness.js';
import type { Listener } from '../server.js';
import type { Settings } from '../settings.js';
import type { EventSink } from '../snapshot.js';
import type { ListenerTls } from '../tls.js';
import type { UsageMeter } from '../usage-meter.js';
import { partsOfAll, partsOfDelta } from './config-parts.js';
import { Fleet, mostOf, sumOf, totalOf, turn, type FleetOptions, type Told } from './fleet.js';
import { Ledger } from './ledger.js';
import type { OwnQuestion, Report } from './messages.js';
import type { Outcome } from './shared-breaker.js';

export interface PrimaryParts {
  readonly core: Core;
  readonly own: OwnAnswers;
  readonly usage: UsageMeter;
  readonly events: EventSink;
  readonly tls: ListenerTls | undefined;
}

const MAX_GRACE_MS = 10_000;
/** A worker that compiles its first configuration is waited for, however large that is; one that has served and is frozen is replaced meanwhile. */
const MAX_COMPILE_MS = 600_000;

export class Primary implements Listener {
  readonly #settings: Settings;
  readonly #parts: () => PrimaryParts;
  readonly #fleet: Fleet;
  readonly #ledger: Ledger;
  /** Probes that workers were allowed: key and round, by worker. */
  readonly #probes = new Map<number, Map<string, number>>();
  readonly #readiness = createSharedReadiness({
    settled: () => this.#parts().core.publisher.settled(),
    isReady: () => this.#parts().core.isReady(),
    othersSettled: () => this.#fleet.ask('settled', null, () => undefined, MAX_COMPILE_MS),
  });
  #doKeepAnswers = false;

  /** `parts` are asked for once workers run. */
  constructor(settings: Settings, log: AccessLog, parts: () => PrimaryParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#fleet = new Fleet({
      settings,
      log,
      about: { version: productVersion(), startedAt: now() - process.uptime() * 1000 },
      briefing: () => this.#briefing(),
      serve: (worker) => this.#serve(worker),
      onLost: (worker) => this.#lost(worker),
      write: (lines) => void process.stdout.write(lines),
    });
    this.#ledger = new Ledger({
      limits: (key, limit) => this.#parts().core.state.limitCounts(key, limit),
      quotas: {
        look: (subject, limits) => {
          this.#parts().core.state.policyQuotas.note(subject, limits);
          return this.#parts().core.state.quotas.look(subject, limits);
        },
        add: (...counted) => this.#parts().core.state.quotas.add(...counted),
      },
      workers: () => settings.workers,
      recall: (worker, counter, received) =>
        this.#fleet.member(worker)?.line.call('recall', counter, received) ?? Promise.reject(new Error('The worker is gone.')),
    });
  }

  /** What workers are told of. */
  readonly followers: Followers = {
    onDelta: (delta) => {
      for (const part of partsOfDelta(this.#parts().core.source.position, delta)) this.#fleet.tell('configure', part);
      void this.#readiness.changed();
    },
    onCircuit: (key, breaker) => this.#fleet.tell('circuit', { key, circuit: breaker?.circuit(now()) ?? NEW_CIRCUIT }),
    onHealth: ({ key, isHealthy }) => this.#fleet.tell('health', { key, isHealthy }),
  };

  /** What metrics and the admin API ask of all who serve. */
  readonly sources = {
    connections: () => this.connections(),
    load: () => ({ share: mostOf(this.#fleet, 'shedShare'), refused: totalOf(this.#fleet, 'shed') }),
    keyCache: () => this.keys.stats(),
    answers: () => this.answers.stats(),
    processes: () => ({
      cpuSeconds: totalOf(this.#fleet, 'cpuSeconds'),
      residentBytes: sumOf(this.#fleet, 'residentBytes'),
      heapBytes: sumOf(this.#fleet, 'heapBytes'),
      lagSeconds: mostOf(this.#fleet, 'lagSeconds'),
    }),
    workers: () => ({ serving: this.#fleet.members.length, died: this.#fleet.deaths }),
  } satisfies Partial<MetricSources>;

  readonly keys: AdminOptions['keys'] = {
    stats: () => ({
      hits: totalOf(this.#fleet, 'keyHits'),
      misses: totalOf(this.#fleet, 'keyMisses'),
      entry_count: sumOf(this.#fleet, 'keyEntries'),
    }),
    clear: () => this.#fleet.tell('clearCaches', null),
  };

  readonly answers: AdminOptions['answers'] = {
    stats: () => ({
      hits: totalOf(this.#fleet, 'answerHits'),
      misses: totalOf(this.#fleet, 'answerMisses'),
      entry_count: sumOf(this.#fleet, 'answerEntries'),
      bytes: sumOf(this.#fleet, 'answerBytes'),
    }),
    // Keys and answers are cleared together.
    clear: () => undefined,
  };

  get certificates(): AdminOptions['certificates'] {
    const fleet = this.#fleet;
    return {
      mode: this.#settings.clientCertificates,
      stats() {
        const cert_validated = totalOf(fleet, 'certificatesValidated');
        const cert_missing = totalOf(fleet, 'certificatesMissing');
        const cert_invalid = totalOf(fleet, 'certificatesInvalid');
        return { total_requests: cert_validated + cert_missing + cert_invalid, cert_validated, cert_missing, cert_invalid };
      },
    };
  }

  /** Whether all who serve have compiled the first configuration. */
  isReady(): boolean {
    return this.#readiness.isReady();
  }

  listen(): Promise<number> {
    return this.#fleet.listen();
  }

  stop(graceMs = MAX_GRACE_MS): Promise<void> {
    return this.#fleet.stop(Math.min(graceMs, MAX_GRACE_MS), (worker, report) => this.#take(worker, report));
  }

  connections(): number {
    return sumOf(this.#fleet, 'connections');
  }

  /** Each worker looks at the files by itself, and says in the log what it found. */
  reloadTls(): boolean {
    this.#parts().tls?.texts();
    this.#fleet.tell('reloadCertificates', null);
    return false;
  }

  #serve(worker: number): ReturnType<FleetOptions['serve']> {
    return {
      calls: {
        limits: ({ demands, settled }) => {
          for (const settlement of settled) this.#ledger.settle(worker, settlement);
          return this.#ledger.decide(worker, demands);
        },
        probe: (key) => this.#probe(worker, key),
        own: (question) => this.#answer(question),
        turn,
      },
      tells: {
        report: (report) => this.#take(worker, report),
        outcome: (outcome) => this.#outcome(worker, outcome),
        invalidated: (resource) => this.#fleet.tellOthers(worker, 'invalidated', resource),
        keepsAnswers: () => {
          this.#doKeepAnswers = true;
          this.#fleet.tellOthers(worker, 'othersKeepAnswers', null);
        },
      },
    };
  }

  /** What the answer tells is up to date, and what it changes is in force everywhere before it goes. */
  async #answer({ body, isKnown, isDraining, ...request }: OwnQuestion): Promise<Reply> {
    const isChange = request.method !== 'GET' && request.method !== 'HEAD';
    if (isKnown) await this.#fleet.ask('report', null, (worker, report) => this.#take(worker, report));
    const reply = await this.#parts().own.answer({ ...request, readBody: () => Promise.resolve(body) }, isDraining);
    if (!isKnown || !isChange) return reply;
    this.#fleet.tell('forgetRefusals', null);
    await this.#fleet.ask('settled', null, () => undefined);
    return reply;
  }

  #take(worker: number, report: Report): void {
    const { core, usage, events } = this.#parts();
    const { limits, breakers, counts, totals, levels } = report;
    for (const settlement of limits) this.#ledger.settle(worker, settlement);
    for (const { key, successes, rejected } of breakers) this.#breaker(key)?.add(successes, rejected);
    core.metrics.add(counts);
    if (report.usage !== null) usage.add(report.usage);
    for (const event of report.events) events.record(event);
    const member = this.#fleet.member(worker);
    if (member !== undefined) member.last = { totals, levels };
  }

  #outcome(worker: number, { key, outcome, round, successes, rejected }: Outcome): void {
    const breaker = this.#breaker(key);
    if (breaker === undefined) return;
    breaker.add(successes, rejected);
    if (outcome === 'success') breaker.success(now(), round);
    if (outcome === 'failure') breaker.failure(now(), round);
    if (outcome === 'release') breaker.release(round);
    if (this.#probes.get(worker)?.get(key) === round) this.#probes.get(worker)?.delete(key);
  }

  #probe(worker: number, key: string): number | null {
    const breaker = this.#breaker(key);
    if (breaker === undefined || !breaker.accepts(now()) || breaker.admit(now()) > 0) return null;
    const probes = this.#probes.get(worker) ?? new Map<string, number>();
    this.#probes.set(worker, probes.set(key, breaker.round));
    return breaker.round;
  }

  #breaker(key: string): OwnBreaker | undefined {
    const breaker = this.#parts().core.state.breakers.get(key);
    return breaker !== undefined && 'circuit' in breaker ? (breaker as OwnBreaker) : undefined;
  }

  #lost(worker: number): void {
    this.#ledger.lost(worker);
    for (const [key, round] of this.#probes.get(worker) ?? []) this.#breaker(key)?.release(round);
    this.#probes.delete(worker);
  }

  #briefing(): ReturnType<FleetOptions['briefing']> {
    const { source, state, mayServeAlone } = this.#parts().core;
    const circuits = [...state.breakers.keys()].flatMap((key) => {
      const breaker = this.#breaker(key);
      return breaker === undefined || breaker.round === 0 ? [] : [{ key, circuit: breaker.circuit(now()) }];
    });
    const unhealthy = state.unhealthy().map((key): Told => ['health', { key, isHealthy: false }]);
    const keeping: readonly Told[] = this.#doKeepAnswers ? [['othersKeepAnswers', null]] : [];
    return {
      parts: partsOfAll(source),
      mayServeAlone: mayServeAlone(),
      certificateTexts: this.#parts().tls?.texts(),
      told: [...circuits.map((circuit): Told => ['circuit', circuit]), ...unhealthy, ...keeping],
    };
  }
}
