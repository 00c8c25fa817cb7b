/** So many requests of one key may be in hand at once, over whatever connections and sessions: what their answers need of memory is bounded. */
const MAX_PER_KEY = 32;

/** Counts requests from when they are read until their answers have reached the client, or it is gone. */
export class InHand {
  readonly #byKey = new Map<string, number>();

  /** Takes one more, until `over` ends. False: the key has as many as it may have. */
  take(keyId: string, over: AbortSignal): boolean {
    const count = this.#byKey.get(keyId) ?? 0;
    if (count >= MAX_PER_KEY || over.aborted) return false;
    this.#byKey.set(keyId, count + 1);
    over.addEventListener('abort', () => this.#give(keyId), { once: true });
    return true;
  }

  #give(keyId: string): void {
    const count = this.#byKey.get(keyId) ?? 0;
    if (count > 1) this.#byKey.set(keyId, count - 1);
    else this.#byKey.delete(keyId);
  }
}
