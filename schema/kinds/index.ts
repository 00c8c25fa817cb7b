/** Every kind whose definition needs no policy types, in the order in which people read them. `Policy` joins in `catalog.ts`. */
import type { KindDefinition } from '../kind.js';
import { api } from './api.js';
import { consumer } from './consumer.js';
import { plan } from './plan.js';
import { subscription } from './subscription.js';
import { tenant } from './tenant.js';
import { webhook } from './webhook.js';

export const kinds: readonly KindDefinition[] = [tenant, api, consumer, plan, subscription, webhook];
