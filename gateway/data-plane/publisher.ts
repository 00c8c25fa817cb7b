/** From changed objects to the next snapshot: compiles what a change concerns, in slices that traffic does not notice, and swaps. */
import { createRouteCompiler, readApi, type CompiledRoute, type CompileServices } from './compile.js';
import type { Delta } from './config-source.js';
import { apiOfCounter } from './policy-bindings.js';
import { PrefixTable, prefixesOf, type Claim } from './prefix-table.js';
import type { Snapshot } from './snapshot.js';
import { SUBSCRIPTION_COUNTERS } from './subscription-limits.js';
import type { ApiSource, Consequences, Topology } from './topology.js';

export interface PublisherOptions extends CompileServices {
  readonly topology: Topology;
  /** Told of each route that has a problem, once for each set of problems. */
  onProblem(route: CompiledRoute): void;
  /** Told after a swap. */
  onPublish(snapshot: GatewaySnapshot): void;
  /** Told of the label of an API that is gone. */
  onGone(tenant: string, label: string): void;
}

/** A snapshot whose routes carry what the gateway itself wants to know. */
export interface GatewaySnapshot extends Snapshot {
  readonly routes: readonly CompiledRoute[];
  /** By key: the id, or that of the admin API. */
  readonly byKey: ReadonlyMap<string, CompiledRoute>;
}

/** How long a compile may hold up the requests that wait for the event loop. */
const SLICE_MS = 8;

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #compile: (input: Parameters<ReturnType<typeof createRouteCompiler>>[0]) => CompiledRoute;
  readonly #prefixes = new PrefixTable();
  readonly #routes = new Map<string, CompiledRoute>();
  readonly #dirty = new Set<string>();
  #snapshot: GatewaySnapshot = { number: 0, routes: [], byKey: new Map(), match: () => undefined };
  #number = 0;
  #isScheduled = false;
  readonly #waiting: (() => void)[] = [];

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#compile = createRouteCompiler(options);
  }

  /** What is served now. Read it once per request. */
  get snapshot(): GatewaySnapshot {
    return this.#snapshot;
  }

  /**
   * Takes a delta. A small change is served when this returns; a large one in slices, and what follows meanwhile joins it. `atOnce` is for the start, when
   * there is no traffic to hold up.
   */
  apply(delta: Delta, number: number, atOnce = false): Consequences {
    const consequences = this.#options.topology.apply(delta);
    this.#number = number;
    for (const key of consequences.apis) this.#claim(key);
    if (!this.#isScheduled) this.#work(atOnce ? Number.POSITIVE_INFINITY : SLICE_MS);
    return consequences;
  }

  /** Resolves when everything that was applied so far is served. */
  settled(): Promise<void> {
    if (!this.#isScheduled) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Forgets counters and breakers that nothing names any more; puts itself off while a compile is under way. */
  sweep(): void {
    if (this.#isScheduled) return;
    this.#options.state.sweep(
      this.liveCounters(),
      this.#snapshot.routes.flatMap(({ upstreams }) => upstreams.all),
    );
  }

  /** Tells whether something still counts under a key. */
  liveCounters(): (counterKey: string) => boolean {
    const { byKey } = this.#snapshot;
    const shared = new Set<string>([...SUBSCRIPTION_COUNTERS, ...this.#options.topology.counterKeys()]);
    return (key) => {
      const route = byKey.get(apiOfCounter(key));
      // What an API counts that cannot be compiled at the moment counts on when it can.
      return shared.has(key) || route?.state === 'broken' || (route?.counterKeys.includes(key) ?? false);
    };
  }

  /** The API that has a prefix now. */
  ownerOf(prefix: string): CompiledRoute | undefined {
    const key = this.#prefixes.owner(prefix);
    return key === undefined ? undefined : this.#routes.get(key);
  }

  #claim(key: string): void {
    const source = this.#options.topology.api(key);
    const claimant = source && { id: key, createdAt: source.createdAt, claims: claimsOf(source, this.#options) };
    for (const touched of this.#prefixes.put(key, claimant)) this.#dirty.add(touched);
  }

  #work(sliceMs: number): void {
    const end = performance.now() + sliceMs;
    for (const key of this.#dirty) {
      this.#dirty.delete(key);
      this.#compileOne(key);
      if (performance.now() > end && this.#dirty.size > 0) return void this.#goOnLater();
    }
    this.#isScheduled = false;
    this.#publish();
  }

  #goOnLater(): void {
    this.#isScheduled = true;
    setImmediate(() => this.#work(SLICE_MS));
  }

  #compileOne(key: string): void {
    const { topology, onProblem, onGone } = this.#options;
    const source = topology.api(key);
    const before = this.#routes.get(key);
    if (source === undefined) {
      this.#routes.delete(key);
      if (before !== undefined) onGone(before.tenant, before.label);
      return;
    }
    const route = this.#compile({
      source,
      prefixes: this.#prefixes.owned(key),
      lost: this.#prefixes.lost(key).map(({ prefix }) => prefix),
      bindings: topology.bindingsOf(source),
      multiplier: topology.multiplier(source.tenant),
      isSuspended: topology.isSuspended(source.tenant),
    });
    this.#routes.set(key, route);
    if (route.problems.length > 0 && route.problems.join() !== before?.problems.join()) onProblem(route);
  }

  #publish(): void {
    const router = this.#prefixes.router();
    const byKey: ReadonlyMap<string, CompiledRoute> = new Map(this.#routes);
    this.#snapshot = {
      number: this.#number,
      routes: [...byKey.values()],
      byKey,
      match(path) {
        const found = router.match(path);
        const route = found && byKey.get(found.target);
        return route && { route, prefixLength: found.length };
      },
    };
    this.#options.onPublish(this.#snapshot);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** The prefixes that an API wants. One whose spec is unusable still claims its path, so that it answers 503 and not 404. */
function claimsOf(source: ApiSource, { catalog }: CompileServices): readonly Claim[] {
  const { tenant, prefix } = source;
  if (prefix !== undefined) return [{ prefix, rank: 2 }];
  const found = readApi(catalog, source);
  if ('api' in found) return prefixesOf({ tenant, path: found.api.path, version: found.api.version });
  const { path, version } = source.spec as { readonly path?: unknown; readonly version?: unknown };
  if (typeof path !== 'string' || !path.startsWith('/')) return [];
  return prefixesOf({ tenant, path, version: typeof version === 'string' ? version : undefined });
}
