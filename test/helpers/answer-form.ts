/** Whether an answer has the form of one that is printed in a document. */

/** Values that differ from run to run. */
const VOLATILE = /^(stoa_sk_|[a-z]{3}-|sub-|https?:\/\/|\d{4}-\d\d-\d\d)|<|^user-123$/;

type Fields = Readonly<Record<string, unknown>>;

/** Where an answer lacks what is documented: fields, types, and words that stand for themselves. Numbers, ids and instants are compared by type. */
export function formDifferences(documented: unknown, actual: unknown, path = ''): string[] {
  if (documented === undefined) return [];
  if (Array.isArray(documented)) {
    if (!Array.isArray(actual)) return [`${path}: a list is documented, ${typeof actual} was answered`];
    if (documented.length > 0 && actual.length === 0) return [`${path}: an empty list was answered`];
    return documented.length === 0 ? [] : formDifferences(documented[0], actual[0], `${path}[0]`);
  }
  if (typeof documented === 'object' && documented !== null) {
    if (typeof actual !== 'object' || actual === null) return [`${path}: an object is documented, ${String(actual)} was answered`];
    return Object.entries(documented).flatMap(([field, value]) =>
      field in actual ? formDifferences(value, (actual as Fields)[field], `${path}.${field}`) : [`${path}.${field}: missing`],
    );
  }
  if (typeof documented !== typeof actual && actual !== null)
    return [`${path}: ${typeof documented} is documented, ${typeof actual} was answered`];
  const isWord = typeof documented === 'string' && !VOLATILE.test(documented) && !IS_OURS.test(path);
  if (!isWord || unquoted(documented) === unquoted(String(actual))) return [];
  return [`${path}: "${documented}" is documented, ${JSON.stringify(actual)} was answered`];
}

/** Words of which the document shows one of several. */
const IS_OURS = /\.(version|state|spec_hash)$/;

/** A sentence without the name in it: "Quota reset for consumer 'user-123'". */
const unquoted = (text: string): string => text.replace(/'[^']*'/g, "''");
