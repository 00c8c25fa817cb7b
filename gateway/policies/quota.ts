import * as z from 'zod';
import { definePolicy } from './contract.js';

/** Counts beside the quotas of plans and approvals; all that apply must let a request pass. */
export const quota = definePolicy({
  type: 'quota',
  stage: 'limit',
  exclusive: true,
  summary: 'Limits how many requests a consumer may send in a day and in a month.',
  behaviour: [
    'Days and months are those of UTC. Each consumer is counted by itself, over all APIs that one target of the policy names: over the whole tenant for a target of kind Tenant. All callers without a key are counted together.',
    'The quotas of plans and approvals count beside it, and all must let a request pass; what one limit refuses is counted by none. `rate_limit_multiplier` of the tenant scales it.',
    'Of several that could govern a request the one with the lowest priority number rules, then the one whose target is closest.',
    'What is used up is answered 429: the body names the quota, what was used and when it begins anew; `Retry-After` and the rate-limit headers say the same.',
    'Counts outlive changes of the policy and restarts of the gateway. `/admin/quotas` shows and resets them. Each gateway counts for itself.',
  ],
  config: z
    .strictObject({
      daily: z.int().min(1).max(1_000_000_000_000).optional().describe('Requests in a UTC day.'),
      monthly: z.int().min(1).max(1_000_000_000_000).optional().describe('Requests in a calendar month, UTC.'),
    })
    .refine(({ daily, monthly }) => daily !== undefined || monthly !== undefined, { message: 'Give daily, monthly, or both.' }),
  example: { daily: 1000, monthly: 20_000 },
  compile: (limits, services) => services.quota(limits),
});
