/** Consumers by what stands in their spec. */
import type { ConsumerSpec } from '../../../schema/kinds/consumer.js';
import type { Db } from '../context.js';

/** Names of the consumers of a tenant that have exactly this address, in stable order. */
async function consumersByEmail(db: Db, tenant: string, email: string): Promise<string[]> {
  const query = db.selectFrom('resources').select(['name', 'spec']).where('kind', '=', 'Consumer').where('tenant', '=', tenant);
  // The pattern narrows down (a wildcard in the address lets more through), the comparison decides.
  const rows = await query
    .where('spec', 'like', `%"email":${JSON.stringify(email)}%`)
    .orderBy('name')
    .execute();
  return rows.filter(({ spec }) => (JSON.parse(spec) as ConsumerSpec).email === email).map(({ name }) => name);
}

/** Names of the consumers of a tenant with this address or external id, in stable order. */
export async function findConsumerNames(
  db: Db,
  tenant: string,
  filter: { readonly email?: string | undefined; readonly external_id?: string | undefined },
): Promise<string[]> {
  const { email, external_id } = filter;
  if (external_id === undefined) return email === undefined ? [] : consumersByEmail(db, tenant, email);
  const query = db.selectFrom('resource_claims as held').innerJoin('resources as consumer', 'consumer.id', 'held.resource_id');
  const row = await query
    .select(['consumer.name', 'consumer.spec'])
    .where('held.tenant', '=', tenant)
    .where('held.kind', '=', 'Consumer')
    .where('held.claim', '=', `external_id ${external_id}`)
    .executeTakeFirst();
  if (row === undefined) return [];
  return email === undefined || (JSON.parse(row.spec) as ConsumerSpec).email === email ? [row.name] : [];
}
