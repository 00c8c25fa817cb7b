/** When a gateway is ready: it has a configuration, and serves it. */
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
