/** Durations as people write them: `90s`, `90m`, `24h`, `7d`, also `500ms` and `1h30m`. */

const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof UNITS_MS;

const PART = /(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)/g;
const WHOLE = /^(?:\d{1,12}(?:\.\d{1,6})?(?:ms|s|m|h|d)){1,5}$/;

/** Milliseconds of a duration, rounded; undefined when the text is none. A bare number is none: its unit would be a guess. */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (!WHOLE.test(trimmed)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of trimmed.matchAll(PART)) ms += Number(amount) * UNITS_MS[unit as Unit];
  return Number.isSafeInteger(Math.round(ms)) ? Math.round(ms) : undefined;
}
