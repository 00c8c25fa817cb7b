/** Rules between resources: nothing twice, every reference found, every claim held once, nothing immutable changed. */
import type { Catalog } from './catalog.js';
import { diagnose, titleOf, type Checked, type FindingPart } from './check-candidate.js';
import { suggest } from './did-you-mean.js';
import type { Diagnostic, Source } from './error.js';
import type { Claim, KindDefinition } from './kind.js';
import { resourceName } from './name.js';
import { canonicalJson, keyOf, type Resource, type ResourceKey } from './resource.js';
import { visitFields } from './schema-walk.js';
import { quoted } from './shown.js';

interface Known {
  readonly known: readonly Resource[];
  readonly offline: boolean;
}

/** Findings that need more than one resource. */
export function crossFindings(catalog: Catalog, checked: readonly Checked[], { known, offline }: Known): Diagnostic[] {
  const named = new Map<string, Checked>();
  const duplicates: Diagnostic[] = [];
  const all: Keyed[] = [];
  for (const item of checked) {
    if (item.key === undefined) continue;
    const title = keyOf(item.key);
    const first = named.get(title);
    if (first === undefined) named.set(title, item);
    else duplicates.push(duplicate(item, first));
    all.push({ ...item, key: item.key, title, isFirst: first === undefined });
  }
  const index = new Index(catalog, named, new Map(known.map((resource) => [keyOf(resource), resource])), offline);
  const own = all.flatMap((item) => [...tenantFindings(item, index), ...referenceFindings(item, index), ...immutableFindings(item, index)]);
  return [...duplicates, ...own, ...claimFindings(all, index)];
}

/** A candidate that can be referred to. */
interface Keyed extends Checked {
  readonly key: ResourceKey;
  /** `keyOf` of its key. */
  readonly title: string;
  /** Whether it is the first of its name. */
  readonly isFirst: boolean;
}

/** So many references are looked up for what they could have meant: beyond that nobody reads the hints, and they cost. */
const MAX_SUGGESTIONS = 200;

/** What there is, in the set and before it. */
class Index {
  readonly catalog: Catalog;
  readonly named: ReadonlyMap<string, Checked>;
  readonly known: ReadonlyMap<string, Resource>;
  /** The kind that others live in. */
  readonly owner: KindDefinition | undefined;
  /** Whether any tenant may be meant, since none is known. */
  readonly isAnyTenant: boolean;
  readonly #names = new Map<string, readonly string[]>();
  #suggestions = 0;

  constructor(catalog: Catalog, named: ReadonlyMap<string, Checked>, known: ReadonlyMap<string, Resource>, offline: boolean) {
    this.catalog = catalog;
    this.named = named;
    this.known = known;
    this.owner = catalog.kinds.find(({ scope }) => scope === 'global');
    this.isAnyTenant = offline && this.namesOf(this.owner?.kind ?? '', undefined).length === 0;
  }

  has(key: string): boolean {
    return this.named.has(key) || this.known.has(key);
  }

  /** Names of a kind that a reference could have meant, sorted. */
  namesOf(kind: string, tenant: string | undefined): readonly string[] {
    const place = `${kind} ${tenant ?? ''}`;
    const kept = this.#names.get(place);
    if (kept !== undefined) return kept;
    const keys = [...[...this.named.values()].flatMap(({ key }) => (key === undefined ? [] : [key])), ...this.known.values()];
    const names = new Set(
      keys.filter((key) => key.kind === kind && (tenant === undefined || key.tenant === tenant)).map(({ name }) => name),
    );
    const sorted = [...names].sort();
    this.#names.set(place, sorted);
    return sorted;
  }

  suggest(name: string, names: readonly string[]): string | undefined {
    this.#suggestions++;
    return this.#suggestions > MAX_SUGGESTIONS ? undefined : suggest(name, names);
  }
}

const at = (source: Source | undefined): string => (source === undefined ? '' : ` at ${source.file}:${source.line}:${source.column}`);

function duplicate(item: Checked, first: Checked): Diagnostic {
  const message = `${titleOf(item)} is declared twice; the first is${at(first.candidate.locate?.(['metadata', 'name'])) || ' earlier in the same set'}.`;
  return diagnose(item.candidate, 'metadata', {
    severity: 'error',
    code: 'duplicate',
    message,
    hint: 'Remove or rename one of them.',
    path: ['name'],
  });
}

function missing(
  index: Index,
  kind: string,
  name: string,
  tenant: string | undefined,
): Pick<FindingPart, 'severity' | 'code' | 'message' | 'hint'> {
  const names = index.namesOf(kind, tenant);
  const nearest = index.suggest(name, names);
  const place = tenant === undefined ? '' : ` in the tenant ${quoted(tenant)}`;
  const listed =
    names.length === 0
      ? `There is none of this kind${place}.`
      : `There is: ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}.`;
  return {
    severity: 'error',
    code: 'missing_reference',
    message: `There is no ${kind} ${quoted(name)}${place}.`,
    hint: nearest === undefined ? listed : `Did you mean "${nearest}"?`,
  };
}

/** A resource lives in a tenant that is there. A set that declares none may, offline, live in any. */
function tenantFindings({ definition, key, candidate }: Keyed, index: Index): Diagnostic[] {
  const { owner } = index;
  if (definition === undefined || owner === undefined || definition.scope === 'global' || index.isAnyTenant) return [];
  if (index.has(keyOf({ kind: owner.kind, tenant: key.tenant, name: key.tenant }))) return [];
  // What cannot be a name was reported as such.
  if (!resourceName.safeParse(key.tenant).success) return [];
  return [diagnose(candidate, 'metadata', { ...missing(index, owner.kind, key.tenant, undefined), path: ['tenant'] })];
}

function referenceFindings({ definition, key, candidate, readable }: Keyed, index: Index): Diagnostic[] {
  if (definition === undefined || readable === undefined) return [];
  const references = definition.references(readable).filter((reference) => typeof (reference.name as unknown) === 'string');
  return references.flatMap(({ kind, name, field }) => {
    const path = pathOf(field);
    const isGlobal = index.catalog.find(kind)?.scope === 'global';
    if (isGlobal && name !== key.tenant) {
      const message = `${keyOf(key)} cannot refer to the ${kind} ${quoted(name)}: a resource stays within its own tenant.`;
      return [diagnose(candidate, 'spec', { severity: 'error', code: 'foreign_tenant', message, hint: `Name "${key.tenant}".`, path })];
    }
    // The own tenant is looked for by `tenantFindings`.
    if (isGlobal || index.has(keyOf({ kind, tenant: key.tenant, name }))) return [];
    return [diagnose(candidate, 'spec', { ...missing(index, kind, name, key.tenant), path })];
  });
}

const pathOf = (field: string): (string | number)[] => field.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step));

function claimsOf(definition: KindDefinition, resource: Resource): readonly Claim[] {
  return definition.claims(resource.spec, resource.name);
}

interface Holder {
  readonly title: string;
  readonly isShared: boolean;
  readonly source?: (() => Source | undefined) | undefined;
}

/** What only one may hold: the first in the set keeps it; what is known and not in the set holds it before all. */
function claimFindings(items: readonly Keyed[], index: Index): Diagnostic[] {
  const holders = new Map<string, Holder>();
  for (const [title, resource] of index.known) {
    const definition = index.catalog.find(resource.kind);
    if (definition === undefined || index.named.has(title)) continue;
    for (const { claim, isShared = false } of claimsOf(definition, resource)) holders.set(claimKey(resource, claim), { title, isShared });
  }
  return items.flatMap((item) => (item.isFirst ? claimsTaken(item, holders) : []));
}

const claimKey = ({ kind, tenant }: Resource, claim: string): string => `${kind} ${tenant} ${claim}`;

/** Takes the claims of one resource; those that another holds are findings. */
function claimsTaken({ definition, resource, candidate, title }: Keyed, holders: Map<string, Holder>): Diagnostic[] {
  if (definition === undefined || resource === undefined) return [];
  return claimsOf(definition, resource).flatMap(({ claim, field, isShared = false }) => {
    const key = claimKey(resource, claim);
    const holder = holders.get(key);
    if (holder === undefined) {
      holders.set(key, { title, isShared, source: () => candidate.locate?.(['spec', ...pathOf(field)]) });
      return [];
    }
    if (isShared && holder.isShared) return [];
    const message = `${title} claims ${claim}, which ${holder.title} holds${at(holder.source?.())}.`;
    const hint = 'Only one resource of a tenant may hold it: change one of them.';
    return [diagnose(candidate, 'spec', { severity: 'error', code: 'claim_taken', message, hint, path: pathOf(field) })];
  });
}

/** Fields that are fixed at creation, against what is there. */
function immutableFindings({ definition, resource, candidate, title }: Keyed, index: Index): Diagnostic[] {
  const before = resource === undefined ? undefined : index.known.get(title);
  if (definition === undefined || resource === undefined || before === undefined) return [];
  return immutableChanges(definition, before, resource).map(({ path, message }) =>
    diagnose(candidate, 'spec', { severity: 'error', code: 'immutable_field', message, hint: IMMUTABLE_HINT, path }),
  );
}

/** What to do about a changed immutable field. */
export const IMMUTABLE_HINT = 'Delete the resource and create it anew, or give the new one another name.';

/** The immutable fields that differ between two states of one resource. */
export function immutableChanges(
  definition: KindDefinition,
  before: Resource,
  after: Resource,
): { path: readonly string[]; message: string }[] {
  const changes: { path: readonly string[]; message: string }[] = [];
  visitFields(definition.spec, before.spec, after.spec, (field) => {
    if (field.traits.immutable !== true || canonicalJson(field.before ?? null) === canonicalJson(field.after ?? null)) return;
    changes.push({ path: field.path, message: `"${field.path.join('.')}" of ${keyOf(after)} cannot change after it was created.` });
  });
  return changes;
}
