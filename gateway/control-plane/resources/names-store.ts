/** Names beside ids: every address takes both, so that below a tenant no name may be the id of another resource (decision K32). */
import { StoaError } from '../../../schema/error.js';
import { keyOf, type ResourceKey } from '../../../schema/resource.js';
import type { Trx } from '../context.js';
import { looksLikeId } from '../resource-id.js';
import { slices } from './store.js';

/** Those of these new resources whose name is the id of another one of their tenant, whatever its kind; of a tenant, that of any other tenant. */
export async function namedLikeIds<Key extends ResourceKey & { readonly id?: string }>(
  trx: Trx,
  resources: readonly Key[],
): Promise<Key[]> {
  // A subscription that is asked for over REST has its own id for a name.
  const doubtful = resources.filter(({ id, name }) => name !== id && looksLikeId(name));
  const holders = new Map<string, ResourceKey>();
  for (const slice of slices(doubtful, 500)) {
    const names = slice.map(({ name }) => name);
    for (const { id, ...row } of await trx
      .selectFrom('resources')
      .select(['id', 'kind', 'tenant', 'name'])
      .where('id', 'in', names)
      .execute())
      holders.set(id, row);
  }
  return doubtful.filter((resource) => sharesAddress(resource, holders.get(resource.name)));
}

/** Whether both are looked up in one place: below a tenant, or among tenants, each of which is its own. */
const sharesAddress = (resource: ResourceKey, holder: ResourceKey | undefined): boolean =>
  holder !== undefined && (holder.tenant === resource.tenant || (holder.kind === resource.kind && holder.tenant === holder.name));

/** What to say of such a name. Whose id it is nobody is told. */
export const nameTaken = (key: ResourceKey): StoaError =>
  new StoaError('conflict', `${keyOf(key)} has the id of another resource for a name.`, { hint: 'Choose another name.' });
