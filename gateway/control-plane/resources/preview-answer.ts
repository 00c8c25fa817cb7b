/** What gateways hold, as an answer: what `schema/impact.ts` says in types, as a schema. */
import { z } from 'zod';
import { instant } from '../http/answers.js';
import { declaredResource } from './answers.js';

const text = (about: string) => z.string().describe(about);
const moment = (about: string) => z.int().describe(`${about} Epoch milliseconds.`);

const resource = declaredResource.extend({
  id: text('Its id.'),
  created_at: instant('When it was made.'),
  updated_at: instant('When it was changed last.'),
  suspended: z.literal(true).optional().describe('Of a tenant that is suspended.'),
});

const subscription = z.strictObject({
  id: text('Its id.'),
  tenant: text('Name of the tenant.'),
  name: text('Its name.'),
  status: z.enum(['pending_approval', 'active', 'suspended', 'revoked', 'expired', 'rejected']).describe('Its state.'),
  api: text('Name of the API.'),
  consumer: z.string().optional().describe('Name of the consumer.'),
  plan: z.string().optional().describe('Name of the plan.'),
  rate_limit: z.int().optional().describe('Requests an hour, set at approval.'),
  quota: z.int().optional().describe('Requests a calendar month, set at approval.'),
  expires_at: moment('When it ends by itself.').optional(),
});

const credential = z.strictObject({
  id: text('Id of the key; nothing here recognises the key itself.'),
  tenant: text('Name of the tenant.'),
  subscription: text('Id of the subscription.'),
  status: z.enum(['active', 'grace', 'revoked', 'expired']).describe('Its state.'),
  not_before: moment('From when on it is valid.'),
  not_after: moment('Until when it is valid; null without an end.').nullable(),
});

const held = z.strictObject({
  resources: z.array(resource).describe('Tenants, APIs, policies, consumers and plans.'),
  subscriptions: z.array(subscription).describe('Subscriptions with their state.'),
  credentials: z.array(credential).describe('API keys, without what recognises them.'),
});

const keys = (of: string) => z.array(z.string()).describe(`${of} that gateways would hold no longer.`);

/** The answer of `POST /v1/plan/objects`. */
export const plannedObjectsAnswer = z.strictObject({
  schema_version: z.literal(1).describe('Version of this form.'),
  current: held.describe('What gateways hold now.'),
  put: held.describe('What an apply would add or change of it.'),
  remove: z
    .strictObject({ resources: keys('Kinds and names'), subscriptions: keys('Ids'), credentials: keys('Ids') })
    .describe('What an apply would take away.'),
});
