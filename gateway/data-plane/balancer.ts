/** Which server of a route takes a request: by weight, past those whose breaker is open or whose health check fails. */
import type { Upstream, Upstreams } from './snapshot.js';

/** One server and its share of the requests. */
export interface Server {
  readonly upstream: Upstream;
  readonly weight: number;
}

/** The servers of a route as one; a single one costs nothing more than its breaker. */
export function balance(servers: readonly Server[]): Upstreams {
  const [first] = servers;
  if (first === undefined) throw new TypeError('A route has at least one upstream.');
  return servers.length === 1 ? oneUpstream(first.upstream) : new Balancer(servers);
}

/** A route with one server. It is asked also while its health check fails: there is nobody else. */
export const oneUpstream = (upstream: Upstream): Upstreams => ({
  all: [upstream],
  ask: askOf([upstream]),
  pick: (nowMs) => upstream.breaker.admit(nowMs) || upstream,
  another: () => undefined,
});

/** Asks for all servers at once; undefined where no breaker has anybody to ask. */
function askOf(all: readonly Upstream[]): Upstreams['ask'] {
  const shared = all.map(({ breaker }) => breaker).filter(({ ask }) => ask !== undefined);
  if (shared.length === 0) return undefined;
  return (nowMs) => {
    let asked: Promise<void>[] | undefined;
    for (const breaker of shared) {
      const answer = breaker.ask?.(nowMs);
      if (answer !== undefined) (asked ??= []).push(answer);
    }
    return asked && Promise.all(asked);
  };
}

/**
 * Smooth weighted round robin, as nginx has it: of weights 2 and 1 the order is a b a, not a a b. Where every server fails its health check, all are
 * asked: a check that is wrong must not take the API down.
 */
class Balancer implements Upstreams {
  readonly all: readonly Upstream[];
  readonly ask: Upstreams['ask'];
  readonly #servers: readonly (Server & { current: number })[];

  constructor(servers: readonly Server[]) {
    this.all = servers.map(({ upstream }) => upstream);
    this.ask = askOf(this.all);
    this.#servers = servers.map((server) => ({ ...server, current: 0 }));
  }

  pick(nowMs: number): Upstream | number {
    const picked = this.#next(nowMs, undefined);
    if (picked === undefined) return Math.min(...this.all.map(({ breaker }) => breaker.admit(nowMs)));
    picked.breaker.admit(nowMs);
    return picked;
  }

  another(nowMs: number, than: Upstream): Upstream | undefined {
    const picked = this.#next(nowMs, than);
    picked?.breaker.admit(nowMs);
    return picked;
  }

  #next(nowMs: number, than: Upstream | undefined): Upstream | undefined {
    return this.#best(nowMs, than, isHealthy) ?? this.#best(nowMs, than, isAny);
  }

  #best(nowMs: number, than: Upstream | undefined, isCandidate: (upstream: Upstream) => boolean): Upstream | undefined {
    let total = 0;
    let best: (Server & { current: number }) | undefined;
    for (const server of this.#servers) {
      const { upstream } = server;
      if (upstream === than || !isCandidate(upstream) || !upstream.breaker.accepts(nowMs)) continue;
      server.current += server.weight;
      total += server.weight;
      if (best === undefined || server.current > best.current) best = server;
    }
    if (best !== undefined) best.current -= total;
    return best?.upstream;
  }
}

const isHealthy = ({ health }: Upstream): boolean => health?.isHealthy !== false;
const isAny = (): boolean => true;
