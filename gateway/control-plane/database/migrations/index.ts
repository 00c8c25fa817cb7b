/** The migrations, in order; the place in the list is the version of the database. Nothing is ever taken out or changed once released. */
import type { Transaction } from 'kysely';
import type { Database } from '../tables.js';
import { createTables } from './001-create-tables.js';
import { listSubscriptions } from './002-list-subscriptions.js';
import { createUsage } from './003-create-usage.js';
import { createWebhookDeliveries } from './004-create-webhook-deliveries.js';
import { auditSources } from './005-audit-sources.js';
import { livedStates } from './006-lived-states.js';
import { oneTimeLinks } from './007-one-time-links.js';
import { countedRequests } from './008-counted-requests.js';
import { portal } from './009-portal.js';
import { portalNetworks } from './010-portal-networks.js';

export const migrations: readonly ((trx: Transaction<Database>) => Promise<void>)[] = [
  createTables,
  listSubscriptions,
  createUsage,
  createWebhookDeliveries,
  auditSources,
  livedStates,
  oneTimeLinks,
  countedRequests,
  portal,
  portalNetworks,
];
