/** `/metrics` of the control plane. No token needed: it holds sums alone. */
import type { FastifyPluginAsync } from 'fastify';
import type { ControlPlane } from '../context.js';
import { countByStatus, countTenants } from './store.js';

/** A scrape that comes sooner gets the same sums: counting must not become a load. */
const FRESH_MS = 5000;

/** Counts each request, and answers Prometheus. Registered at the root, so that every route is seen. */
export const metricsRoutes: FastifyPluginAsync<{ readonly cp: ControlPlane }> = (app, { cp }) => {
  const sources = {
    tenants: remembered(cp, () => countTenants(cp.db)),
    subscriptions: remembered(cp, () =>
      countByStatus(cp.db, 'subscription_states', ['pending_approval', 'active', 'suspended', 'expired']),
    ),
    deliveries: remembered(cp, () => countByStatus(cp.db, 'webhook_deliveries', ['pending', 'dead'])),
  };
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await cp.telemetry.text(sources);
    return reply.type(contentType).send(text);
  });
  app.addHook('onClose', () => cp.telemetry.stop());
  return Promise.resolve();
};

function remembered<Value>(cp: ControlPlane, read: () => Promise<Value>): () => Promise<Value> {
  let last: { readonly at: number; readonly value: Promise<Value> } | undefined;
  return () => {
    if (last === undefined || Math.abs(cp.now() - last.at) >= FRESH_MS) last = { at: cp.now(), value: read() };
    return last.value;
  };
}
