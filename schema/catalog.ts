/** Kinds by name, and what is looked up over all of them. */
import type { KindDefinition } from './kind.js';
import { kinds } from './kinds/index.js';
import { policyKind } from './kinds/policy.js';
import type { PolicyType } from './policy-type.js';

export interface Catalog {
  /** In the order in which a set is listed. */
  readonly kinds: readonly KindDefinition[];
  readonly policyTypes: readonly PolicyType[];
  /** By exact kind name. */
  find(kind: string): KindDefinition | undefined;
}

/** The catalog of a build of the product: its kinds, with `Policy` made from its policy types. */
export function buildCatalog(policyTypes: readonly PolicyType[]): Catalog {
  const all = [...kinds, policyKind(policyTypes)];
  const byName = new Map(all.map((definition) => [definition.kind, definition]));
  return { kinds: all, policyTypes, find: (kind) => byName.get(kind) };
}
