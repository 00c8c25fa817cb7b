import { z } from 'zod';
import { defineKind } from '../kind.js';

const spec = z.strictObject({
  display_name: z.string().min(1).max(200).optional().describe('Name for people, where it differs from the name.'),
  external_id: z.string().min(1).max(255).optional().describe('Your own id of the consumer; unique in the tenant.'),
  email: z.email().optional().describe('Whom to write to.'),
  consumer_metadata: z.record(z.string().max(100), z.json()).default({}).describe('Anything of yours, kept as it is.'),
});

export type ConsumerSpec = z.infer<typeof spec>;

export const consumer = defineKind({
  kind: 'Consumer',
  plural: 'consumers',
  scope: 'tenant',
  summary: 'Somebody who calls APIs: a client, an application, a user.',
  spec,
  claims: ({ external_id }, name) => [{ claim: `external_id ${external_id ?? name}`, field: 'external_id' }],
  columns: { external_id: (spec) => spec.external_id ?? '', email: (spec) => spec.email ?? '' },
  example: { external_id: 'user-12345', email: 'user@example.com', consumer_metadata: { plan: 'starter' } },
});
