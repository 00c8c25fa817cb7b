/** The kept answers of a worker: its own, but what changes an address is heard by all who keep answers to it. */
import type { AnswerCache } from '../answer-cache.js';

export interface SharedAnswers {
  readonly cache: AnswerCache;
  /** Another worker has seen a change. */
  forget(resource: string): void;
  /** Another worker has begun to keep answers. */
  othersKeep(): void;
}

interface AnswersLine {
  tell(name: 'invalidated', resource: string): void;
  tell(name: 'keepsAnswers', nothing: null): void;
}

/** A view of a cache that tells the others. */
export function shareAnswers(own: AnswerCache, line: AnswersLine): SharedAnswers {
  let doOthersKeep = false;
  let isKnownToKeep = false;
  return {
    cache: {
      find: (place) => own.find(place),
      record(place, maxBytes) {
        if (!isKnownToKeep) line.tell('keepsAnswers', null);
        isKnownToKeep = true;
        return own.record(place, maxBytes);
      },
      put: (place, answer) => own.put(place, answer),
      remove: (place, answer) => own.remove(place, answer),
      isEmpty: () => !doOthersKeep && own.isEmpty(),
      invalidate(resource) {
        own.invalidate(resource);
        if (doOthersKeep) line.tell('invalidated', resource);
      },
      count: (isHit) => own.count(isHit),
      clear: () => own.clear(),
      stats: () => own.stats(),
    },
    forget: (resource) => own.invalidate(resource),
    othersKeep: () => (doOthersKeep = true),
  };
}
