/** What the gateway says of itself, put together from what it holds. */
import { catalog } from '../catalog.js';
import { now } from '../clock.js';
import { createAdmin, type AdminOptions } from './admin.js';
import { createMetricsCheck } from './bearer.js';
import type { Core } from './core.js';
import type { Link } from './link.js';
import type { McpEndpoint } from './mcp/endpoint.js';
import type { OwnState } from './own-routes.js';
import { productVersion } from '../product-path.js';
import type { Settings } from './settings.js';
import type { Breaker } from './snapshot.js';
import type { UsageMeter } from './usage-meter.js';

export interface OwnParts {
  readonly core: Core;
  readonly breaker: Breaker;
  readonly usage: UsageMeter;
  readonly certificates: AdminOptions['certificates'];
  readonly mcp: McpEndpoint | undefined;
  /** Whether all who serve have a configuration. */
  isReady(): boolean;
  /** The caches of all who serve. */
  readonly keys: AdminOptions['keys'];
  readonly answers: AdminOptions['answers'];
  /** The connection to the control plane, once there is one. */
  link(): Link | undefined;
}

const NO_SESSIONS = { active_sessions: 0, zombie_count: 0, tracked_sessions: 0 };

/** The answers to the gateway's own routes. */
export function ownState(
  settings: Settings,
  { core, breaker, usage, certificates, keys, answers, mcp, isReady, link }: OwnParts,
): OwnState {
  const { source, publisher, quotas, disk, metrics } = core;
  const { adminToken: token, metricsToken, allowPrivateUpstreams, controlPlaneUrl } = settings;
  const version = productVersion();
  const admin = createAdmin({
    token,
    version,
    catalog,
    source,
    publisher,
    keys,
    answers,
    quotas,
    usage,
    certificates,
    sessions: () => mcp?.stats() ?? NO_SESSIONS,
    controlPlaneBreaker: breaker,
    onBreakerReset: () => link()?.client.retryNow(),
    save: (objects) => disk.saveAdmin(objects),
    allowPrivateUpstreams,
    now,
  });
  const linkState = () => (controlPlaneUrl === undefined ? 'none' : link()?.client.isConnected === true ? 'connected' : 'disconnected');
  return {
    health: () => ({ status: 'ok', version, uptime_seconds: Math.floor(process.uptime()) }),
    readiness: () => ({ ready: isReady(), control_plane: linkState() }),
    mayReadMetrics: createMetricsCheck(metricsToken),
    metrics: () => metrics.text(),
    admin,
    mcp,
  };
}
