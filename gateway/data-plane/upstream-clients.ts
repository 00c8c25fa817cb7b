/** Connections to upstreams: one pool of them per origin. */
import type { Snapshot, Upstream } from './snapshot.js';
import { UpstreamPool } from './upstream-client/upstream-pool.js';

export interface UpstreamClients {
  /** The connections of this upstream's origin. */
  pool(upstream: Upstream): UpstreamPool;
  /** Waits for nothing: call it when no request is in flight. */
  close(): void;
}

interface ClientOptions {
  readonly allowPrivate: boolean;
  snapshot(): Pick<Snapshot, 'routes'>;
}

/** Pools live as long as the configuration names their origins: those of others go, once they are idle, when a new one is made. */
export function createUpstreamClients({ allowPrivate, snapshot }: ClientOptions): UpstreamClients {
  const pools = new Map<string, UpstreamPool>();
  let swept: readonly unknown[] | undefined;
  const sweep = (): void => {
    const { routes } = snapshot();
    if (routes === swept) return;
    swept = routes;
    const named = new Set(routes.flatMap(({ upstreams }) => upstreams.all.map(({ poolKey }) => poolKey)));
    for (const [key, pool] of pools) if (pool.isIdle && !named.has(key)) pools.delete(key);
  };
  const build = ({ origin, connectTimeoutMs, poolKey }: Upstream): UpstreamPool => {
    sweep();
    const pool = new UpstreamPool({ origin, connectTimeoutMs, allowPrivate });
    pools.set(poolKey, pool);
    return pool;
  };
  return {
    pool: (upstream) => pools.get(upstream.poolKey) ?? build(upstream),
    close() {
      for (const pool of pools.values()) pool.destroy();
      pools.clear();
    },
  };
}
