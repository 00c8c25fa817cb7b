/** Values by two names. No text is made for a lookup: names that are kept have their hash with them. */
export class PairMap<Value> {
  readonly #maps = new Map<string, Map<string, Value>>();

  get(first: string, second: string): Value | undefined {
    return this.#maps.get(first)?.get(second);
  }

  set(first: string, second: string, value: Value): void {
    let map = this.#maps.get(first);
    if (map === undefined) this.#maps.set(first, (map = new Map<string, Value>()));
    map.set(second, value);
  }

  *values(): Iterable<Value> {
    for (const map of this.#maps.values()) yield* map.values();
  }
}
