/** What every slice of the control plane is given. Made once by `main.ts`; tests make their own. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Kysely, Transaction } from 'kysely';
import type { FastifyBaseLogger } from 'fastify';
import type { ApplySource } from '../../schema/change.js';
import type { Catalog } from '../../schema/catalog.js';
import type { Telemetry } from './telemetry.js';
import type { Database } from './database/tables.js';

export type Db = Kysely<Database>;
export type Trx = Transaction<Database>;

export interface ControlPlane {
  readonly db: Db;
  readonly catalog: Catalog;
  readonly log: FastifyBaseLogger;
  /** Wall clock, epoch milliseconds. The only clock. */
  now(): number;
  /** Absolute base URL of the gateway, without a slash at its end: `gateway_url` and `public_url` derive from it. */
  readonly gatewayUrl: string;
  /** Absolute base URL of this server, without a slash at its end: the issuer derives from it. */
  readonly publicUrl: string;
  /** Wakes the streams that gateways follow; called after a commit that wrote to `change_log`. */
  announce(): void;
  /** Resolves at the next `announce`. Used by the streams. */
  nextAnnouncement(): Promise<void>;
  /** Encrypts and decrypts what must be kept but never read on disk (AES-256-GCM, key file beside the database). */
  readonly vault: { seal(text: string): string; open(sealed: string): string; digest(text: string): string };
  /** Whether webhooks may be sent to private and loopback addresses. */
  readonly allowPrivateWebhooks: boolean;
  /** Token that gateways present; compared in constant time. */
  readonly gatewayToken: string;
  /** What Prometheus is told. */
  readonly telemetry: Telemetry;
  /** How long the audit log is kept; 0 for ever. */
  readonly auditRetentionDays: number;
  /** Whether strangers may ask for access at /portal. */
  readonly hasPortal: boolean;
  /** Whether this runs in a container that others reach: whoever registers an upstream on localhost is warned. */
  readonly isInContainer: boolean;
}

/** `gateway` is what the gateway token gives: it may follow the change stream and report events, nothing else. */
export type Role = 'cpi-admin' | 'tenant-admin' | 'devops' | 'viewer' | 'gateway';

/** The idempotency key of the request that is being handled, if it has one: how a transaction notes that the request was done. */
const claim = new AsyncLocalStorage<(trx: Trx) => Promise<void>>();

/** Runs what handles a request, so that no crash can make it happen twice: `settle` runs at the end of its transaction. */
export const runClaimed = <Result>(settle: (trx: Trx) => Promise<void>, work: () => Result): Result => claim.run(settle, work);

/** Called at the end of a transaction that changes something for a request, unless `commit` has run it. */
export async function settleClaim(trx: Trx): Promise<void> {
  await claim.getStore()?.(trx);
}

/** One transaction, and after its commit the gateways' streams are woken. `work` must use `trx` alone: `cp.db` would wait for ever. */
export async function commit<Result>(cp: ControlPlane, work: (trx: Trx) => Promise<Result>): Promise<Result> {
  const result = await cp.db.transaction().execute(async (trx) => {
    const done = await work(trx);
    await settleClaim(trx);
    return done;
  });
  cp.announce();
  return result;
}

/** Who makes a request. */
export interface Actor {
  /** For people and the audit log: `service-account-control-plane-api`. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** Name of the only tenant that the actor may see; undefined for all. */
  readonly tenant: string | undefined;
  /** Its id: a name passes to another tenant when its owner is deleted. */
  readonly tenantId?: string;
  /** True while that tenant is suspended: its people may look, and change nothing. */
  readonly isSuspended?: boolean;
  readonly requestId: string;
  /** What they act through; REST when absent. */
  readonly origin?: Origin;
}

/** Where a write comes from. */
export interface Origin {
  /** Null for a write over REST. */
  readonly project: string | null;
  readonly source: ApplySource;
}
