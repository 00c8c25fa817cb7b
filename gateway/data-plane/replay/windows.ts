/** How far back the limits and quotas of a replay look. */
import type { PlannedObjects } from '../../../schema/impact.js';
import { normalizeRateLimit, type RateLimitConfig } from '../../../schema/rate-limit.js';
import type { SyncResource, SyncSubscription } from '../../../schema/sync.js';
import { catalog } from '../../catalog.js';
import { now } from '../../clock.js';
import type { PolicyServices, QuotaLimits } from '../../policies/contract.js';
import { policies } from '../../policies/index.js';
import { policyServices } from '../hooks.js';
import { PARTS } from '../limiter.js';
import { createPolicyReader } from '../policy-bindings.js';
import { DAY_MS, dayNumber, monthOf, monthStart } from '../quotas.js';
import { RuntimeState } from '../runtime-state.js';

const HOUR_SECONDS = 3600;
/** Requests that a limiter has merged leave the window together: the first of them up to a part of it late. */
const MERGED = (PARTS + 1) / PARTS;

/**
 * When the first request was made that a limit or a quota can still count at `since`, today or with the change; `since` itself without any. Epoch
 * milliseconds.
 */
export function countedFrom({ current, put }: PlannedObjects, since: number): number {
  const reach = new Reach(since);
  const reader: Reader = {
    readPolicy: createPolicyReader(catalog, policies),
    state: new RuntimeState(now, { verifier: () => () => Promise.reject(new TypeError('Nothing is verified here.')) }),
  };
  for (const { resources, subscriptions } of [current, put]) {
    for (const resource of resources) noteResource(reach, reader, resource);
    for (const subscription of subscriptions) noteSubscription(reach, subscription);
  }
  return reach.from;
}

/** What reads policies as a gateway does. */
interface Reader {
  readonly readPolicy: ReturnType<typeof createPolicyReader>;
  readonly state: RuntimeState;
}

class Reach {
  readonly #since: number;
  from: number;

  constructor(since: number) {
    this.#since = since;
    this.from = since;
  }

  window(seconds: number): void {
    this.from = Math.min(this.from, this.#since - seconds * 1000 * MERGED);
  }

  quota({ daily, monthly }: QuotaLimits): void {
    const day = dayNumber(this.#since);
    if (daily !== undefined) this.from = Math.min(this.from, day * DAY_MS);
    if (monthly !== undefined) this.from = Math.min(this.from, monthStart(monthOf(day)));
  }
}

/** Limits that a resource sets itself, and those that a policy makes when it is compiled. */
function noteResource(reach: Reach, reader: Reader, resource: SyncResource): void {
  const parsed = catalog.find(resource.kind)?.spec.safeParse(resource.spec);
  if (parsed?.success !== true) return;
  const { rate_limit: rate, quota } = parsed.data as { readonly rate_limit?: RateLimitConfig; readonly quota?: QuotaLimits };
  if (rate !== undefined) reach.window(normalizeRateLimit(rate).window_secs);
  if (quota !== undefined) reach.quota(quota);
  if (resource.kind === 'Policy') notePolicy(reach, reader, resource);
}

function noteSubscription(reach: Reach, { rate_limit: rate, quota }: SyncSubscription): void {
  if (rate !== undefined) reach.window(HOUR_SECONDS);
  reach.quota({ monthly: quota });
}

function notePolicy(reach: Reach, { readPolicy, state }: Reader, { id, tenant, name, spec, created_at: createdAt }: SyncResource): void {
  const { usable, enabled } = readPolicy({ id, tenant, name, createdAt, spec });
  if (!enabled || 'problem' in usable) return;
  const services = policyServices(state, now, { tenant, key: id, multiplier: 1 });
  const watched: PolicyServices = {
    ...services,
    limiter: (settings) => {
      reach.window(settings.windowSeconds);
      return services.limiter(settings);
    },
    quota: (limits) => {
      reach.quota(limits);
      return services.quota(limits);
    },
  };
  usable.definition.compile(usable.config as never, watched);
}
