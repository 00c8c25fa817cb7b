/** What requests about API keys take, and what they are answered. */
import * as z from 'zod';
import { instant } from '../http/answers.js';
import { pageQuery } from '../http/page.js';

const id = z.string().min(1).max(200);
/** The last instant that its text form can hold without growing. */
const LATEST = Date.parse('9999-12-31T23:59:59.999Z');

/** When a key is to end; an instant that its text form can hold. */
const expiry = z.iso
  .datetime({ offset: true, error: 'Expected an instant such as 2026-01-09T00:00:00Z.' })
  .refine((text) => !(Date.parse(text) > LATEST), 'Expected an instant before the year 10000.')
  .optional();

export const createBody = z.strictObject({
  subscription_id: id.describe('Id of the active subscription that the key is for, or its name.'),
  name: z
    .string()
    .min(1)
    .max(200)
    // eslint-disable-next-line no-control-regex -- control characters are what is refused here
    .regex(/^[^\u0000-\u001f\u007f]*$/, 'A name has no control characters.')
    .optional()
    .describe('For people; "default" when absent.'),
  expires_at: expiry.describe('When the key ends; never when absent.'),
});

const RANGE = 'Expected a whole number of hours from 1 to 168.';

export const rotateBody = z.strictObject({
  grace_period_hours: z.int({ error: RANGE }).min(1, RANGE).max(168, RANGE).default(24).describe('How long the old key lives on.'),
  force: z.boolean().default(false).describe('Ends the key of a grace window that is still open, instead of refusing.'),
  expires_at: expiry.describe('When the new key ends; never when absent, whatever the end of the old one is.'),
});

export const consumerRotateBody = rotateBody.extend({
  subscription_id: id.optional().describe('Which of its subscriptions: id or name.'),
  api_id: id.optional().describe('The API of the subscription that is meant: id or name.'),
});

export const listQuery = z.strictObject({
  ...pageQuery,
  subscription_id: id.optional().describe('Only keys of this subscription: id or name.'),
});

export const keyParams = z.object({ key: id.describe('Id of the key.') });
export const consumerParams = z.object({ consumer: id.describe('Id or name of the consumer.') });

const prefix = z.string().describe('First 12 characters of the key.');

export const keyAnswer = z.strictObject({
  id: z.string().describe('Id, made by the control plane; it never changes.'),
  tenant_id: z.string().describe('Name of the tenant.'),
  subscription_id: z.string().describe('Id of the subscription that it opens the API for.'),
  name: z.string().describe('For people.'),
  prefix,
  api_key_prefix: prefix.describe('The same as "prefix".'),
  status: z.enum(['active', 'grace', 'revoked', 'expired']).describe('grace: rotated, and valid until its window closes.'),
  expires_at: instant('When it ends by itself.').nullable(),
  grace_until: instant('When its grace window closes.').nullable(),
  rotated_from: z.string().nullable().describe('Id of the key that it took the place of.'),
  created_at: instant('When it was made.'),
  revoked_at: instant('When it was revoked.').nullable(),
  last_used_at: instant('When it was used last, as far as gateways have reported.').nullable(),
});

export const newKeyAnswer = keyAnswer.extend({ api_key: z.string().describe('The key: shown this once.') });

export const rotationAnswer = z.strictObject({
  subscription_id: z.string().describe('Id of the subscription.'),
  new_api_key: z.string().describe('The new key: shown this once.'),
  new_api_key_prefix: prefix,
  old_key_expires_at: instant(
    'When the old key ends: with its grace window, or before where its own end is earlier; null when there was none.',
  ).nullable(),
  grace_period_hours: z.int().describe('How long the old key lives on.'),
  rotation_count: z.int().min(0).describe('How often the key of the subscription was rotated.'),
  api_key: z.string().describe('The same as "new_api_key".'),
  expires_at: instant('When the new key ends by itself; null when it does not.').nullable(),
});

export const keyRotationAnswer = rotationAnswer.extend({ id: z.string().describe('Id of the new key.') });

export const rotationInfoAnswer = z.strictObject({
  subscription_id: z.string().describe('Id of the subscription.'),
  api_key_prefix: prefix.nullable(),
  has_previous_key: z.boolean().describe('Whether a rotated key is still valid.'),
  previous_key_expires_at: instant('When the rotated key ends.').nullable(),
  rotation_count: z.int().min(0).describe('How often the key was rotated.'),
  last_rotated_at: instant('When the key was rotated last.').nullable(),
});

/** Document B. */
export const createExample = { subscription_id: 'sub-12345', name: 'Production Key', expires_at: '2026-01-09T00:00:00Z' };

/** Document C. */
export const rotateExamples = {
  body: { grace_period_hours: 24 },
  answer: {
    subscription_id: 'sub-uuid-123',
    new_api_key: 'stoa_sk_e7f8g9h0i1j2k3l4m5n6o7p8q9r0s1t2',
    new_api_key_prefix: 'stoa_sk_e7f8',
    old_key_expires_at: '2026-02-14T10:00:00Z',
    grace_period_hours: 24,
    rotation_count: 3,
    api_key: 'stoa_sk_e7f8g9h0i1j2k3l4m5n6o7p8q9r0s1t2',
    expires_at: null,
  },
};

/** Document C. */
export const rotationInfoExample = {
  subscription_id: 'sub-uuid-123',
  api_key_prefix: 'stoa_sk_e7f8',
  has_previous_key: true,
  previous_key_expires_at: '2026-02-14T10:00:00Z',
  rotation_count: 3,
  last_rotated_at: '2026-02-13T10:00:00Z',
};
