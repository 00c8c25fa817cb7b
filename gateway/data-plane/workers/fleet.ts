/** The workers of a gateway, seen from the primary process: started, told, asked, replaced, stopped. */
import cluster, { type Worker } from 'node:cluster';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { StoaError } from '../../../schema/error.js';
import type { AccessLog } from '../access-log.js';
import type { Settings } from '../settings.js';
import { Channel, type Served } from './channel.js';
import type { ConfigPart, Levels, PrimaryAsks, PrimarySays, Report, Totals, WorkerAsks, WorkerSays } from './messages.js';
import { BEAT_MS, Heart, LOST_BEATS } from './heart.js';
import { forwardLines } from './log-lines.js';
import { Slot } from './slot.js';

export type WorkerLine = Channel<PrimaryAsks, PrimarySays, WorkerAsks, WorkerSays>;

/** One worker process. */
export interface Member {
  readonly id: number;
  readonly line: WorkerLine;
  /** What it said last. */
  last: Pick<Report, 'totals' | 'levels'> | undefined;
  /** From when it serves on. */
  heart: Heart | undefined;
}

export interface FleetOptions {
  readonly settings: Settings;
  readonly log: AccessLog;
  readonly about: { readonly version: string; readonly startedAt: number };
  /** What a new worker has to know before it serves. */
  briefing(): Pick<PrimarySays['start'], 'mayServeAlone' | 'certificateTexts'> & {
    readonly parts: readonly ConfigPart[];
    readonly told: readonly Told[];
  };
  /** Carries out what a worker asks and tells, but for what is about its own life. */
  serve(worker: number): Pick<Served<WorkerAsks, WorkerSays>, 'calls'> & {
    readonly tells: Omit<Served<WorkerAsks, WorkerSays>['tells'], 'awake' | 'ready' | 'failed'>;
  };
  /** A worker is dead. */
  onLost(worker: number): void;
  /** Takes whole lines of workers. */
  write(lines: Buffer): void;
}

/** One thing to tell, with its name. */
export type Told = { readonly [K in keyof PrimarySays]: readonly [name: K, message: PrimarySays[K]] }[keyof PrimarySays];

/** A worker that does not answer for so long is not waited for. */
const PATIENCE_MS = 5000;
/** Of the time that a stop may take, so much is for the last report of a worker, and as much for its end. */
const FAREWELL_MS = 500;
export const WORKER_FLAG = '--worker';

export class Fleet {
  readonly #options: FleetOptions;
  readonly #members = new Map<number, Member>();
  readonly #processes = new Map<number, Worker>();
  /** Of workers that are dead: what they counted stays counted. */
  readonly departed: Totals[] = [];
  /** How many have died. */
  deaths = 0;
  #isStopping = false;
  #beating: NodeJS.Timeout | undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  member(id: number): Member | undefined {
    return this.#members.get(id);
  }

  /** Starts all workers; resolves to the port when each serves. Throws what the first one says that cannot. */
  async listen(): Promise<number> {
    cluster.schedulingPolicy = cluster.SCHED_RR;
    cluster.setupPrimary({ args: [WORKER_FLAG], stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    this.#beating = setInterval(() => this.#beat(), BEAT_MS).unref();
    try {
      const ports = await Promise.all(Array.from({ length: this.#options.settings.workers }, () => this.#start(new Slot())));
      return ports[0] ?? this.#options.settings.port;
    } catch (error) {
      this.#end();
      for (const worker of this.#processes.values()) worker.process.kill('SIGKILL');
      throw error;
    }
  }

  tell(...[name, message]: Told): void {
    for (const { line } of this.#members.values()) line.tell(name, message);
  }

  /** Tells all but one. */
  tellOthers(teller: number, ...[name, message]: Told): void {
    for (const { id, line } of this.#members.values()) if (id !== teller) line.tell(name, message);
  }

  /** Asks all. Those that are gone, or do not answer in time, are left out; one that did not answer before is not waited for. */
  async ask<K extends keyof PrimaryAsks>(
    name: K,
    question: PrimaryAsks[K][0],
    received: (worker: number, answer: PrimaryAsks[K][1]) => void,
    patienceMs = PATIENCE_MS,
  ): Promise<void> {
    const asked = this.members.flatMap((member) => {
      const answered = member.line.call(name, question, (answer) => received(member.id, answer)).catch(() => undefined);
      return member.heart?.isLate === true ? [] : [answered];
    });
    await Promise.race([Promise.all(asked), sleep(patienceMs, undefined, { ref: false })]);
  }

  /** Lets all finish what is in flight; takes their last reports. After `graceMs` all have ended, one way or another. */
  async stop(graceMs: number, onReport: (worker: number, report: Report) => void): Promise<void> {
    this.#end();
    const ended = [...this.#processes.values()].map((worker) => over(worker));
    // Whoever does not serve yet has nothing to finish, and must not begin.
    for (const [id, worker] of this.#processes) if (!this.#members.has(id)) worker.process.kill('SIGKILL');
    const lastReportMs = Math.max(0, graceMs - FAREWELL_MS);
    await this.ask('stop', Math.max(0, lastReportMs - FAREWELL_MS), onReport, lastReportMs);
    for (const worker of this.#processes.values()) if (worker.isConnected()) worker.process.disconnect();
    await Promise.race([Promise.all(ended), sleep(FAREWELL_MS, undefined, { ref: false })]);
    for (const worker of this.#processes.values()) worker.process.kill('SIGKILL');
    // What was lent to them is counted when they have ended.
    await Promise.race([Promise.all(ended), sleep(FAREWELL_MS, undefined, { ref: false })]);
  }

  #end(): void {
    this.#isStopping = true;
    clearInterval(this.#beating);
  }

  /** A worker that is frozen is killed: its connections would hang for ever. Another one takes its place. */
  #beat(): void {
    for (const member of this.#members.values()) {
      member.heart?.beat();
      if (member.heart?.isLost !== true) continue;
      member.heart = undefined;
      const { process } = this.#processes.get(member.id) ?? {};
      const reason = `It has not answered for ${(LOST_BEATS * BEAT_MS) / 1000} seconds, and is killed.`;
      this.#options.log.event('error', 'worker_problem', { pid: process?.pid, reason });
      process?.kill('SIGKILL');
    }
  }

  /** Resolves to its port when it serves. */
  #start(slot: Slot): Promise<number> {
    const { log, write } = this.#options;
    const worker = cluster.fork();
    const closeHandedOver = watchHandover(worker);
    const startedAt = performance.now();
    return new Promise((resolve, reject) => {
      const member = this.#admit(worker, resolve, reject);
      worker.process.stdout?.on('data', forwardLines(write));
      worker.on('message', (batch) => member.line.receive(batch));
      worker.on('error', (error) => log.event('error', 'worker_problem', { pid: worker.process.pid, reason: error.message }));
      worker.on('exit', (code: number | null, signal: string | null) => {
        const reason = signal ?? `exit code ${String(code)}`;
        closeHandedOver();
        reject(new StoaError('internal_error', `A worker ended before it served: ${reason}.`));
        this.#lost(member);
        this.#follow(slot, worker, reason, performance.now() - startedAt);
      });
    });
  }

  #admit(worker: Worker, resolve: (port: number) => void, reject: (error: Error) => void): Member {
    const { calls, tells } = this.#options.serve(worker.id);
    const line = new Channel<PrimaryAsks, PrimarySays, WorkerAsks, WorkerSays>(
      (batch, sent) => {
        if (worker.isConnected()) worker.send(batch as object, () => sent());
      },
      {
        calls,
        tells: {
          ...tells,
          awake: () => this.#brief(member, worker),
          ready: (port) => {
            member.heart = new Heart(() => line.call('alive', null));
            resolve(port);
          },
          failed: ({ code, message, hint }) => {
            reject(new StoaError(code, message, hint === undefined ? {} : { hint }));
            worker.process.kill('SIGKILL');
          },
        },
      },
    );
    const member: Member = { id: worker.id, line, last: undefined, heart: undefined };
    this.#processes.set(worker.id, worker);
    return member;
  }

  /** From here on it is told what the others are told. */
  #brief(member: Member, worker: Worker): void {
    if (this.#isStopping) return void worker.process.kill('SIGKILL');
    const { settings, about, briefing } = this.#options;
    const { parts, told, ...state } = briefing();
    member.line.tell('start', { settings, ...about, ...state });
    for (const [name, message] of told) member.line.tell(name, message);
    for (const part of parts) member.line.tell('configure', part);
    this.#members.set(member.id, member);
  }

  #lost(member: Member): void {
    this.#members.delete(member.id);
    this.#processes.delete(member.id);
    member.line.close();
    if (member.last !== undefined) this.departed.push(member.last.totals);
    this.#options.onLost(member.id);
  }

  /** Another worker takes the place of a dead one. */
  #follow(slot: Slot, { process: { pid } }: Worker, reason: string, livedMs: number): void {
    if (this.#isStopping) return;
    this.deaths += 1;
    const delayMs = slot.nextAfterMs(livedMs, this.#processes.size === 0);
    this.#options.log.event('error', 'worker_died', { pid, reason, restart_in_ms: delayMs });
    void this.#replace(slot, delayMs);
  }

  async #replace(slot: Slot, delayMs: number): Promise<void> {
    await sleep(delayMs);
    if (this.#isStopping) return;
    await this.#start(slot).catch((error: unknown) => {
      if (!this.#isStopping)
        this.#options.log.event('error', 'worker_problem', { reason: error instanceof Error ? error.message : String(error) });
    });
  }
}

interface Handle {
  close(): void;
}

/**
 * node:cluster forgets the connection that it is handing over when a worker dies: its client would wait for ever. Returns what closes the last one that
 * was handed to this worker; one that the worker took is closed here already, and that changes nothing.
 */
function watchHandover({ process: child }: Worker): () => void {
  const send = child.send.bind(child) as (message: unknown, handle?: unknown, ...rest: unknown[]) => boolean;
  let last: Handle | undefined;
  Object.assign(child, {
    send(message: unknown, handle?: unknown, ...rest: unknown[]): boolean {
      if (typeof handle === 'object' && handle !== null && 'close' in handle) last = handle as Handle;
      return send(message, handle, ...rest);
    },
  });
  return () => last?.close();
}

/** When everything that was accepted before has been handed over. */
export async function turn(): Promise<null> {
  await setImmediate();
  await setImmediate();
  return null;
}

const over = (worker: Worker): Promise<void> => new Promise((resolve) => worker.once('exit', () => resolve()));

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** A number of all workers, the dead included, that only grows. */
export const totalOf = ({ members, departed }: Fleet, name: keyof Totals): number =>
  sum([...members.map(({ last }) => last?.totals[name] ?? 0), ...departed.map((totals) => totals[name])]);

/** A number of the moment: of all workers together. */
export const sumOf = ({ members }: Fleet, name: keyof Levels): number => sum(members.map(({ last }) => last?.levels[name] ?? 0));
export const mostOf = ({ members }: Fleet, name: keyof Levels): number =>
  Math.max(0, ...members.map(({ last }) => last?.levels[name] ?? 0));
