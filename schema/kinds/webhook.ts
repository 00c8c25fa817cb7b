import * as z from 'zod';
import { calledBack, secretRef, set } from '../field.js';
import { defineKind } from '../kind.js';
import { callbackUrl } from '../url.js';

export const WEBHOOK_EVENTS = [
  '*',
  'subscription.approved',
  'subscription.created',
  'subscription.expired',
  'subscription.key_rotated',
  'subscription.rejected',
  'subscription.revoked',
  'subscription.suspended',
] as const;

const spec = z.strictObject({
  url: calledBack(callbackUrl).describe('Where events are posted.'),
  events: set(z.enum(WEBHOOK_EVENTS), 1).describe('Which events; "*" for all.'),
  secret_ref: secretRef().optional().describe('Where the signing secret comes from: env:NAME or file:path.'),
  enabled: z.boolean().default(true).describe('Whether events are delivered.'),
});

export type WebhookSpec = z.infer<typeof spec>;

export const webhook = defineKind({
  kind: 'Webhook',
  plural: 'webhooks',
  scope: 'tenant',
  summary: 'An address that is told of events, with a signature.',
  spec,
  columns: { url: (spec) => spec.url, events: (spec) => spec.events.join(', ') },
  example: { url: 'https://hooks.example.com/stoa', events: ['subscription.created'], secret_ref: 'env:STOA_WEBHOOK_SECRET' },
});
