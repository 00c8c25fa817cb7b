/** What a resource kind may declare. Shared code reads these members and never asks which kind it has in hand. */
import type * as z from 'zod';
import { resourceName } from './name.js';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** A reference from one resource to another of the same tenant. `field` is the place inside `spec`, for the finding. */
export interface Reference {
  readonly kind: string;
  readonly name: string;
  readonly field: string;
}

/** Something that only one resource of a tenant may hold, such as a route. Shown in messages as written; `field` is the place inside `spec`. */
export interface Claim {
  readonly claim: string;
  readonly field: string;
  /** Others that share it may hold it too, each with another claim below it: `path /pay` beside `path /pay/v1`. The eldest of them has it. */
  readonly isShared?: boolean;
}

/** Ten members at most; each is read for at least two kinds. */
export interface KindDefinition<Spec = unknown> {
  /** As written in manifests: `API`. The id prefix is its first three letters: `api-`. */
  readonly kind: string;
  /** As in routes and tables: `apis`. */
  readonly plural: string;
  /** A resource lives in a tenant, or is the tenant. */
  readonly scope: 'tenant' | 'global';
  readonly summary: string;
  /** Rules for `metadata.name`. */
  readonly name: z.ZodType<string>;
  /** The shape of `spec`, every field with `.describe()`. Parsed specs hold their defaults. */
  readonly spec: z.ZodType<Spec>;
  readonly references: (spec: Spec) => readonly Reference[];
  readonly claims: (spec: Spec, name: string) => readonly Claim[];
  /** Columns of `stoactl get`, beside name and tenant. */
  readonly columns: Readonly<Record<string, (spec: Spec) => string>>;
  /** A spec that parses; shown in docs, tested. */
  readonly example: unknown;
}

type Draft<Spec> = Pick<KindDefinition<Spec>, 'kind' | 'plural' | 'scope' | 'summary' | 'spec' | 'example'> & Partial<KindDefinition<Spec>>;

/** Freezes a definition. The type of its spec is known inside its own file and unknown outside: the one place where types are erased. */
export function defineKind<Spec>(definition: Draft<Spec>): KindDefinition {
  // The single cast of the house rules: outside its file a spec is opaque.
  return Object.freeze({
    name: resourceName,
    references: () => [],
    claims: () => [],
    columns: {},
    ...definition,
  }) as unknown as KindDefinition;
}
