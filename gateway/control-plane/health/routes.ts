/** Health of the control plane, and of the issuer in it (row CV6). No token needed. */
import type { FastifyPluginAsync } from 'fastify';
import { StoaError } from '../../../schema/error.js';
import type { ControlPlane } from '../context.js';
import { touchDatabase } from './store.js';

/** A probe that asks more often gets the last finding: a health check must not become a load. */
const FRESH_MS = 1000;

export interface HealthOptions {
  readonly cp: ControlPlane;
  readonly version: string;
  /** Whether the server is about to stop. */
  readonly isStopping: () => boolean;
}

/** `/health` says that the process lives, `/health/ready` that it can write. */
export const healthRoutes: FastifyPluginAsync<HealthOptions> = (app, { cp, version, isStopping }) => {
  const startedAt = cp.now();
  const checkDatabase = createDatabaseProbe(cp);
  app.get('/health', () => ({ status: 'ok', version, uptime_seconds: Math.floor((cp.now() - startedAt) / 1000) }));
  app.get('/health/live', () => ({ status: 'ok' }));
  app.get('/health/ready', async () => {
    if (isStopping()) throw new StoaError('service_unavailable', 'The control plane is about to stop.');
    await checkDatabase();
    return { status: 'UP' };
  });
  return Promise.resolve();
};

/** Throws what SQLite throws when nothing can be written. */
function createDatabaseProbe(cp: ControlPlane): () => Promise<void> {
  let last: { readonly at: number; readonly finding: Promise<void> } | undefined;
  return () => {
    if (last === undefined || Math.abs(cp.now() - last.at) >= FRESH_MS) last = { at: cp.now(), finding: touchDatabase(cp.db) };
    return last.finding;
  };
}
