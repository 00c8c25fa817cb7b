import * as z from 'zod';
import { definePolicy } from './contract.js';

const header = z
  .string()
  .max(200)
  .regex(/^[!#$%&'*+.^`|~0-9A-Za-z-]+$/, 'A header name has letters, digits and hyphens, and no underscore.')
  .refine((name) => !/^(authorization|cookie|x-api-key)$/i.test(name), 'What is asked with credentials is not kept by them.');

/** Says that answers may be kept, and how; the gateway looks for one when all policies have let the request through. */
export const cache = definePolicy({
  type: 'cache',
  stage: 'transform',
  exclusive: true,
  summary: 'Keeps answers to GET in memory and gives them again while they are fresh, by the rules of HTTP.',
  behaviour: [
    'Keys, tokens, rate limits and quotas are looked at first, for each request. An answer that is given again counts like any other.',
    'Fresh is what `Cache-Control` or `Expires` of the upstream says; `ttl_secs` holds for 200 without such a word. `no-store`, `private`, `Set-Cookie` and `Vary: *` are never kept; `no-cache` and what is no longer fresh is asked about with `If-None-Match` or `If-Modified-Since`. Nothing stale is ever given.',
    'What was asked with an API key is given to its subscription alone, and what was asked with `Authorization` of the application, a cookie or a client certificate is not kept. With `share_public`, an answer that says `public` or `s-maxage` is for everybody who may call the API.',
    'Clients decide with `no-cache`, `no-store`, `max-age`, `min-fresh` and `only-if-cached`, and are answered 304 when they have the answer already. Ranges and requests with a body pass through.',
    'A successful POST, PUT, PATCH or DELETE removes what is kept of its address. `POST /admin/cache/clear` removes everything; a restart too.',
    'Of several that could govern a request the one with the lowest priority number rules, then the one whose target is closest.',
    'Each answer says in `Cache-Status` (RFC 9211) where it came from. All APIs of a gateway share 64 MiB; what was not used for longest goes first.',
  ],
  config: z.strictObject({
    ttl_secs: z
      .int()
      .min(1)
      .max(86_400)
      .optional()
      .describe('How long an answer 200 is fresh when it does not say so itself; without it, such an answer is not kept.'),
    max_body_bytes: z
      .int()
      .min(1)
      .max(16 * 1024 * 1024)
      .default(1024 * 1024)
      .describe('Larger answers are not kept.'),
    share_public: z.boolean().default(false).describe('Whether answers that say `public` or `s-maxage` are given to all callers.'),
    key_headers: z
      .array(header)
      .max(20)
      .default([])
      .describe('Request headers that tell answers apart, beside those in `Vary`: for upstreams that leave it out.'),
  }),
  example: { ttl_secs: 60, share_public: true },
  compile({ ttl_secs, max_body_bytes: maxBodyBytes, share_public: sharePublic, key_headers }) {
    const ttlMs = ttl_secs === undefined ? undefined : ttl_secs * 1000;
    const rules = { ttlMs, maxBodyBytes, sharePublic, keyHeaders: key_headers.map((name) => name.toLowerCase()) };
    return {
      request(exchange) {
        exchange.cache = rules;
        return undefined;
      },
    };
  },
});
