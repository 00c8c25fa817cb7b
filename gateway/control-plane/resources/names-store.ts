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
  const places = new Map<string, string>();
  for (const slice of slices(doubtful, 500)) {
    const names = slice.map(({ name }) => name);
    for (const row of await trx.selectFrom('resources').select(['id', 'kind', 'tenant']).where('id', 'in', names).execute())
      places.set(row.id, placeOf(row));
  }
  return doubtful.filter((resource) => places.get(resource.name) === placeOf(resource));
}

/** Where its address is looked up: below its tenant; that of a tenant, among all of them. */
const placeOf = ({ kind, tenant }: Pick<ResourceKey, 'kind' | 'tenant'>): string => (kind === 'Tenant' ? '' : tenant);

/** What to say of such a name. Whose id it is nobody is told. */
export const nameTaken = (key: ResourceKey): StoaError =>
  new StoaError('conflict', `${keyOf(key)} has the id of another resource for a name.`, { hint: 'Choose another name.' });
