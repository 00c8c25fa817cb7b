/** What is live, read from the database itself: the oracle beside what plans and answers say. */
import { canonicalJson, keyOf } from '../../schema/resource.js';
import type { JsonObject } from '../../schema/kind.js';
import type { Workbench } from '../helpers/workbench.js';

export interface Live {
  readonly version: number;
  readonly state: { readonly spec: JsonObject; readonly metadata: { readonly labels: JsonObject; readonly annotations: JsonObject } };
}

/** Every declared resource by its key. */
export async function liveOf({ plane }: Workbench): Promise<Map<string, Live>> {
  const rows = await plane.cp.db.selectFrom('resources').selectAll().execute();
  const parse = (text: string): JsonObject => JSON.parse(text) as JsonObject;
  return new Map(
    rows.map((row) => [
      keyOf(row),
      {
        version: row.version,
        state: { spec: parse(row.spec), metadata: { labels: parse(row.labels), annotations: parse(row.annotations) } },
      },
    ]),
  );
}

export interface Difference {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly deleted: readonly string[];
}

/** What became of each resource between two looks; one that was written has another version. */
export function differenceOf(before: ReadonlyMap<string, Live>, after: ReadonlyMap<string, Live>): Difference {
  return {
    created: [...after.keys()].filter((key) => !before.has(key)).sort(),
    updated: [...after].flatMap(([key, { version }]) => (before.has(key) && before.get(key)?.version !== version ? [key] : [])).sort(),
    deleted: [...before.keys()].filter((key) => !after.has(key)).sort(),
  };
}

/** The places of every value that differs, as far down as both sides are mappings. */
export function differingPlaces(before: unknown, after: unknown, place = ''): string[] {
  if (canonicalJson(before ?? null) === canonicalJson(after ?? null)) return [];
  if (!isMapping(before) || !isMapping(after)) return [place];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => differingPlaces(before[name], after[name], place === '' ? name : `${place}.${name}`));
}

const isMapping = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
