/** What gateways report of live traffic; what they measured has a route of its own (`metrics/routes.ts`). */
import * as z from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.js';
import { requireGateway } from './access.js';
import { storeEvents } from './events.js';

const tag = 'Gateways';

const line = z.string().max(2000);
const id = z.string().min(1).max(200);
const event = z.strictObject({
  id: id.describe('Unique among all gateways.'),
  at: z.iso.datetime({ offset: true }).describe('When it happened.'),
  event_type: z.enum(['rate_limit_exceeded', 'auth_failed', 'backend_error']).describe('What happened.'),
  tenant: z.string().min(1).max(63).describe('Name of the tenant.'),
  api: line.optional().describe('Name of the API.'),
  consumer: line.optional().describe('Name of the consumer.'),
  subscription: id.optional().describe('Id of the subscription whose key it was.'),
  path: line.describe('Path of the request.'),
  status: z.int().min(100).max(599).describe('Status of the answer.'),
  reason: line.optional().describe('Why it happened.'),
  request_id: id
    .regex(/^\P{Cc}*$/u, 'A text has no control characters.')
    .optional()
    .describe('Id of the request.'),
  count: z.int().positive().max(1_000_000_000).optional().describe('How many alike it stands for; 1 when absent.'),
});

const reportEvents = endpoint({
  id: 'reportEvents',
  method: 'POST',
  urls: ['/gateways/events'],
  tag,
  summary: 'Report events of live traffic; each id counts once',
  right: 'sync',
  body: z.strictObject({ events: z.array(event).max(5000).describe('The events.') }),
  status: 202,
  answer: z.strictObject({
    received: z.int().min(0).describe('How many events were in the request.'),
    stored: z.int().min(0).describe('How many of them are new, and belong to a tenant that exists.'),
  }),
  async handle(cp, { actor, body }) {
    requireGateway(actor);
    return storeEvents(cp, body.events);
  },
});

export const gatewayEndpoints: readonly Endpoint[] = [reportEvents];
