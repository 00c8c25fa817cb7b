import * as z from 'zod';
import { breaking } from '../field.js';
import { defineKind } from '../kind.js';
import { rateLimitConfig } from '../rate-limit.js';

const amount = breaking(z.int().positive().optional(), (before, after) =>
  after === undefined || (before !== undefined && after >= before) ? undefined : before === undefined ? 'quota added' : 'quota lowered',
);

const spec = z.strictObject({
  display_name: z.string().min(1).max(200).optional().describe('Name for people.'),
  description: z.string().max(2000).optional().describe('What subscribers get.'),
  requires_approval: z.boolean().default(false).describe('Whether a person approves each subscription before it gets a key.'),
  rate_limit: rateLimitConfig.optional().describe('Limit of each subscription of this plan.'),
  quota: z
    .strictObject({
      daily: amount.describe('Requests per UTC day.'),
      monthly: amount.describe('Requests per calendar month, UTC.'),
    })
    .optional()
    .describe('How much a subscription may use.'),
});

export type PlanSpec = z.infer<typeof spec>;

/** Plans that every tenant has without declaring them (decision K2). A plan of the same name in the tenant takes their place. */
export const BUILTIN_PLANS: Readonly<Record<string, PlanSpec>> = { standard: { requires_approval: true } };

export const isBuiltinPlan = (name: string): boolean => Object.hasOwn(BUILTIN_PLANS, name);

export const plan = defineKind({
  kind: 'Plan',
  plural: 'plans',
  scope: 'tenant',
  summary: 'What subscribers of a tier get: limits, quotas, and whether somebody approves.',
  spec,
  columns: { approval: (spec) => (spec.requires_approval ? 'required' : 'automatic') },
  example: { requires_approval: true, rate_limit: { requests_per_minute: 60 }, quota: { monthly: 50_000 } },
});
