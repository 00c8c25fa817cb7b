/** What an audit entry tells: values before and after, bounded, and never a secret. */
import { redactApiKeys } from '../../../schema/api-key.js';
import type { FieldChange } from '../../../schema/change.js';
import type { Json } from '../../../schema/kind.js';

const SECRET_FIELD =
  /^((new_)?(x-)?api[_-]?key|key|private_key|signing_key|secrets?|(.*[_-])?secret|(.*[_-])?password|passphrase|(.*[_-])?token|authorization|proxy-authorization|cookie|set-cookie|ciphertext|digest|credentials?)$/i;
const USER_INFO = /(?<=:\/\/)[^/@\s"]+(?=@)/g;

/** JSON of audit details without anything secret: fields that are secret by name, passwords in addresses, and whatever looks like an API key. */
export function auditDetails(details: unknown): string {
  const json = JSON.stringify(details ?? {}, (field, value: unknown) => (isSecret(field) && value !== null ? '[secret]' : value));
  return redactApiKeys(json).replaceAll(USER_INFO, '[secret]');
}

/** A field, or a dotted place that ends in it. */
const isSecret = (place: string): boolean => SECRET_FIELD.test(place.slice(place.lastIndexOf('.') + 1));

const MAX_VALUE = 1000;
const MAX_TOTAL = 8000;
const MAX_CUT = 50;

interface ChangedValues {
  readonly before: Readonly<Record<string, Json>> | null;
  readonly after: Readonly<Record<string, Json>> | null;
  /** Places whose values were too long to be kept, at most 50 of them. */
  readonly cut?: readonly string[];
  /** How many places were cut, when more than `cut` names. */
  readonly cut_total?: number;
}

/** The changed values by their place, of any size of a change at most some 8 kB; what did not fit is named in `cut`. */
export function changedValues(changes: readonly FieldChange[]): ChangedValues {
  const before: Record<string, Json> = {};
  const after: Record<string, Json> = {};
  const cut: string[] = [];
  let size = 0;
  for (const { path, ...values } of changes) {
    const [from, to] = [sizeOf(values.before), sizeOf(values.after)];
    const needed = path.length * 2 + from + to;
    if (from > MAX_VALUE || to > MAX_VALUE || size + needed > MAX_TOTAL) {
      cut.push(path);
      continue;
    }
    size += needed;
    if (values.before !== undefined) before[path] = values.before;
    if (values.after !== undefined) after[path] = values.after;
  }
  return {
    before: changes.some((change) => change.before !== undefined) ? before : null,
    after: changes.some((change) => change.after !== undefined) ? after : null,
    ...(cut.length === 0 ? {} : { cut: cut.slice(0, MAX_CUT).map((place) => place.slice(0, 200)) }),
    ...(cut.length > MAX_CUT ? { cut_total: cut.length } : {}),
  };
}

const sizeOf = (value: Json | undefined): number => (value === undefined ? 0 : JSON.stringify(value).length);
