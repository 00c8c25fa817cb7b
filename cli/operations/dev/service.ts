/** One server of the stack as a child process: started, watched, restarted when it dies, stopped. */
import { spawn, type ChildProcess } from 'node:child_process';
import { StoaError, type ErrorBody } from '../../../schema/error.js';
import type { EmitDevEvent, ServiceName } from './events.js';
import type { DevPart, PartState } from './part.js';
import { wholeLines } from './whole-lines.js';

const SEE_LOG = 'What it said is above, and in logs/ of the data directory.';
const START_TIMEOUT_MS = 120_000;
/** A child drains for at most 10 s by itself. */
const STOP_TIMEOUT_MS = 15_000;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 10_000;
/** A child that lived this long starts again with the shortest delay. */
const STABLE_MS = 30_000;

export interface ServiceOptions {
  readonly name: ServiceName;
  /** Absolute path of the script in `bin/`. */
  readonly script: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly port: number;
}

/** The first message of a child (`bin/control-plane.js`, `bin/gateway.js`). */
export interface Ready {
  readonly type: 'ready';
  readonly port: number;
  /** Only when the issuer's secret was made by this very start: its only showing. */
  readonly first_run?: { readonly client_id: string; readonly client_secret: string };
}

/** What a child says that could not do its work. */
export interface Failed {
  readonly type: 'failed';
  readonly error: ErrorBody['error'];
}

type Message = Ready | Failed;

export class Service implements DevPart {
  readonly #options: ServiceOptions;
  readonly #emit: EmitDevEvent;
  #child: ChildProcess | undefined;
  #state: PartState = 'stopped';
  #since: number | undefined;
  #problem = '';
  /** Counts stops, so that what was begun before one does not go on after it. */
  #stops = 0;
  #isClosed = false;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;

  constructor(options: ServiceOptions, emit: EmitDevEvent) {
    this.#options = options;
    this.#emit = emit;
  }

  get name(): ServiceName {
    return this.#options.name;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#options.port}`;
  }

  get state(): PartState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#child === undefined || hasEnded(this.#child) ? undefined : this.#child.pid;
  }

  get since(): number | undefined {
    return this.#state === 'running' ? this.#since : undefined;
  }

  get problem(): string {
    return this.#state === 'restarting' ? this.#problem : '';
  }

  /** Resolves when the child serves. Throws the child's own error when it cannot start; it is not tried again then. */
  async start(): Promise<Ready> {
    if (this.#isClosed) throw new StoaError('interrupted');
    const stops = this.#stops;
    this.#state = 'starting';
    this.#emit({ type: 'starting', service: this.name });
    try {
      return await this.#launch();
    } catch (error) {
      if (stops === this.#stops) this.#state = 'stopped';
      throw error;
    }
  }

  /** Asks the child to drain, and ends it when it does not. It stays stopped until it is started. */
  async stop(): Promise<void> {
    this.#halt('stopping');
    const child = this.#child;
    if (child !== undefined && !hasEnded(child)) {
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    }
    this.#state = 'stopped';
  }

  /** Stops for good: nothing starts it again. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.stop();
  }

  /** Ends the child at once, for good. */
  kill(): void {
    this.#isClosed = true;
    this.#halt('stopped');
    this.#child?.kill('SIGKILL');
  }

  #halt(state: PartState): void {
    this.#stops += 1;
    this.#state = state;
    clearTimeout(this.#retry);
  }

  async #launch(): Promise<Ready> {
    const { name, script, args, env } = this.#options;
    // A group of its own: Ctrl-C reaches this process alone, which then drains its children in order.
    const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: { ...env }, detached: true });
    this.#child = child;
    this.#follow(child);
    const stops = this.#stops;
    const ready = await firstMessage(child, name);
    if (stops !== this.#stops) throw new StoaError('interrupted');
    const startedAt = performance.now();
    this.#state = 'running';
    this.#since = Date.now();
    child.once('exit', (code, signal) => {
      if (stops !== this.#stops) return;
      if (performance.now() - startedAt > STABLE_MS) this.#retryMs = FIRST_RETRY_MS;
      this.#scheduleRestart('died', describeExit(code, signal));
    });
    this.#emit({ type: 'ready', service: name, url: this.url, pid: child.pid });
    return ready;
  }

  #follow(child: ChildProcess): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const collector = wholeLines((lines) => {
        this.#emit({ type: 'output', service: this.#options.name, stream, lines });
      });
      child[stream]?.on('data', collector.push).on('end', collector.end);
    }
  }

  #scheduleRestart(type: 'died' | 'restart_failed', reason: string): void {
    const retryMs = this.#retryMs;
    this.#state = 'restarting';
    this.#problem = reason;
    this.#retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
    this.#emit({ type, service: this.#options.name, reason, retryMs });
    this.#retry = setTimeout(() => void this.#restart(), retryMs);
  }

  async #restart(): Promise<void> {
    const stops = this.#stops;
    try {
      await this.#launch();
    } catch (error) {
      if (stops === this.#stops) this.#scheduleRestart('restart_failed', error instanceof Error ? error.message : String(error));
    }
  }
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

const describeExit = (code: number | null, signal: NodeJS.Signals | null): string =>
  signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`;

/** Waits for `ready`. Anything else is a `StoaError`: the child's own, or one that says how it ended; its stderr was passed on. */
function firstMessage(child: ChildProcess, name: ServiceName): Promise<Ready> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new StoaError('service_unavailable', `The ${name} did not start within ${START_TIMEOUT_MS / 1000} s.`, { hint: SEE_LOG }));
    }, START_TIMEOUT_MS);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(new StoaError('service_unavailable', `The ${name} could not be started: ${error.message}.`, { hint: SEE_LOG, cause: error }));
    });
    child.once('message', (message) => {
      clearTimeout(timer);
      const { type, ...rest } = message as Message;
      if (type === 'ready') resolve(message as Ready);
      // The port is free again only when the process is gone.
      else child.once('exit', () => reject(childFailure((rest as Failed).error)));
    });
    // `close` comes after the last byte of stderr.
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      reject(
        new StoaError('service_unavailable', `The ${name} ended while it was starting (${describeExit(code, signal)}).`, { hint: SEE_LOG }),
      );
    });
  });
}

/** The error of a child as our own. */
export function childFailure({ code, message, hint, details = [] }: ErrorBody['error']): StoaError {
  const diagnostics = details.map((detail) => ({ severity: 'error' as const, code, message: detail.message, path: detail.field }));
  return new StoaError(code, message, { diagnostics, ...(hint === undefined ? {} : { hint }) });
}
