/** What a control plane does by itself, beside answering: each job starts with the server and ends with it. */
import { forgetSealed } from './api-keys/sealed.js';
import { sweep } from './api-keys/sweeper.js';
import { forgetAudit } from './audit/retention.js';
import type { ControlPlane } from './context.js';
import { forgetOldUsage } from './metrics/retention.js';
import { forgetLinks } from './one-time-links/service.js';
import { forgetIdle } from './portal/accounts.js';
import { startWebhookWorker } from './webhooks/worker.js';

interface Job {
  /** Waits for what is under way, then does no more. */
  stop(): Promise<void>;
}

interface Repeated {
  readonly everyMs: number;
  /** Event of the line that is logged when a run fails; the next run comes all the same. */
  readonly failure: string;
  run(cp: ControlPlane, isStopped: () => boolean): Promise<unknown>;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const REPEATED: readonly Repeated[] = [
  { everyMs: MINUTE_MS, failure: 'sweep_failed', run: sweep },
  { everyMs: HOUR_MS, failure: 'retention_failed', run: forgetOldUsage },
  { everyMs: MINUTE_MS, failure: 'link_retention_failed', run: forgetLinks },
  { everyMs: HOUR_MS, failure: 'audit_retention_failed', run: forgetAudit },
  { everyMs: HOUR_MS, failure: 'portal_retention_failed', run: forgetIdle },
  { everyMs: HOUR_MS, failure: 'sealed_key_retention_failed', run: forgetSealed },
];

/** Starts every job. */
export function startJobs(cp: ControlPlane): Job {
  const running = [...REPEATED.map((job) => repeat(cp, job)), startWebhookWorker(cp)];
  return { stop: async () => void (await Promise.all(running.map((job) => job.stop()))) };
}

/** Runs at once and then at intervals, one run at a time. */
function repeat(cp: ControlPlane, { everyMs, failure, run }: Repeated): Job {
  let isStopped = false;
  let running: Promise<unknown> = Promise.resolve();
  const next = (): void => {
    running = running.then(() => run(cp, () => isStopped)).catch((error: unknown) => cp.log.error({ event: failure, err: error }));
  };
  next();
  const timer = setInterval(next, everyMs).unref();
  return {
    stop: async () => {
      isStopped = true;
      clearInterval(timer);
      await running;
    },
  };
}
