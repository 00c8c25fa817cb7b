import * as z from 'zod';
import { breaking } from '../field.js';
import { defineKind } from '../kind.js';
import { tenantName } from '../name.js';

const TIERS = ['free', 'starter', 'business', 'enterprise'] as const;

/** Tiers are case-insensitive and `community` is an older word for `free` (decision K26). */
const tier = z.preprocess(
  (value) => (typeof value === 'string' ? value.toLowerCase().replace(/^community$/, 'free') : value),
  z.enum(TIERS, { error: () => 'Invalid tier value' }),
);

/** Without a multiplier limits are as written. */
function loweredMultiplier(before = 1, after = 1): string | undefined {
  return after < before ? 'limit lowered' : undefined;
}

const spec = z.strictObject({
  display_name: z.string().min(1).max(200).optional().describe('Name for people.'),
  description: z.string().max(2000).optional().describe('What the tenant is for.'),
  // Every tenant has a tier: its end is the tenant's.
  tier: breaking(tier, (_before, after) => (after === undefined ? 'tenant removed' : undefined))
    .default('free')
    .describe('free, starter, business or enterprise: how often the tenant may call the control plane.'),
  admin_email: z.email().optional().describe('Whom to write to.'),
  region: z.string().min(1).max(100).optional().describe('Free text such as us-east-1.'),
  settings: z
    .strictObject({
      rate_limit_multiplier: breaking(z.number().positive().max(100).optional(), loweredMultiplier).describe(
        'Multiplies every limit of the tenant at the gateway.',
      ),
      control_plane_rate_limit: z
        .int()
        .positive()
        .max(10_000_000)
        .optional()
        .describe('Control-plane requests per hour, for the enterprise tier.'),
      portal: z.boolean().optional().describe('false closes the portal of the tenant, where the control plane has portals.'),
    })
    .default({})
    .describe('Settings of the tenant.'),
});

export type TenantSpec = z.infer<typeof spec>;

export const tenant = defineKind({
  kind: 'Tenant',
  plural: 'tenants',
  scope: 'global',
  summary: 'An organisation: the owner of APIs, policies, consumers and subscriptions. Tenants never see each other.',
  name: tenantName,
  spec,
  columns: { tier: (spec) => spec.tier, region: (spec) => spec.region ?? '' },
  example: { tier: 'starter', admin_email: 'admin@acme.example', region: 'eu-west-1' },
});
