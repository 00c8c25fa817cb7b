/** Who may have which prefix (decision K16). Keeps the claims, and of each prefix the one owner. */
import { createRouter, emptyShards, segmentCount, shardOf, type Router } from './router.js';

/** The rank of what the admin API gave. */
const ADMIN = 2;

export interface Claim {
  readonly prefix: string;
  /** 0: the prefix is the API's own; 1: it is shared by the versions of a path; 2: the admin API gave it. The lowest has it. */
  readonly rank: 0 | 1 | 2;
}

export interface Claimant {
  readonly id: string;
  readonly createdAt: string;
  readonly claims: readonly Claim[];
}

interface Holder {
  readonly id: string;
  readonly createdAt: string;
  readonly rank: number;
}

const byRight = (a: Holder, b: Holder): number => a.rank - b.rank || compare(a.createdAt, b.createdAt) || compare(a.id, b.id);
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const isGiven = (holders: readonly Holder[] | undefined): boolean => holders?.[0] !== undefined && holders[0].rank !== ADMIN;

/** The prefixes of an API: below `/apis/{tenant}` and `/{tenant}`, with the version when it has one, and without. */
export function prefixesOf({
  tenant,
  path,
  version,
}: {
  readonly tenant: string;
  readonly path: string;
  readonly version?: string | undefined;
}): Claim[] {
  const below = path === '/' ? '' : path;
  const bases = [`/apis/${tenant}${below}`, `/${tenant}${below}`];
  if (version === undefined) return bases.map((prefix) => ({ prefix, rank: 0 }));
  const versioned = bases.map((base): Claim => ({ prefix: `${base}/${version}`, rank: 0 }));
  return [...bases.map((prefix): Claim => ({ prefix, rank: 1 })), ...versioned];
}

/** Claims on prefixes. Changing them reports whose routes changed; `router()` is made anew only when an owner changed. */
export class PrefixTable {
  readonly #holders = new Map<string, readonly Holder[]>();
  readonly #claimants = new Map<string, Claimant>();
  /** Prefixes that the admin API alone gave: they are few. */
  readonly #local = new Set<string>();
  readonly #depthCounts = new Map<number, number>();
  #shards = emptyShards<string>();
  #pending = new Map<string, string | undefined>();
  #router: Router<string> = createRouter(emptyShards(), new Set());

  /** Puts a claimant, or takes it out. Returns the ids whose prefixes may have changed, its own among them. */
  put(id: string, claimant: Claimant | undefined): ReadonlySet<string> {
    const before = this.#claimants.get(id);
    const touched = new Set([id]);
    const prefixes = new Set([...(before?.claims ?? []), ...(claimant?.claims ?? [])].map(({ prefix }) => prefix));
    if (claimant === undefined) this.#claimants.delete(id);
    else this.#claimants.set(id, claimant);
    for (const prefix of prefixes) {
      const claim = claimant?.claims.find((candidate) => candidate.prefix === prefix);
      const holder = claim === undefined || claimant === undefined ? undefined : { id, createdAt: claimant.createdAt, rank: claim.rank };
      for (const changed of this.#rehold(prefix, id, holder)) touched.add(changed);
    }
    return touched;
  }

  /** Prefixes that a claimant has got, in the order of its claims. */
  owned(id: string): readonly string[] {
    const claims = this.#claimants.get(id)?.claims ?? [];
    return claims.map(({ prefix }) => prefix).filter((prefix) => this.owner(prefix) === id);
  }

  /** Prefixes that it claims as its own and another one has. */
  lost(id: string): readonly { readonly prefix: string; readonly owner: string | undefined }[] {
    const claims = (this.#claimants.get(id)?.claims ?? []).filter(({ rank, prefix }) => rank !== 1 && this.owner(prefix) !== id);
    return claims.map(({ prefix }) => ({ prefix, owner: this.owner(prefix) }));
  }

  /** Id of the API that has a prefix. What the admin API gave may cut nothing out of what the control plane gave (behaviour, "Sync and outage"). */
  owner(prefix: string): string | undefined {
    const first = this.#holders.get(prefix)?.[0];
    return first?.rank === ADMIN && this.#isGivenAbove(prefix) ? undefined : first?.id;
  }

  /** The router over all prefixes as they are now. */
  router(): Router<string> {
    if (this.#pending.size === 0) return this.#router;
    const copies = new Map<number, Map<string, string>>();
    for (const [prefix, id] of this.#pending) {
      const index = shardOf(prefix);
      const shard = copies.get(index) ?? new Map(this.#shards[index]);
      copies.set(index, shard);
      if (id === undefined) shard.delete(prefix);
      else shard.set(prefix, id);
    }
    this.#shards = this.#shards.map((shard, index) => copies.get(index) ?? shard);
    this.#pending = new Map();
    this.#router = createRouter(this.#shards, new Set(this.#depthCounts.keys()));
    return this.#router;
  }

  /** Replaces one claimant's hold on a prefix. Returns the owners before and after, where they differ: also of what the admin API gave below it. */
  #rehold(prefix: string, id: string, holder: Holder | undefined): string[] {
    const before = this.#holders.get(prefix) ?? [];
    const others = before.filter((candidate) => candidate.id !== id);
    const after = holder === undefined ? others : [...others, holder].sort(byRight);
    const below = isGiven(before) === isGiven(after) ? [] : [...this.#local].filter((local) => local.startsWith(`${prefix}/`));
    const concerned = [prefix, ...below];
    const owners = concerned.map((each) => this.owner(each));
    if (after.length === 0) this.#holders.delete(prefix);
    else this.#holders.set(prefix, after);
    if (after[0]?.rank === ADMIN) this.#local.add(prefix);
    else this.#local.delete(prefix);
    this.#countDepth(segmentCount(prefix), Math.sign(after.length) - Math.sign(before.length));
    const changed: string[] = [];
    for (const [index, each] of concerned.entries()) {
      const [from, to] = [owners[index], this.owner(each)];
      if (from === to) continue;
      this.#pending.set(each, to);
      changed.push(...[from, to].filter((owner) => owner !== undefined));
    }
    return changed;
  }

  #isGivenAbove(prefix: string): boolean {
    for (let end = prefix.lastIndexOf('/'); end > 0; end = prefix.lastIndexOf('/', end - 1)) {
      if (isGiven(this.#holders.get(prefix.slice(0, end)))) return true;
    }
    return false;
  }

  #countDepth(depth: number, difference: number): void {
    const count = (this.#depthCounts.get(depth) ?? 0) + difference;
    if (count === 0) this.#depthCounts.delete(depth);
    else this.#depthCounts.set(depth, count);
  }
}
