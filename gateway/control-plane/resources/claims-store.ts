/** Claims: what only one resource of a tenant may hold, such as a route. */
import type { Catalog } from '../../../schema/catalog.js';
import { StoaError } from '../../../schema/error.js';
import type { Claim, JsonObject } from '../../../schema/kind.js';
import { keyOf, type Resource, type ResourceKey } from '../../../schema/resource.js';
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

type Claimant = Resource & { readonly id: string; readonly created_at: string };

/** A claimant before a write and after it. */
export interface ClaimingWrite {
  readonly before: Resource | undefined;
  readonly after: Claimant;
}

/** The claims that a resource makes for itself alone. What it shares is known by what it claims below. */
export function claimsOf(catalog: Catalog, resource: Resource & { readonly id: string }): ClaimRow[] {
  const { id, kind, tenant } = resource;
  const own = allClaims(catalog, resource).flatMap(({ claim, isShared }) => (isShared === true ? [] : [claim]));
  return [...new Set(own)].map((claim) => ({ tenant, kind, claim, resource_id: id }));
}

const allClaims = (catalog: Catalog, { kind, spec, name }: Resource): readonly Claim[] => catalog.find(kind)?.claims(spec, name) ?? [];

/** A claim that a write makes and that its resource did not have before. */
interface NewClaim {
  readonly claimant: Claimant;
  readonly claim: string;
  readonly isShared: boolean;
  /** Whether the resource was there before: a new one is the youngest of those that share a claim. */
  readonly isMoved: boolean;
}

function newClaims(catalog: Catalog, { before, after }: ClaimingWrite): NewClaim[] {
  const text = ({ claim, isShared = false }: Claim): string => `${isShared ? 'shared' : 'own'} ${claim}`;
  const had = new Set(before === undefined ? [] : allClaims(catalog, before).map(text));
  const made = allClaims(catalog, after).filter((claim) => !had.has(text(claim)));
  return made.map(({ claim, isShared = false }) => ({ claimant: after, claim, isShared, isMoved: before !== undefined }));
}

/** What to say when another resource holds a claim. */
export const claimTaken = ({ kind, name, tenant, claim }: ClaimHolder): StoaError =>
  new StoaError('conflict', `${kind} "${name}" of tenant "${tenant}" holds ${claim} already.`, {
    hint: 'Choose another one, or change or delete that resource first.',
  });

/**
 * Who has what these writes claim anew, as the database has it: a claim is held by one alone or shared, and what is shared stays with the eldest that
 * shared it before. `leaving` are keys of resources that do not count.
 */
export async function claimHolders(
  catalog: Catalog,
  trx: Trx,
  writes: readonly ClaimingWrite[],
  leaving: ReadonlySet<string> = new Set(),
): Promise<ClaimHolder[]> {
  const groups = new Map<string, NewClaim[]>();
  for (const claim of writes.flatMap((write) => newClaims(catalog, write))) {
    const group = `${claim.claimant.tenant} ${claim.claimant.kind}`;
    const known = groups.get(group);
    if (known === undefined) groups.set(group, [claim]);
    else known.push(claim);
  }
  const holders: ClaimHolder[] = [];
  for (const group of groups.values()) {
    for (const slice of slices(group, 500)) holders.push(...(await holdersOf(trx, slice)));
    const sought = group.filter(({ isShared, isMoved }) => !isShared || isMoved);
    for (const slice of slices(sought, 100)) holders.push(...(await sharersOf(catalog, trx, slice, leaving)));
  }
  return holders.filter((holder) => !leaving.has(keyOf(holder)));
}

const held = (trx: Trx, { tenant, kind }: ResourceKey) =>
  trx
    .selectFrom('resource_claims as held')
    .innerJoin('resources as holder', 'holder.id', 'held.resource_id')
    .where('held.tenant', '=', tenant)
    .where('held.kind', '=', kind);

/** Who holds these claims alone. They are of one tenant and kind. */
async function holdersOf(trx: Trx, claims: readonly NewClaim[]): Promise<ClaimHolder[]> {
  const [first] = claims;
  if (first === undefined) return [];
  const query = held(trx, first.claimant).select(['held.tenant', 'held.kind', 'held.claim', 'holder.name']);
  const wanted = claims.map(({ claim }) => claim);
  return query.where('held.claim', 'in', wanted).execute();
}

/** Who shares these claims and would lose them: to one who wants them alone, or to an elder one. They are of one tenant and kind. */
async function sharersOf(catalog: Catalog, trx: Trx, claims: readonly NewClaim[], leaving: ReadonlySet<string>): Promise<ClaimHolder[]> {
  const [first] = claims;
  if (first === undefined) return [];
  const { tenant, kind } = first.claimant;
  const below = claims.map(({ claim }) => (claim.endsWith('/') ? claim : `${claim}/`));
  const rows = await held(trx, first.claimant)
    .select(['holder.id', 'holder.name', 'holder.spec', 'holder.created_at'])
    .where((row) => row.or(below.map((start) => row.between('held.claim', start, `${start}\u{10ffff}`))))
    .orderBy('holder.created_at')
    .orderBy('holder.id')
    .execute();
  const eldest = new Map<string, Age & { readonly name: string }>();
  for (const row of rows) {
    const resource = { kind, tenant, name: row.name, labels: {}, annotations: {}, spec: JSON.parse(row.spec) as JsonObject };
    if (leaving.has(keyOf(resource))) continue;
    for (const { claim, isShared } of allClaims(catalog, resource)) if (isShared === true && !eldest.has(claim)) eldest.set(claim, row);
  }
  return claims.flatMap(({ claim, isShared, claimant }) => {
    const holder = eldest.get(claim);
    if (holder === undefined || (isShared && !isElder(claimant, holder))) return [];
    return [{ tenant, kind, claim, name: holder.name }];
  });
}

interface Age {
  readonly id: string;
  readonly created_at: string;
}

/** As gateways decide it. */
const isElder = (a: Age, b: Age): boolean => (a.created_at === b.created_at ? a.id < b.id : a.created_at < b.created_at);

/** Takes claims. The database refuses one that is held. */
export async function insertClaims(trx: Trx, claims: readonly ClaimRow[]): Promise<void> {
  for (const slice of slices(claims, 500)) await trx.insertInto('resource_claims').values(slice).execute();
}

/** Frees all claims of these resources. */
export async function deleteClaims(trx: Trx, ids: readonly string[]): Promise<void> {
  for (const slice of slices(ids, 500)) await trx.deleteFrom('resource_claims').where('resource_id', 'in', slice).execute();
}
