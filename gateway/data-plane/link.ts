/** The connection to the control plane: what it gives comes in, what has happened goes out. */
import { join } from 'node:path';
import { now } from '../clock.js';
import type { AccessLog } from './access-log.js';
import { createTokenSource } from './control-plane-token.js';
import type { Core } from './core.js';
import type { EventQueue } from './event-queue.js';
import { startEventDelivery } from './events-to-control-plane.js';
import type { Settings } from './settings.js';
import type { Breaker } from './snapshot.js';
import { startSyncClient, type SyncClient } from './sync-client.js';
import type { UsageMeter } from './usage-meter.js';
import { startUsageDelivery, type UsageDelivery } from './usage-to-control-plane.js';

export interface Link {
  readonly client: SyncClient;
  readonly events: EventQueue;
  readonly usage: UsageDelivery;
}

interface LinkParts {
  readonly core: Core;
  readonly breaker: Breaker;
  /** Where this gateway keeps its files. */
  readonly directory: string;
  readonly usage: UsageMeter;
}

/** Begins to follow the control plane and to report to it; undefined for a gateway that follows nobody. */
export function connect(settings: Settings, { core, breaker, directory, usage: meter }: LinkParts, log: AccessLog): Link | undefined {
  const { controlPlaneUrl, gatewayToken, client, dataDirectory } = settings;
  if (controlPlaneUrl === undefined) return undefined;
  const tokens = createTokenSource({ controlPlaneUrl, gatewayToken, client, tokenFile: join(dataDirectory, 'gateway.token'), now });
  const { source, disk } = core;
  const onChange = (isWhole: boolean): void => disk.changed(isWhole);
  const follower = startSyncClient({ controlPlaneUrl, source, tokens, breaker, log, now, onChange });
  const events = startEventDelivery({
    controlPlaneUrl,
    tokens,
    directory,
    isConnected: () => follower.isConnected,
    onProblem: (reason) => log.event('error', 'event_queue_problem', { reason }),
    now,
  });
  const usage = startUsageDelivery({
    controlPlaneUrl,
    tokens,
    meter,
    directory,
    isConnected: () => follower.isConnected,
    onProblem: (reason) => log.event('error', 'usage_problem', { reason }),
  });
  return { client: follower, events, usage };
}
