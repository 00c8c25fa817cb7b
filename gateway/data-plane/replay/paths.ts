/** Paths as a report may show them: what names a person or a thing stays in the log. */
import type { RecordedRequest } from '../../../schema/impact.js';
import type { Route } from '../snapshot.js';

/** A part is shown where so many requests have it, and its place in the paths of the API has so few different ones. */
const OFTEN = 20;
const FEW = 12;
const WORD = /^[A-Za-z][a-z]{0,23}(?:[-_][a-z]{1,24}){0,3}$/;
const VERSION = /^v\d{1,3}$/;

/** Names of people are words as well, so words are shown by how they are used: all recorded requests are looked at first. */
export class Paths {
  readonly #places = new Map<string, Map<string, number>>();

  /** Takes what is recorded into account. */
  learn({ api, path }: Pick<RecordedRequest, 'api' | 'path'>): void {
    for (const [index, part] of path.split('/').entries()) {
      const place = placeOf(api, index);
      const parts = this.#places.get(place) ?? new Map<string, number>();
      this.#places.set(place, parts);
      // One more than a few says that there are too many.
      if (part !== '' && (parts.has(part) || parts.size <= FEW)) parts.set(part, (parts.get(part) ?? 0) + 1);
    }
  }

  /** The path with `{id}` for every part below the route that is not a version or one of a few words that many requests have. */
  template({ api, path }: Pick<RecordedRequest, 'api' | 'path'>, route: Route | undefined): string {
    const prefix = route?.prefixes.find((known) => path === known || path.startsWith(`${known}/`)) ?? '';
    const above = prefix === '' ? 0 : prefix.split('/').length;
    const isShown = (part: string, index: number): boolean =>
      part === '' || index < above || VERSION.test(part) || this.#isFrequent(api, part, index);
    const parts = path.split('/').map((part, index) => (isShown(part, index) ? part : '{id}'));
    return parts.join('/');
  }

  #isFrequent(api: string | undefined, part: string, index: number): boolean {
    const parts = this.#places.get(placeOf(api, index));
    return WORD.test(part) && parts !== undefined && parts.size <= FEW && (parts.get(part) ?? 0) >= OFTEN;
  }
}

const placeOf = (api: string | undefined, index: number): string => `${api ?? ''} ${index}`;
