/** A control plane without its server: a real database in memory, a clock that tests set, and resources put in by hand. */
import { EventEmitter, once } from 'node:events';
import { tmpdir } from 'node:os';
import { pino } from 'pino';
import { catalog } from '../../gateway/catalog.js';
import type { Actor, ControlPlane, Trx } from '../../gateway/control-plane/context.js';
import { openMemoryDatabase } from '../../gateway/control-plane/database/open.js';
import { appendChanges } from '../../gateway/control-plane/gateways/store.js';
import { insertResources } from '../../gateway/control-plane/resources/store.js';
import { createTelemetry } from '../../gateway/control-plane/telemetry.js';
import { createVault } from '../../gateway/control-plane/vault.js';
import type { StoredResource } from '../../schema/change.js';
import { keyOf, type Resource } from '../../schema/resource.js';

export interface LivedState {
  readonly cp: ControlPlane;
  /** Sets the clock forward, or back. */
  advance(ms: number): void;
  close(): Promise<void>;
}

/** Noon of the day of document C. */
export const START = Date.parse('2026-02-13T12:00:00.000Z');

export const ADMIN: Actor = { name: 'service-account-test', roles: ['cpi-admin'], tenant: undefined, requestId: 'req-1' };

/** A control plane of its own; `close` ends it. */
export async function openLivedState(): Promise<LivedState> {
  const { db, close } = await openMemoryDatabase();
  const bell = new EventEmitter().setMaxListeners(0);
  let now = START;
  const cp: ControlPlane = {
    db,
    catalog,
    log: pino({ level: 'silent' }),
    now: () => now,
    gatewayUrl: 'http://gateway.test',
    publicUrl: 'http://control.test',
    announce: () => bell.emit('ring'),
    nextAnnouncement: async () => void (await once(bell, 'ring')),
    allowPrivateWebhooks: true,
    vault: createVault(Buffer.alloc(32, 7)),
    gatewayToken: 'gateway-token',
    telemetry: createTelemetry(Date.now, tmpdir()),
    auditRetentionDays: 365,
    hasPortal: false,
    isInContainer: false,
  };
  return { cp, close, advance: (ms) => (now += ms) };
}

/** Puts a resource in, with its change-log row and nothing else. Its id is its kind and name. */
export async function addResource(
  cp: ControlPlane,
  trx: Trx,
  resource: Pick<Resource, 'kind' | 'tenant' | 'name'> & { spec?: Resource['spec'] },
) {
  const at = new Date(cp.now()).toISOString();
  const stored: StoredResource = {
    labels: {},
    annotations: {},
    spec: {},
    ...resource,
    id: `${resource.kind.slice(0, 3).toLowerCase()}-${resource.tenant}-${resource.name}`,
    version: 1,
    managed_by: null,
    created_at: at,
    updated_at: at,
    updated_by: 'test',
  };
  await insertResources(trx, [stored], 1);
  await appendChanges(trx, 'resource', [keyOf(stored)]);
  return stored;
}
