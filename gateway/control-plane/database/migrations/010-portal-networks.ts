/** From which network somebody asked for access at the developer portal: one network takes no more than its share of the places. */
import type { Transaction } from 'kysely';
import type { Database } from '../tables.js';

/** Adds `network` to `portal_accounts`. */
export async function portalNetworks({ schema }: Transaction<Database>): Promise<void> {
  await schema.alterTable('portal_accounts').addColumn('network', 'text').execute();
}
