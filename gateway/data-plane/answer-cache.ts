/** Answers that are kept: one store for the gateway, bounded in bytes, found by what was asked and by whom. */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';

/** An answer as the upstream gave it; policies edit it anew for each client. */
export interface KeptAnswer {
  readonly status: number;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** When it arrived, and how old it was then and how old it may become; milliseconds. */
  readonly arrivedAt: number;
  readonly ageOnArrival: number;
  readonly lifetime: number;
  /** Request fields by which it was chosen, with their values. */
  readonly vary: readonly (readonly [name: string, value: string | undefined])[];
}

/** Where an answer stands. Whatever differs by tenant, API, server, or whoever may see it is part of it. */
export interface Place {
  /** What was asked for, whoever asked: an unsafe request invalidates all that is kept under it. */
  readonly resource: string;
  readonly key: string;
}

export interface AnswerCache {
  /** All that is kept at a place: one answer for each way in which it varies. */
  find(place: Place): readonly KeptAnswer[];
  /** Undefined when the memory for answers on their way is used up; then nothing is kept. */
  record(place: Pick<Place, 'resource'>, maxBytes: number): Recording | undefined;
  /** Keeps an answer in the place of the one that varies alike. */
  put(place: Place, answer: KeptAnswer): void;
  remove(place: Place, answer: KeptAnswer): void;
  invalidate(resource: string): void;
  /** Whether anything is kept or on its way. */
  isEmpty(): boolean;
  count(isHit: boolean): void;
  clear(): void;
  stats(): { readonly hits: number; readonly misses: number; readonly entry_count: number; readonly bytes: number };
}

/** A body on its way. It is copied when it is whole; nobody waits for that. */
export interface Recording {
  take(chunk: Buffer): void;
  /** The whole body; undefined when it was too large, or when what it answers was invalidated meanwhile. */
  end(): Buffer | undefined;
  /** Lets go of it. */
  drop(): void;
}

/** For all kept answers of a gateway, however many processes keep them. */
export const ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_VARIANTS = 20;
const FIRST_BYTES = 4096;
/** What an entry costs beside its texts and bytes. */
const OVERHEAD = 512;
const MAX_INVALIDATED = 10_000;

/** An empty cache. */
export function createAnswerCache(maxBytes = ANSWER_BYTES): AnswerCache {
  return new Cache(maxBytes);
}

class Cache implements AnswerCache {
  readonly #maxBytes: number;
  readonly #answers: LRUCache<string, { readonly resource: string; readonly variants: readonly KeptAnswer[] }>;
  /** Keys by resource: as many as there are answers. */
  readonly #keys = new Map<string, Set<string>>();
  /** Number of the last invalidation of a resource; of those that are forgotten, the highest. */
  readonly #invalidated: LRUCache<string, number>;
  #forgotten = 0;
  #invalidations = 0;
  #underWay = 0;
  #recordings = 0;
  #hits = 0;
  #misses = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#answers = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: ({ variants }, key) => variants.reduce((size, answer) => size + sizeOf(answer), 2 * key.length + OVERHEAD),
      dispose: ({ resource }, key, reason) => {
        if (reason !== 'set') this.#forget(resource, key);
      },
    });
    this.#invalidated = new LRUCache({
      max: MAX_INVALIDATED,
      dispose: (number, _resource, reason) => {
        if (reason === 'evict') this.#forgotten = Math.max(this.#forgotten, number);
      },
    });
  }

  find({ key }: Place): readonly KeptAnswer[] {
    return this.#answers.get(key)?.variants ?? [];
  }

  put({ resource, key }: Place, answer: KeptAnswer): void {
    const others = this.find({ resource, key }).filter((other) => !variesAlike(other, answer));
    this.#answers.set(key, { resource, variants: [answer, ...others].slice(0, MAX_VARIANTS) });
    if (!this.#answers.has(key)) {
      this.#forget(resource, key);
      return;
    }
    const keys = this.#keys.get(resource) ?? new Set();
    this.#keys.set(resource, keys.add(key));
  }

  remove({ resource, key }: Place, answer: KeptAnswer): void {
    const variants = this.find({ resource, key }).filter((other) => other !== answer);
    if (variants.length === 0) this.#answers.delete(key);
    else this.#answers.set(key, { resource, variants });
  }

  record({ resource }: Pick<Place, 'resource'>, maxBytes: number): Recording | undefined {
    if (this.#underWay >= this.#maxBytes) return undefined;
    const since = this.#invalidations;
    let whole = Buffer.alloc(0);
    let size = 0;
    let isOpen = true;
    this.#recordings += 1;
    const drop = (): void => {
      if (isOpen) this.#recordings -= 1;
      isOpen = false;
      this.#underWay -= whole.length;
      size = 0;
      whole = Buffer.alloc(0);
    };
    /** Room for so many bytes in one piece, however small the pieces are in which they come. Counted by what it takes. */
    const grow = (needed: number): void => {
      const larger = Buffer.allocUnsafeSlow(Math.min(maxBytes, Math.max(needed, 2 * whole.length, FIRST_BYTES)));
      whole.copy(larger, 0, 0, size);
      this.#underWay += larger.length - whole.length;
      whole = larger;
    };
    let isTooLarge = false;
    return {
      take: (chunk) => {
        if (isTooLarge) return;
        isTooLarge = size + chunk.length > maxBytes || this.#underWay + chunk.length > this.#maxBytes;
        if (isTooLarge) {
          drop();
          return;
        }
        if (size + chunk.length > whole.length) grow(size + chunk.length);
        size += chunk.copy(whole, size);
      },
      end: () => {
        const isValid = !isTooLarge && Math.max(this.#forgotten, this.#invalidated.get(digestOf(resource)) ?? 0) <= since;
        const body = isValid ? copyOf(whole.subarray(0, size)) : undefined;
        drop();
        return body;
      },
      drop,
    };
  }

  invalidate(resource: string): void {
    this.#invalidations += 1;
    this.#invalidated.set(digestOf(resource), this.#invalidations);
    for (const key of this.#keys.get(resource) ?? []) this.#answers.delete(key);
  }

  isEmpty(): boolean {
    return this.#answers.size === 0 && this.#recordings === 0;
  }

  count(isHit: boolean): void {
    if (isHit) this.#hits += 1;
    else this.#misses += 1;
  }

  /** What is on its way was asked for before, and is not kept either. */
  clear(): void {
    this.#invalidations += 1;
    this.#forgotten = this.#invalidations;
    this.#answers.clear();
    this.#keys.clear();
    this.#invalidated.clear();
  }

  stats(): ReturnType<AnswerCache['stats']> {
    return { hits: this.#hits, misses: this.#misses, entry_count: this.#answers.size, bytes: this.#answers.calculatedSize };
  }

  #forget(resource: string, key: string): void {
    const keys = this.#keys.get(resource);
    keys?.delete(key);
    if (keys?.size === 0) this.#keys.delete(resource);
  }
}

/** Memory of its own: a slice of what node shares among small buffers would hold all of that. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** A resource has a whole query in it; what is remembered of it is short. */
const digestOf = (resource: string): string => createHash('sha256').update(resource).digest('base64');

const sizeOf = ({ body, headers, vary }: KeptAnswer): number =>
  OVERHEAD + body.length + 2 * [...headers, ...vary.flat()].reduce((size, text) => size + (text?.length ?? 0), 0);

const variesAlike = (one: KeptAnswer, other: KeptAnswer): boolean =>
  one.vary.length === other.vary.length &&
  one.vary.every(([name, value], index) => other.vary[index]?.[0] === name && other.vary[index][1] === value);
