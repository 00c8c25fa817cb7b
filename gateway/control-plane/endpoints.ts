/** Every operation of the API below /v1, slice by slice, in the order in which the documentation shows them. */
import type { Endpoint } from './http/endpoint.js';
import { metricsEndpoints } from './metrics/routes.js';
import { tenantEndpoints } from './tenants/routes.js';

export const endpoints: readonly Endpoint[] = [...tenantEndpoints, ...metricsEndpoints];
