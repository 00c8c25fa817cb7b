/** Names beside ids: every address takes both, so that no name may be the id of another resource (decision K32). */
import { StoaError } from '../../../schema/error.js';
import { keyOf, type ResourceKey } from '../../../schema/resource.js';
import type { Trx } from '../context.js';
import { looksLikeId } from '../resource-id.js';
import { slices } from './store.js';

/** Those of these new resources whose name is the id of another one, whatever its kind and tenant. */
export async function namedLikeIds<Key extends ResourceKey & { readonly id?: string }>(
  trx: Trx,
  resources: readonly Key[],
): Promise<Key[]> {
  // A subscription that is asked for over REST has its own id for a name.
  const doubtful = resources.filter(({ id, name }) => name !== id && looksLikeId(name));
  const ids = new Set<string>();
  for (const slice of slices(doubtful, 500)) {
    const names = slice.map(({ name }) => name);
    for (const { id } of await trx.selectFrom('resources').select('id').where('id', 'in', names).execute()) ids.add(id);
  }
  return doubtful.filter(({ name }) => ids.has(name));
}

/** What to say of such a name. Whose id it is nobody is told. */
export const nameTaken = (key: ResourceKey): StoaError =>
  new StoaError('conflict', `${keyOf(key)} has the id of another resource for a name.`, { hint: 'Choose another name.' });
