/** Rows of those who may sign in at the portal. */
import { sql, type ExpressionBuilder, type ExpressionWrapper, type SqlBool } from 'kysely';
import type { Db, Trx } from '../context.js';
import type { Database, PortalAccountTable } from '../database/tables.js';

/** Names of at most so many tenants that have not closed their portal. */
export async function openPortals(db: Db, most: number): Promise<string[]> {
  const tenants = db.selectFrom('resources').select('name').where('kind', '=', 'Tenant');
  // Inside of a text of JSON a quote is escaped: only the setting itself reads like this.
  const rows = await tenants.where('spec', 'not like', '%"portal":false%').orderBy('name').limit(most).execute();
  return rows.map(({ name }) => name);
}

/** Lets a consumer sign in by a secret of this digest, and by no other any more. Whether they came by themselves is kept from the first time. */
export async function putAccount(trx: Trx, account: PortalAccountTable): Promise<void> {
  const { digest, expires_at } = account;
  const insert = trx.insertInto('portal_accounts').values(account);
  await insert.onConflict((conflict) => conflict.column('consumer_id').doUpdateSet({ digest, expires_at })).execute();
}

/** Whose secret has this digest. */
export const findAccount = (db: Db, digest: string): Promise<PortalAccountTable | undefined> =>
  db.selectFrom('portal_accounts').selectAll().where('digest', '=', digest).executeTakeFirst();

/** The account of a consumer that has gone. */
export async function deleteAccount(trx: Trx, consumer: string): Promise<void> {
  await trx.deleteFrom('portal_accounts').where('consumer_id', '=', consumer).execute();
}

/** The account of a consumer who came by themselves and is somebody else now. One that the owner has made stays. */
export async function endSelfRegistered(trx: Trx, consumer: string): Promise<void> {
  await trx.deleteFrom('portal_accounts').where('consumer_id', '=', consumer).where('self_registered', '=', 1).execute();
}

/** The subscriptions of the consumer of whom a query around it speaks. */
const ownStates = (db: Db) =>
  db
    .selectFrom('subscription_states as state')
    .select('state.id')
    .where('state.tenant', '=', sql.ref<string>('account.tenant'))
    .where('state.consumer', '=', sql.ref<string>('consumer.name'));

/** Those who came by themselves and of whom nobody has approved a subscription yet; of one tenant, or of all. */
const unproven = (db: Db) =>
  db
    .selectFrom('portal_accounts as account')
    .innerJoin('resources as consumer', 'consumer.id', 'account.consumer_id')
    .where('account.self_registered', '=', 1)
    .where(({ not, exists }) => not(exists(ownStates(db).where('state.approved_at', 'is not', null))));

/**
 * What names the consumer of whom a query around it speaks, beside what they asked for themselves. Their name is made of random characters: what has it between
 * quotes means them.
 */
const referring = (db: Db) =>
  db
    .selectFrom('resources as other')
    .select('other.id')
    .where('other.tenant', '=', sql.ref<string>('account.tenant'))
    .where('other.id', '<>', sql.ref<string>('consumer.id'))
    .where(({ or, eb }) => or([eb('other.managed_by', 'is not', null), eb('other.kind', '<>', 'Subscription')]))
    .where(sql<SqlBool>`other.spec like '%"' || consumer.name || '"%'`);

/**
 * That a resource is none of those who came by themselves and have no approved subscription yet, and none of what they asked for. Whoever is declared, or named
 * by what is not theirs, counts as settled: without them an export would not be whole.
 */
export function isSettled(db: Db, row: ExpressionBuilder<Database, 'resources'>): ExpressionWrapper<Database, 'resources', SqlBool> {
  const strangers = unproven(db)
    .where('consumer.managed_by', 'is', null)
    .where(({ not, exists }) => not(exists(referring(db))));
  const asked = strangers.innerJoin('subscription_states as asked', (join) =>
    join.onRef('asked.tenant', '=', 'account.tenant').onRef('asked.consumer', '=', 'consumer.name'),
  );
  return row('id', 'not in', strangers.select('consumer.id').union(asked.select('asked.id')));
}

/** Consumers of a tenant who came by themselves, from one network or from all, and have no approved subscription yet: how many, and since when the oldest (ISO 8601). */
export async function unprovenOf(db: Db, tenant: string, network?: string): Promise<{ readonly count: number; readonly oldest: string }> {
  const everywhere = unproven(db).where('account.tenant', '=', tenant);
  const query = network === undefined ? everywhere : everywhere.where('account.network', '=', network);
  const both = query.select(({ fn }) => [fn.countAll().as('count'), fn.min('account.created_at').as('oldest')]);
  const { count, oldest } = await both.executeTakeFirstOrThrow();
  return { count: Number(count), oldest };
}

/**
 * Ids of consumers who came by themselves before `idleSince`, and since then were refused nothing, nor wait for anything that they asked for after
 * `waitingSince` (ISO 8601).
 */
export async function findIdle(
  db: Db,
  { idleSince, waitingSince }: { readonly idleSince: string; readonly waitingSince: string },
  limit: number,
): Promise<string[]> {
  const recent = ownStates(db).where((state) =>
    state.or([
      state('state.ended_at', '>', idleSince),
      state.and([state('state.status', '=', 'pending_approval'), state('state.created_at', '>', waitingSince)]),
    ]),
  );
  const waiting = unproven(db)
    .where('account.created_at', '<=', idleSince)
    .where('consumer.managed_by', 'is', null)
    .where(({ not, exists }) => not(exists(recent)));
  const rows = await waiting.select('consumer.id').orderBy('account.created_at').limit(limit).execute();
  return rows.map(({ id }) => id);
}
