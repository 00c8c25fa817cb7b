/** What requests about subscriptions take, and what they are answered. */
import * as z from 'zod';
import { instant } from '../http/answers.js';
import { cursorQuery, pageQuery } from '../http/page.js';
import { queryInteger } from '../http/parse.js';

const STATUSES = ['pending_approval', 'active', 'suspended', 'revoked', 'expired', 'rejected'] as const;

const id = z.string().min(1).max(200);
const limit = z.int().positive().max(1_000_000_000).optional();

const plan = z.string().describe('Name of the plan; it decides whether somebody has to approve.');
const application = z.string().describe('The application that will call, such as mobile-app.');
const callbackUrl = z.string().describe('Told when the subscription is approved, rejected or revoked; never given the key.');

const expiry = z.iso
  .datetime({ offset: true, error: 'Expected an instant such as 2027-01-31T00:00:00Z.' })
  .describe('When it ends by itself, its keys with it; a later instant renews it.');

export const createBody = z.strictObject({
  api_id: id.describe('Id of the API, or its name.'),
  consumer_id: id.optional().describe('Id of the consumer that subscribes, or its name.'),
  plan: plan.optional(),
  application: application.optional(),
  callback_url: callbackUrl.optional(),
  expires_at: expiry.optional(),
  tenant_id: id.optional().describe('Id or name of the tenant; not needed below a tenant, or where the API is named by its id.'),
});

/** API and consumer stay as they are: keys were given out for them. */
export const changeBody = z.strictObject({
  plan: plan.nullable().optional(),
  application: application.nullable().optional(),
  callback_url: callbackUrl.nullable().optional(),
  expires_at: expiry.nullable().optional(),
});

export const approveBody = z.strictObject({
  rate_limit: limit.describe('Requests per hour.'),
  quota: limit.describe('Requests per calendar month.'),
});

export const listQuery = z.strictObject({
  ...pageQuery,
  cursor: cursorQuery,
  status: z
    .enum([...STATUSES, 'pending'])
    .optional()
    .describe('Only those in this state; "pending" means pending_approval.'),
  api_id: id.optional().describe('Only those to this API: id or name.'),
  consumer_id: id.optional().describe('Only those of this consumer: id or name.'),
});

/** Document C lists all subscriptions of a tenant in one call: as many as a page can hold. */
export const tenantListQuery = listQuery.extend({ limit: queryInteger(1, 100).default(100) });

export const flatListQuery = listQuery.extend({ tenant_id: id.optional().describe('Only those of this tenant: id or name.') });

export const subscriptionParams = z.object({ subscription: id.describe('Id or name of the subscription.') });

export const subscriptionAnswer = z.strictObject({
  id: z.string().describe('Id, made by the control plane; it never changes.'),
  name: z.string().describe('Name, unique in its tenant.'),
  tenant_id: z.string().describe('Name of the tenant.'),
  api_id: z.string().nullable().describe('Id of the API; null once the API is gone.'),
  api: z.string().describe('Name of the API.'),
  consumer_id: z.string().nullable().describe('Id of the consumer; null without one.'),
  consumer: z.string().nullable().describe('Name of the consumer; null without one.'),
  consumer_name: z.string().nullable().describe('Name of the consumer for people; null without one.'),
  consumer_email: z.string().nullable().describe('Whom to write to; null where nobody has said.'),
  plan: plan.nullable(),
  application: application.nullable(),
  callback_url: callbackUrl.nullable(),
  status: z.enum(STATUSES).describe('Its keys work while it is active, and only then.'),
  api_key: z.string().nullable().describe('The key, in the one answer that made it; null ever after.'),
  api_key_prefix: z.string().nullable().describe('First 12 characters of the newest active key.'),
  has_previous_key: z.boolean().describe('Whether a rotated key is still valid.'),
  previous_key_expires_at: instant('When the rotated key ends.').nullable(),
  rotation_count: z.int().min(0).describe('How often its key was rotated.'),
  last_rotated_at: instant('When its key was rotated last.').nullable(),
  rate_limit: z.int().nullable().describe('Requests per hour, set at approval.'),
  quota: z.int().nullable().describe('Requests per calendar month, set at approval.'),
  reason: z.string().nullable().describe('Why it was rejected, suspended or revoked.'),
  created_at: instant('When it was made.'),
  approved_at: instant('When it was approved.').nullable(),
  expires_at: instant('When it ends by itself; null when it does not.').nullable(),
  ended_at: instant('When it was rejected or revoked, or expired.').nullable(),
});

/** The request and the answer of document B, which prints five of the fields. */
export const documentB = {
  body: { api_id: 'api-xyz789', plan: 'standard', application: 'mobile-app', callback_url: 'https://myapp.com/webhook' },
  answer: {
    id: 'sub-12345',
    name: 'sub-12345',
    tenant_id: 'acme',
    api_id: 'api-xyz789',
    api: 'payments',
    consumer_id: null,
    consumer: null,
    consumer_name: null,
    consumer_email: null,
    plan: 'standard',
    application: 'mobile-app',
    callback_url: 'https://myapp.com/webhook',
    status: 'pending_approval',
    api_key: null,
    api_key_prefix: null,
    has_previous_key: false,
    previous_key_expires_at: null,
    rotation_count: 0,
    last_rotated_at: null,
    rate_limit: null,
    quota: null,
    reason: null,
    created_at: '2025-01-09T10:30:00Z',
    approved_at: null,
    expires_at: null,
    ended_at: null,
  },
} as const;
