/** Connections to upstreams: one pool of them per origin. */
import type { Upstream } from './snapshot.js';
import { UpstreamPool } from './upstream-client/upstream-pool.js';

export interface UpstreamClients {
  /** The connections of this upstream's origin. */
  pool(upstream: Upstream): UpstreamPool;
  /** Waits for nothing: call it when no request is in flight. */
  close(): void;
}

/** Pools live until `close`; there are as many as the configuration has named origins. */
export function createUpstreamClients({ allowPrivate }: { readonly allowPrivate: boolean }): UpstreamClients {
  const pools = new Map<string, UpstreamPool>();
  const poolOf = new WeakMap<Upstream, UpstreamPool>();
  const build = (upstream: Upstream): UpstreamPool => {
    const { origin, connectTimeoutMs } = upstream;
    const key = `${origin} ${connectTimeoutMs}`;
    const pool = pools.get(key) ?? new UpstreamPool({ origin, connectTimeoutMs, allowPrivate });
    pools.set(key, pool);
    poolOf.set(upstream, pool);
    return pool;
  };
  return {
    pool: (upstream) => poolOf.get(upstream) ?? build(upstream),
    close() {
      for (const pool of pools.values()) pool.destroy();
      pools.clear();
    },
  };
}
