/** The policy types, in the order in which they are documented. Adding one is one file and one line here. */
import type { PolicyDefinition } from './contract.js';
import { cache } from './cache.js';
import { cors } from './cors.js';
import { ipFilter } from './ip-filter.js';
import { jwt } from './jwt.js';
import { quota } from './quota.js';
import { rateLimit } from './rate-limit.js';
import { requestSize } from './request-size.js';
import { transform } from './transform.js';

export const policies: readonly PolicyDefinition[] = [rateLimit, cors, ipFilter, jwt, requestSize, transform, cache, quota];
