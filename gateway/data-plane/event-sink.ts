/** Where what happens to requests goes: into the metrics, and to the control plane. */
import type { EventQueue } from './event-queue.js';
import type { GatewayMetrics } from './metrics.js';
import type { AuthFailure, EventSink } from './snapshot.js';

/** Counts each event, and tells the control plane of it when there is one. */
export function eventSink(metrics: GatewayMetrics, queue: () => EventQueue | undefined): EventSink {
  return {
    record(event) {
      const { tenant, label: api } = event.route;
      if (event.type === 'rate_limit_exceeded') metrics.rateLimited(tenant, api, event.consumer);
      if (event.type === 'auth_failed') metrics.authFailed(tenant, api, (event.reason ?? 'invalid_api_key') as AuthFailure);
      if (event.type === 'backend_error') metrics.upstreamFailed(tenant, api);
      queue()?.record(event);
    },
  };
}
