/** Every operation of the API below /v1, slice by slice, in the order in which the documentation shows them. */
import { apiKeyEndpoints } from './api-keys/routes.js';
import { apiEndpoints } from './apis/routes.js';
import { auditEndpoints } from './audit/routes.js';
import { consumerEndpoints } from './consumers/routes.js';
import { gatewayEndpoints } from './gateways/endpoints.js';
import type { Endpoint } from './http/endpoint.js';
import { metricsEndpoints } from './metrics/routes.js';
import { oneTimeLinkEndpoints } from './one-time-links/routes.js';
import { planEndpoints } from './plans/routes.js';
import { policyEndpoints } from './policies/routes.js';
import { portalEndpoints } from './portal/endpoints.js';
import { revisionEndpoints } from './resources/revision-routes.js';
import { resourceEndpoints } from './resources/routes.js';
import { subscriptionEndpoints } from './subscriptions/routes.js';
import { tenantEndpoints } from './tenants/routes.js';
import { deliveryEndpoints } from './webhooks/delivery-routes.js';
import { webhookEndpoints } from './webhooks/routes.js';

export const endpoints: readonly Endpoint[] = [
  ...tenantEndpoints,
  ...apiEndpoints,
  ...subscriptionEndpoints,
  ...apiKeyEndpoints,
  ...oneTimeLinkEndpoints,
  ...metricsEndpoints,
  ...consumerEndpoints,
  ...portalEndpoints,
  ...planEndpoints,
  ...policyEndpoints,
  ...webhookEndpoints,
  ...deliveryEndpoints,
  ...resourceEndpoints,
  ...revisionEndpoints,
  ...auditEndpoints,
  ...gatewayEndpoints,
];
