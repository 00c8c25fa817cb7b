/** Active health checks: asks servers by themselves, and takes out of turn those that do not answer well. */
import type { AccessLog } from './access-log.js';
import type { Route, Upstream, UpstreamHealth } from './snapshot.js';
import { failureReason } from './upstream-failure.js';
import { askStatus } from './upstream-client/ask-status.js';
import { UpstreamPool } from './upstream-client/upstream-pool.js';

export interface HealthSettings {
  /** Behind the base path of the upstream. */
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row that take a server out, and successes in a row that bring it back. */
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
}

/** A server counts as healthy until it has failed often enough in a row. */
export class Health implements UpstreamHealth {
  readonly url: string;
  readonly settings: HealthSettings;
  /** Tells it from all others. */
  readonly key: string;
  isHealthy = true;
  #inARow = 0;

  constructor(url: string, settings: HealthSettings, key = url) {
    this.url = url;
    this.settings = settings;
    this.key = key;
  }

  /** Takes the outcome of one check; says whether it changed the state. */
  record(isGood: boolean): boolean {
    this.#inARow = isGood === this.isHealthy ? 0 : this.#inARow + 1;
    const { unhealthyThreshold, healthyThreshold } = this.settings;
    if (this.#inARow < (this.isHealthy ? unhealthyThreshold : healthyThreshold)) return false;
    this.isHealthy = !this.isHealthy;
    this.#inARow = 0;
    return true;
  }
}

export interface HealthChecks {
  /** The routes that are served from now on: checks of their servers begin and end with them. */
  follow(routes: readonly Route[]): void;
  stop(): void;
}

export interface HealthCheckOptions {
  readonly allowPrivate: boolean;
  readonly log: AccessLog;
  /** Told of each server that begins to fail its check or to pass it. */
  onChange?: ((health: Health) => void) | undefined;
}

/** Checks every server that has a check, in its own interval; a slow answer puts only the next check of that server off. */
export function startHealthChecks(options: HealthCheckOptions): HealthChecks {
  const running = new Map<UpstreamHealth, Check>();
  return {
    follow(routes) {
      const wanted = wantedOf(routes);
      for (const [health, check] of running) {
        if (wanted.has(health)) continue;
        running.delete(health);
        check.stop();
      }
      for (const [health, upstream] of wanted)
        if (health instanceof Health && !running.has(health)) running.set(health, new Check(health, upstream, options));
    },
    stop() {
      for (const check of running.values()) check.stop();
      running.clear();
    },
  };
}

/** The servers of one route have a check, or none has. */
function wantedOf(routes: readonly Route[]): Map<UpstreamHealth, Upstream> {
  const wanted = new Map<UpstreamHealth, Upstream>();
  for (const { state, upstream, upstreams } of routes) {
    if (upstream.health === undefined || state !== 'active') continue;
    for (const each of upstreams.all) if (each.health !== undefined) wanted.set(each.health, each);
  }
  return wanted;
}

/** The checks of one server, on a connection of their own. */
class Check {
  readonly #health: Health;
  readonly #pool: UpstreamPool;
  readonly #path: string;
  readonly #host: string;
  readonly #options: HealthCheckOptions;
  #timer: NodeJS.Timeout;
  #isStopped = false;

  constructor(health: Health, upstream: Upstream, options: HealthCheckOptions) {
    this.#health = health;
    this.#pool = new UpstreamPool({ ...upstream, allowPrivate: options.allowPrivate });
    this.#path = `${upstream.basePath}${health.settings.path}`;
    this.#host = upstream.host;
    this.#options = options;
    // Not all at once after a start.
    this.#timer = this.#schedule(Math.random() * Math.min(1000, health.settings.intervalMs));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#pool.destroy();
  }

  #schedule(afterMs: number): NodeJS.Timeout {
    return setTimeout(() => void this.#run(), afterMs).unref();
  }

  async #run(): Promise<void> {
    const problem = await this.#problem();
    if (this.#isStopped) return;
    if (this.#health.record(problem === undefined)) this.#report(problem);
    this.#timer = this.#schedule(this.#health.settings.intervalMs);
  }

  async #problem(): Promise<string | undefined> {
    const { timeoutMs } = this.#health.settings;
    try {
      const headers = ['host', this.#host, 'user-agent', 'stoa-health-check'];
      const status = await askStatus(this.#pool, { method: 'GET', path: this.#path, headers, body: undefined }, timeoutMs);
      if (status === undefined) return `no answer in ${timeoutMs} ms`;
      return status < 400 ? undefined : `status ${status}`;
    } catch (error) {
      return failureReason(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #report(problem: string | undefined): void {
    const { url } = this.#health;
    const { log, onChange } = this.#options;
    onChange?.(this.#health);
    if (problem === undefined) log.event('info', 'upstream_healthy', { upstream: url });
    else log.event('error', 'upstream_unhealthy', { upstream: url, reason: problem });
  }
}
