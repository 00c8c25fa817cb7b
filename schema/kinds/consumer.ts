import * as z from 'zod';
import { breaking, set } from '../field.js';
import { defineKind } from '../kind.js';

const fingerprint = z
  .string()
  .regex(
    /^([0-9A-Fa-f]{64}|[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31})$/,
    'A fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits, with or without colons.',
  );

function removedFingerprints(before: readonly string[] | undefined, after: readonly string[] | undefined): string | undefined {
  if (after === undefined) return before === undefined ? undefined : 'authentication loosened';
  if (before === undefined) return 'client certificate required';
  return before.some((each) => !after.includes(each)) ? 'client certificate removed' : undefined;
}

const spec = z.strictObject({
  display_name: z.string().min(1).max(200).optional().describe('Name for people, where it differs from the name.'),
  external_id: z.string().min(1).max(255).optional().describe('Your own id of the consumer; unique in the tenant.'),
  email: z.email().optional().describe('Whom to write to.'),
  certificate_fingerprints: breaking(set(fingerprint, 1, 100).optional(), removedFingerprints).describe(
    'The only client certificates with which its keys work, as openssl x509 -fingerprint -sha256 shows them; keys alone are enough when absent.',
  ),
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
