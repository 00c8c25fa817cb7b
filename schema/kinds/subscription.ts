import { z } from 'zod';
import { breaking, immutable } from '../field.js';
import { defineKind } from '../kind.js';
import { resourceName } from '../name.js';
import { callbackUrl } from '../url.js';
import { isBuiltinPlan } from './plan.js';

const spec = z.strictObject({
  api: immutable(breaking(resourceName, (_before, after) => (after === undefined ? 'access removed' : undefined))).describe(
    'Name of the API that is subscribed to.',
  ),
  consumer: immutable(resourceName.optional()).describe('Name of the consumer that subscribes.'),
  plan: resourceName.optional().describe('Name of the plan; without one the subscription is active at once.'),
  application: z.string().min(1).max(200).optional().describe('The application that will call, such as mobile-app.'),
  callback_url: callbackUrl.optional().describe('Told when the subscription is approved, rejected or revoked; never given the key.'),
});

export type SubscriptionSpec = z.infer<typeof spec>;

export const subscription = defineKind({
  kind: 'Subscription',
  plural: 'subscriptions',
  scope: 'tenant',
  summary: 'The right of a consumer to call an API. Its API keys are lived state: made by rotation, never by apply.',
  spec,
  references: ({ api, consumer, plan }) => [
    { kind: 'API', name: api, field: 'api' },
    ...(consumer === undefined ? [] : [{ kind: 'Consumer', name: consumer, field: 'consumer' }]),
    ...(plan === undefined || isBuiltinPlan(plan) ? [] : [{ kind: 'Plan', name: plan, field: 'plan' }]),
  ],
  columns: { api: (spec) => spec.api, consumer: (spec) => spec.consumer ?? '', plan: (spec) => spec.plan ?? '' },
  example: { api: 'payments', consumer: 'mobile-app', plan: 'standard' },
});
