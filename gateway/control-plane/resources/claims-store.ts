/** Claims: what only one resource of a tenant may hold, such as a route. */
import type { Catalog } from '../../../schema/catalog.js';
import { StoaError } from '../../../schema/error.js';
import type { Resource } from '../../../schema/resource.js';
import type { Trx } from '../context.js';
import { slices } from './store.js';

export interface ClaimRow {
  readonly tenant: string;
  readonly kind: string;
  readonly claim: string;
  readonly resource_id: string;
}

export interface ClaimHolder {
  readonly tenant: string;
  readonly kind: string;
  readonly claim: string;
  /** Name of the resource that holds it. */
  readonly name: string;
}

/** The claims that a resource makes. */
export function claimsOf(catalog: Catalog, { id, kind, tenant, name, spec }: Resource & { readonly id: string }): ClaimRow[] {
  const claims = catalog.find(kind)?.claims(spec, name) ?? [];
  return [...new Set(claims.map(({ claim }) => claim))].map((claim) => ({ tenant, kind, claim, resource_id: id }));
}

/** What to say when another resource holds a claim. */
export const claimTaken = ({ kind, name, tenant, claim }: ClaimHolder): StoaError =>
  new StoaError('conflict', `${kind} "${name}" of tenant "${tenant}" holds ${claim} already.`, {
    hint: 'Choose another one, or change or delete that resource first.',
  });

/** Who holds any of these claims. */
export async function claimHolders(trx: Trx, claims: readonly ClaimRow[]): Promise<ClaimHolder[]> {
  const holders: ClaimHolder[] = [];
  const groups = new Map<string, ClaimRow[]>();
  for (const claim of claims) {
    const group = `${claim.tenant} ${claim.kind}`;
    const known = groups.get(group);
    if (known === undefined) groups.set(group, [claim]);
    else known.push(claim);
  }
  for (const group of groups.values()) {
    for (const slice of slices(group, 500)) holders.push(...(await holdersOf(trx, slice)));
  }
  return holders;
}

/** The claims are of one tenant and kind. */
async function holdersOf(trx: Trx, claims: readonly ClaimRow[]): Promise<ClaimHolder[]> {
  const [first] = claims;
  if (first === undefined) return [];
  const query = trx
    .selectFrom('resource_claims as held')
    .innerJoin('resources as holder', 'holder.id', 'held.resource_id')
    .select(['held.tenant', 'held.kind', 'held.claim', 'holder.name'])
    .where('held.tenant', '=', first.tenant)
    .where('held.kind', '=', first.kind);
  const wanted = claims.map(({ claim }) => claim);
  return query.where('held.claim', 'in', wanted).execute();
}

/** Takes claims. The database refuses one that is held. */
export async function insertClaims(trx: Trx, claims: readonly ClaimRow[]): Promise<void> {
  for (const slice of slices(claims, 500)) await trx.insertInto('resource_claims').values(slice).execute();
}

/** Frees all claims of these resources. */
export async function deleteClaims(trx: Trx, ids: readonly string[]): Promise<void> {
  for (const slice of slices(ids, 500)) await trx.deleteFrom('resource_claims').where('resource_id', 'in', slice).execute();
}
