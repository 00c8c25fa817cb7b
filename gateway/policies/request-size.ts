import * as z from 'zod';
import { definePolicy } from './contract.js';

/** Of several that are bound, and of the API's own `max_body_bytes`, the smallest holds. The gateway counts while the body passes. */
export const requestSize = definePolicy({
  type: 'request_size',
  stage: 'authorize',
  exclusive: false,
  summary: 'Refuses requests whose body is too large, with 413.',
  config: z.strictObject({
    max_bytes: z.int().min(0).max(1_099_511_627_776).describe('How many bytes the body of a request may have; 0 allows none.'),
  }),
  example: { max_bytes: 1_048_576 },
  compile({ max_bytes }) {
    return {
      request(exchange) {
        exchange.maxBodyBytes = Math.min(exchange.maxBodyBytes ?? max_bytes, max_bytes);
        return undefined;
      },
    };
  },
});
