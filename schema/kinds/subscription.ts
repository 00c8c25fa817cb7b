import * as z from 'zod';
import { breaking, calledBack, immutable } from '../field.js';
import { defineKind } from '../kind.js';
import { resourceName } from '../name.js';
import { callbackUrl } from '../url.js';
import { isBuiltinPlan } from './plan.js';

/** Clients break when their access ends earlier than they were told. */
function shortened(before: string | undefined, after: string | undefined): string | undefined {
  if (after === undefined || (before !== undefined && Date.parse(after) >= Date.parse(before))) return undefined;
  return before === undefined ? 'expiry added' : 'expiry brought forward';
}

const expiry = z.iso.datetime({ offset: true, error: 'Expected an instant such as 2027-01-31T00:00:00Z.' }).optional();

const spec = z.strictObject({
  api: immutable(breaking(resourceName, (_before, after) => (after === undefined ? 'access removed' : undefined))).describe(
    'Name of the API that is subscribed to.',
  ),
  consumer: immutable(resourceName.optional()).describe('Name of the consumer that subscribes.'),
  plan: resourceName.optional().describe('Name of the plan; without one the subscription is active at once.'),
  expires_at: breaking(expiry, shortened).describe('When it ends by itself, its keys with it; a later instant renews it.'),
  application: z.string().min(1).max(200).optional().describe('The application that will call, such as mobile-app.'),
  callback_url: calledBack(callbackUrl.optional()).describe(
    'Told when the subscription is approved, rejected or revoked; never given the key.',
  ),
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
