/** Deeper values are nobody's answers or arguments; and writing them as JSON would end the stack. */
export const MAX_JSON_DEPTH = 64;

/** Whether a value is nested deeper than so many levels. */
export function isDeeper(value: unknown, levels = MAX_JSON_DEPTH): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1));
}
