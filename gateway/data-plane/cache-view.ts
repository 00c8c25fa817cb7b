/** The caches of a gateway, as document D shows them. */
import type { AnswerCache } from './answer-cache.js';
import type { KeyStore } from './snapshot.js';

type CacheStats = ReturnType<KeyStore['stats']> & { readonly hit_rate: number };

/** Keys and answers together: document D has one cache. */
export function cacheStats(keys: Pick<KeyStore, 'stats'>, answers: Pick<AnswerCache, 'stats'>): CacheStats {
  const [known, kept] = [keys.stats(), answers.stats()];
  const hits = known.hits + kept.hits;
  const misses = known.misses + kept.misses;
  const hit_rate = hits + misses === 0 ? 0 : Math.round((hits / (hits + misses)) * 1000) / 1000;
  return { hits, misses, entry_count: known.entry_count + kept.entry_count, hit_rate };
}
