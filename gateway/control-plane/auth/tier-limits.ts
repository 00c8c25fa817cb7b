/** How often the API may be called (rows CV23 to CV29): per tenant of the caller and hour, exact, whatever comes at the same time. */
import type { StoredResource } from '../../../schema/change.js';
import type { TenantSpec } from '../../../schema/kinds/tenant.js';
import type { Actor } from '../context.js';
import { createHourlyCounts, type Standing } from '../hourly-counts.js';

const HOUR_MS = 3_600_000;
const MAX_SUBJECTS = 100_000;
/** Nobody who has no limit of their own comes near it: as much as can be set at all. */
const UNLIMITED = 10_000_000;

/** Calls per hour of each tier; enterprise has what its tenant's setting says. */
const TIERS = { free: 100, starter: 1000, business: 10_000, enterprise: UNLIMITED } as const;

/** Of service clients that belong to no tenant. */
export const DEFAULT_PLATFORM_LIMIT = 100_000;

export interface TierLimits {
  /** Counts a call of an actor, whose tenant is given when it has one. A call that is refused does not count. */
  take(actor: Actor, tenant: StoredResource | undefined): Standing;
}

/** Counts in memory: an hour begins with a caller's first call, and with a restart. `platformLimit` is that of callers without a tenant. */
export function createTierLimits(now: () => number, platformLimit = DEFAULT_PLATFORM_LIMIT): TierLimits {
  const counts = createHourlyCounts(now, MAX_SUBJECTS);
  return {
    take(actor, tenant) {
      const limit = tenant === undefined ? platformLimit : limitOf(tenant);
      // A gateway is never held back: traffic depends on it.
      if (actor.roles.includes('gateway')) return { isAllowed: true, limit, remaining: limit, resetsAt: now() + HOUR_MS };
      return counts.take(tenant?.id ?? `client ${actor.name}`, limit);
    },
  };
}

function limitOf({ spec }: StoredResource): number {
  // A stored spec was parsed by its kind.
  const { tier, settings } = spec as unknown as TenantSpec;
  return tier === 'enterprise' ? (settings.control_plane_rate_limit ?? UNLIMITED) : TIERS[tier];
}
