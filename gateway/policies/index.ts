/** The policy types, in the order in which they are documented. Adding one is one file and one line here. */
import type { PolicyDefinition } from './contract.js';
import { cors } from './cors.js';
import { rateLimit } from './rate-limit.js';

export const policies: readonly PolicyDefinition[] = [rateLimit, cors];
