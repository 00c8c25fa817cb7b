/** Which route a path belongs to: a map of prefixes, asked from the longest possible prefix to the shortest. */

/** Prefixes and what they lead to. Immutable; lookups cost one map access per segment count that is in use, whatever the number of routes. */
export interface Router<Target> {
  /** The target of the longest prefix of whole segments, and that prefix's length. */
  match(path: string): { readonly target: Target; readonly length: number } | undefined;
}

/** Prefixes spread over a fixed number of maps: a router with one prefix more copies one map, not all of them. */
export type Shards<Target> = readonly ReadonlyMap<string, Target>[];

const SHARDS = 64;
const SLASH = 47;

export const emptyShards = <Target>(): Shards<Target> => Array.from({ length: SHARDS }, () => new Map<string, Target>());

/** Which map a prefix is in. Its last characters differ most. */
export const shardOf = (prefix: string): number =>
  (prefix.charCodeAt(prefix.length - 1) + 31 * prefix.charCodeAt(prefix.length >> 1) + 7 * prefix.length) % SHARDS;

/** A router over prefixes such as `/apis/acme/payments`; `/` is the prefix of everything. `depths` are the segment counts in use. */
export function createRouter<Target>(shards: Shards<Target>, depths: ReadonlySet<number>): Router<Target> {
  const deepest = Math.max(0, ...depths);
  const find = (prefix: string): Target | undefined => shards[shardOf(prefix)]?.get(prefix);
  const root = find('/');
  // Scratch space of `match`, which never yields in between: the place where each segment of the path ends.
  const ends = new Int32Array(deepest + 1);

  return {
    match(path) {
      const depth = segmentEnds(path, ends, deepest);
      for (let segments = depth; segments > 0; segments -= 1) {
        if (!depths.has(segments)) continue;
        const length = ends[segments] ?? 0;
        const target = find(length === path.length ? path : path.slice(0, length));
        if (target !== undefined) return { target, length };
      }
      return root === undefined ? undefined : { target: root, length: 0 };
    },
  };
}

/** Notes where segments 1 to `deepest` end, and returns how many there are. A slash at the end begins no segment. */
function segmentEnds(path: string, ends: Int32Array, deepest: number): number {
  let segments = 0;
  let from = 1;
  while (segments < deepest && from < path.length) {
    const slash = path.indexOf('/', from);
    segments += 1;
    ends[segments] = slash === -1 ? path.length : slash;
    if (slash === -1) break;
    from = slash + 1;
  }
  return segments;
}

/** Number of segments of a prefix; 0 for `/`. */
export function segmentCount(prefix: string): number {
  if (prefix === '/') return 0;
  let count = 0;
  for (let index = 0; index < prefix.length; index += 1) if (prefix.charCodeAt(index) === SLASH) count += 1;
  return count;
}
