/** Tidies up behind the clock. Nothing depends on it: whether a key is valid is decided on each request. */
import { commit, type ControlPlane } from '../context.js';
import { appendChanges, compactLog } from '../gateways/store.js';
import { expireSubscriptions } from '../subscriptions/expiry.js';
import { findMark, keysEndedWithin, markExpired, overdueKeys, setMark } from './store.js';
import { CLOCK_TOLERANCE_MS, ENDED_KEY_MEMORY_MS } from './validity.js';

const BATCH = 500;
const FORGOTTEN_UNTIL = 'keys_forgotten_until';

/**
 * Marks keys that ended an hour ago as expired (an hour, so that a clock that steps back finds them as they were), lets gateways forget those
 * that ended a day ago, and shortens the change log.
 */
export async function sweep(cp: ControlPlane): Promise<void> {
  const now = cp.now();
  while ((await expireBatch(cp, new Date(now - CLOCK_TOLERANCE_MS).toISOString())) === BATCH);
  await expireSubscriptions(cp);
  await forgetKeys(cp, new Date(now - ENDED_KEY_MEMORY_MS).toISOString());
  await cp.db.transaction().execute(compactLog);
}

async function expireBatch(cp: ControlPlane, before: string): Promise<number> {
  const ids = await overdueKeys(cp.db, before, BATCH);
  if (ids.length === 0) return 0;
  await commit(cp, async (trx) => {
    await markExpired(trx, ids);
    await appendChanges(trx, 'credential', ids);
  });
  return ids.length;
}

async function forgetKeys(cp: ControlPlane, until: string): Promise<void> {
  const after = (await findMark(cp.db, FORGOTTEN_UNTIL)) ?? '';
  const ids = await keysEndedWithin(cp.db, after, until);
  if (ids.length === 0) return;
  await commit(cp, async (trx) => {
    await appendChanges(trx, 'credential', ids);
    await setMark(trx, FORGOTTEN_UNTIL, until);
  });
}
