/** Rows of deliveries, and of what decides where events go. */
import type { Insertable, Selectable } from 'kysely';
import type { WebhookSpec } from '../../../schema/kinds/webhook.js';
import type { Db, Trx } from '../context.js';
import type { WebhookDeliveryTable } from '../database/tables.js';

export type DeliveryRow = Selectable<WebhookDeliveryTable>;

export interface DeliveryFilter {
  readonly tenant: string;
  readonly webhook?: string | undefined;
  readonly status?: string | undefined;
}

/** Ids and specs of the webhooks of a tenant, the oldest first. */
export async function webhooksOf(db: Db, tenant: string): Promise<{ readonly id: string; readonly spec: WebhookSpec }[]> {
  const query = db.selectFrom('resources').select(['id', 'spec']).where('kind', '=', 'Webhook').where('tenant', '=', tenant);
  const rows = await query.orderBy('created_at').orderBy('id').execute();
  return rows.map(({ id, spec }) => ({ id, spec: JSON.parse(spec) as WebhookSpec }));
}

/** The sealed secret of a webhook. */
export async function sealedSecret(db: Db, webhook: string): Promise<string | undefined> {
  const query = db.selectFrom('resource_secrets').select('ciphertext').where('resource_id', '=', webhook);
  return (await query.where('field', '=', 'secret_ref').executeTakeFirst())?.ciphertext;
}

/** Adds deliveries. */
export async function insertDeliveries(trx: Trx, rows: readonly Insertable<WebhookDeliveryTable>[]): Promise<void> {
  if (rows.length > 0) await trx.insertInto('webhook_deliveries').values(rows).execute();
}

/** Deliveries whose time has come, the oldest first. */
export function dueDeliveries(db: Db, now: string, limit: number): Promise<DeliveryRow[]> {
  const query = db.selectFrom('webhook_deliveries').selectAll().where('status', '=', 'pending').where('next_at', '<=', now);
  return query.orderBy('next_at').orderBy('id').limit(limit).execute();
}

/** Takes a delivery for one try, until an instant; false when somebody else has taken it, or it has ended. The try is counted. */
export async function claimDelivery(db: Db, { id, tries, next_at }: DeliveryRow, until: string): Promise<boolean> {
  const update = db
    .updateTable('webhook_deliveries')
    .set({ tries: tries + 1, next_at: until })
    .where('id', '=', id);
  const mine = update.where('status', '=', 'pending').where('tries', '=', tries).where('next_at', '=', next_at);
  return (await mine.executeTakeFirstOrThrow()).numUpdatedRows === 1n;
}

/** Notes how a try went, or that a delivery is to be tried again. */
export async function updateDelivery(db: Db, id: string, change: Partial<Omit<DeliveryRow, 'id'>>): Promise<void> {
  await db.updateTable('webhook_deliveries').set(change).where('id', '=', id).execute();
}

function filtered(db: Db, { tenant, webhook, status }: DeliveryFilter) {
  const query = db.selectFrom('webhook_deliveries').where('tenant', '=', tenant);
  const ofWebhook = webhook === undefined ? query : query.where('webhook_id', '=', webhook);
  return status === undefined ? ofWebhook : ofWebhook.where('status', '=', status);
}

/** One page, newest first. */
export function listDeliveries(db: Db, filter: DeliveryFilter, offset: number, limit: number): Promise<DeliveryRow[]> {
  return filtered(db, filter).selectAll().orderBy('created_at', 'desc').orderBy('id').offset(offset).limit(limit).execute();
}

/** How many a filter finds. */
export async function countDeliveries(db: Db, filter: DeliveryFilter): Promise<number> {
  const { count } = await filtered(db, filter)
    .select(({ fn }) => fn.countAll().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** One delivery of a tenant. */
export function findDelivery(db: Db, tenant: string, id: string): Promise<DeliveryRow | undefined> {
  return filtered(db, { tenant }).selectAll().where('id', '=', id).executeTakeFirst();
}

/** Forgets the deliveries of a webhook that is gone, or of a tenant. */
export async function forgetDeliveries(trx: Trx, gone: { readonly webhook: string } | { readonly tenant: string }): Promise<void> {
  const query = trx.deleteFrom('webhook_deliveries');
  await ('webhook' in gone ? query.where('webhook_id', '=', gone.webhook) : query.where('tenant', '=', gone.tenant)).execute();
}

/** Forgets what ended before an instant. */
export async function forgetFinished(db: Db, before: string): Promise<void> {
  await db.deleteFrom('webhook_deliveries').where('finished_at', '<', before).execute();
}
