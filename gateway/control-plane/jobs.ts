/** What a control plane does by itself, beside answering: each job starts with the server and ends with it. */
import { startSweeper } from './api-keys/sweeper.js';
import { startRetention } from './audit/retention.js';
import type { ControlPlane } from './context.js';
import { startUsageRetention } from './metrics/retention.js';
import { startWebhookWorker } from './webhooks/worker.js';

interface Job {
  /** Waits for what is under way, then does no more. */
  stop(): Promise<void>;
}

const JOBS: readonly ((cp: ControlPlane) => Job)[] = [startSweeper, startUsageRetention, startWebhookWorker, startRetention];

/** Starts every job. */
export function startJobs(cp: ControlPlane): Job {
  const running = JOBS.map((start) => start(cp));
  return { stop: async () => void (await Promise.all(running.map((job) => job.stop()))) };
}
