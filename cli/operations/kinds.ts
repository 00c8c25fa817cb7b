/** Kinds and names as people type them. */
import { catalog } from '../../gateway/catalog.js';
import { suggest } from '../../schema/did-you-mean.js';
import { StoaError } from '../../schema/error.js';
import type { KindDefinition } from '../../schema/kind.js';

/** `API`, `api` and `apis` are the same kind. Throws `usage_error` with the nearest word. */
export function findKind(word: string): KindDefinition {
  const lower = word.toLowerCase();
  const found = catalog.kinds.find(({ kind, plural }) => kind.toLowerCase() === lower || plural.toLowerCase() === lower);
  if (found !== undefined) return found;
  const nearest = suggest(
    lower,
    catalog.kinds.flatMap(({ kind, plural }) => [kind.toLowerCase(), plural]),
  );
  throw new StoaError('usage_error', `There is no kind "${word}".`, {
    hint: nearest === undefined ? `Kinds are: ${catalog.kinds.map(({ kind }) => kind).join(', ')}.` : `Did you mean "${nearest}"?`,
  });
}

export interface NameQuery {
  readonly tenant: string | undefined;
  readonly name: string;
}

/** `payments` or `acme/payments`. The tenant before the slash wins over --tenant. */
export function parseName(text: string, tenant: string | undefined): NameQuery {
  const [first = '', ...rest] = text.split('/');
  return rest.length === 0 ? { tenant, name: first } : { tenant: first, name: rest.join('/') };
}

/** The words of all kinds, for completion. */
export const kindWords = (): string[] => catalog.kinds.map(({ plural }) => plural);
