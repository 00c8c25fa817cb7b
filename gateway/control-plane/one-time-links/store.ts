/** Rows of one-time links. */
import type { Db, Trx } from '../context.js';
import type { OneTimeLinkTable } from '../database/tables.js';

export type LinkRow = OneTimeLinkTable;

/** Adds a link. */
export async function insertLink(trx: Trx, link: LinkRow): Promise<void> {
  await trx.insertInto('one_time_links').values(link).execute();
}

/** The link with this digest, whatever became of it. */
export const findLink = (db: Db | Trx, digest: string): Promise<LinkRow | undefined> =>
  db.selectFrom('one_time_links').selectAll().where('digest', '=', digest).executeTakeFirst();

/** Notes that a link was opened, and forgets its secret. */
export async function closeLink(trx: Trx, digest: string, openedAt: string): Promise<void> {
  await trx.updateTable('one_time_links').set({ ciphertext: null, opened_at: openedAt }).where('digest', '=', digest).execute();
}

/** Forgets the secrets of links that ended before `now`, and links that ended before `long`. */
export async function deleteLinks(db: Db, now: string, long: string): Promise<void> {
  await db
    .updateTable('one_time_links')
    .set({ ciphertext: null })
    .where('expires_at', '<=', now)
    .where('ciphertext', 'is not', null)
    .execute();
  await db.deleteFrom('one_time_links').where('expires_at', '<=', long).execute();
}

/** Forgets all links of a tenant. */
export async function deleteLinksOf(trx: Trx, tenant: string): Promise<void> {
  await trx.deleteFrom('one_time_links').where('tenant', '=', tenant).execute();
}
