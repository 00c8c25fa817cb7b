/** Forgets audit entries that are older than the log is kept. */
import { setImmediate } from 'node:timers/promises';
import type { ControlPlane } from '../context.js';
import { deleteAudit } from './store.js';

const DAY_MS = 24 * 3_600_000;
const BATCH = 500;

/** Deletes what is too old, in batches between which others are served; stops early when `isStopped`. Returns how many went. */
export async function forgetAudit(cp: ControlPlane, isStopped: () => boolean = () => false): Promise<number> {
  if (cp.auditRetentionDays === 0) return 0;
  const before = new Date(cp.now() - cp.auditRetentionDays * DAY_MS).toISOString();
  let gone = 0;
  while (!isStopped()) {
    const deleted = await deleteAudit(cp.db, before, BATCH);
    gone += deleted;
    if (deleted < BATCH) break;
    await setImmediate();
  }
  return gone;
}
