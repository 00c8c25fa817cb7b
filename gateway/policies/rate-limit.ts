import { normalizeRateLimit, rateLimitConfig } from '../../schema/rate-limit.js';
import { definePolicy, type Exchange, type Hooks, type Limiter, type PolicyServices } from './contract.js';

/** The consumer when one is known, else the client address. */
export const callerOf = ({ caller, clientIp }: Exchange): string => caller?.consumerId ?? caller?.subscriptionId ?? clientIp;

/** At least 1: a client that is told 0 comes back at once. */
const secondsOf = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1000)));

/** The hooks of one limit: counts a request for its subject, and answers 429 when the limit is used up. */
export function limitHooks(limiter: Limiter, services: PolicyServices, subjectOf: (exchange: Exchange) => string): Hooks {
  return {
    request(exchange) {
      const state = limiter.take(subjectOf(exchange));
      if (exchange.limit === undefined || !state.allowed || state.remaining < exchange.limit.remaining) exchange.limit = state;
      return state.allowed ? undefined : services.errorReply('rate_limited', undefined, ['Retry-After', secondsOf(state.retryAfterMs)]);
    },
    giveBack(exchange) {
      limiter.giveBack(subjectOf(exchange));
    },
  };
}

/** Counts per consumer when one is known, else per client address. */
export const rateLimit = definePolicy({
  type: 'rate_limit',
  stage: 'limit',
  exclusive: true,
  summary: 'Limits how many requests a caller may send in a window of time.',
  behaviour: [
    'Counts outlive changes of the policy. They live in memory: a gateway that is started anew begins its windows anew. What has to hold for days, also over restarts, is a `quota`.',
  ],
  config: rateLimitConfig,
  example: { requests_per_minute: 100, burst: 20 },
  compile(config, services) {
    const { limit, window_secs, burst } = normalizeRateLimit(config);
    return limitHooks(services.limiter({ limit, windowSeconds: window_secs, burst }), services, callerOf);
  },
});
