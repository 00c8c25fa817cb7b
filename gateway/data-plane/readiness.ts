/** When a gateway is ready: it has a configuration, and serves it, in all of its processes. */
import type { ConfigSource } from './config-source.js';

export interface Readiness {
  isReady(): boolean;
  /** The routes were swapped. */
  published(): void;
}

/**
 * Ready from the first swap after there is a configuration: while its routes are still being compiled, all of them would answer 404. What the admin API
 * gave is a configuration where `mayServeAlone` says so. Who removes the last route of a gateway that is ready has a gateway with no routes, not one that waits.
 */
export function createReadiness(source: Pick<ConfigSource, 'position' | 'adminApis'>, mayServeAlone: () => boolean): Readiness {
  let isServed = false;
  const isConfigured = (): boolean => source.position !== undefined || (source.adminApis.size > 0 && mayServeAlone());
  return {
    isReady: () => isServed,
    published: () => void (isServed ||= isConfigured()),
  };
}

export interface Sharers {
  /** Resolves when all that was taken so far is served here. */
  settled(): Promise<void>;
  /** Whether a configuration is served here. */
  isReady(): boolean;
  /** Resolves when the others, who were told of the same, serve it too. */
  othersSettled(): Promise<void>;
}

export interface SharedReadiness {
  isReady(): boolean;
  /** Call it for each change, when the others have been told of it. */
  changed(): Promise<void>;
}

/** Ready from when the first configuration is served by all who serve; whoever starts later compiles before he listens. */
export function createSharedReadiness({ settled, isReady, othersSettled }: Sharers): SharedReadiness {
  let isInForce = false;
  return {
    isReady: () => isInForce,
    async changed() {
      if (isInForce) return;
      await settled();
      // Before the others are asked: what is served here by now, they have been told of. A later change says nothing of this one.
      const isServed = isReady();
      await othersSettled();
      isInForce ||= isServed;
    },
  };
}
