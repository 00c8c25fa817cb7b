/** The catalog of the product: the kinds of `schema/` joined with the policy types of `gateway/policies/`. */
import { buildCatalog } from '../schema/catalog.js';
import { policies } from './policies/index.js';

export const catalog = buildCatalog(policies);
