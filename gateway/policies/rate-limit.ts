import { normalizeRateLimit, rateLimitConfig } from '../../schema/rate-limit.js';
import { definePolicy } from './contract.js';

/** Counts per consumer when one is known, else per client address. */
export const rateLimit = definePolicy({
  type: 'rate_limit',
  stage: 'limit',
  exclusive: true,
  summary: 'Limits how many requests a caller may send in a window of time.',
  config: rateLimitConfig,
  example: { requests_per_minute: 100, burst: 20 },
  compile(config, services) {
    const { limit, window_secs, burst } = normalizeRateLimit(config);
    const limiter = services.limiter({ limit, windowSeconds: window_secs, burst });
    return {
      request(exchange) {
        const state = limiter.take(exchange.caller?.consumerId ?? exchange.caller?.subscriptionId ?? exchange.clientIp);
        if (exchange.limit === undefined || !state.allowed || state.remaining < exchange.limit.remaining) exchange.limit = state;
        return state.allowed ? undefined : services.errorReply('rate_limited');
      },
    };
  },
});
