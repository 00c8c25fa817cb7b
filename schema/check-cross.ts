/** Rules between resources: nothing twice, every reference found, every claim held once, nothing immutable changed. */
import type { Catalog } from './catalog.js';
import { diagnose, titleOf, type Checked, type FindingPart } from './check-candidate.js';
import { suggest } from './did-you-mean.js';
import type { Diagnostic, Source } from './error.js';
import type { Claim, KindDefinition } from './kind.js';
import { canonicalJson, keyOf, type Resource } from './resource.js';
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
  const firsts: Checked[] = [];
  const all = checked.filter(({ key }) => key !== undefined);
  for (const item of all) {
    if (item.key === undefined) continue;
    const key = keyOf(item.key);
    const first = named.get(key);
    if (first !== undefined) duplicates.push(duplicate(item, first));
    else {
      named.set(key, item);
      firsts.push(item);
    }
  }
  const index: Index = { catalog, named, known: new Map(known.map((resource) => [keyOf(resource), resource])), offline };
  return [
    ...duplicates,
    ...all.flatMap((item) => [...tenantFindings(item, index), ...referenceFindings(item, index), ...immutableFindings(item, index)]),
    ...claimFindings(firsts, index),
  ];
}

interface Index {
  readonly catalog: Catalog;
  readonly named: ReadonlyMap<string, Checked>;
  readonly known: ReadonlyMap<string, Resource>;
  readonly offline: boolean;
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

const has = (index: Index, key: string): boolean => index.named.has(key) || index.known.has(key);

/** Names that a reference could have meant. */
function namesOf({ named, known }: Index, kind: string, tenant: string | undefined): string[] {
  const keys = [...[...named.values()].flatMap(({ key }) => (key === undefined ? [] : [key])), ...known.values()];
  return [...new Set(keys.filter((key) => key.kind === kind && (tenant === undefined || key.tenant === tenant)).map(({ name }) => name))];
}

function missing(
  index: Index,
  kind: string,
  name: string,
  tenant: string | undefined,
): Pick<FindingPart, 'severity' | 'code' | 'message' | 'hint'> {
  const names = namesOf(index, kind, tenant);
  const nearest = suggest(name, names);
  const place = tenant === undefined ? '' : ` in the tenant ${quoted(tenant)}`;
  const listed =
    names.length === 0
      ? `There is none of this kind${place}.`
      : `There is: ${names.slice(0, 10).sort().join(', ')}${names.length > 10 ? ', …' : ''}.`;
  return {
    severity: 'error',
    code: 'missing_reference',
    message: `There is no ${kind} ${quoted(name)}${place}.`,
    hint: nearest === undefined ? listed : `Did you mean "${nearest}"?`,
  };
}

/** A resource lives in a tenant that is there. A set that declares none may, offline, live in any. */
function tenantFindings({ definition, key, candidate }: Checked, index: Index): Diagnostic[] {
  const owner = ownerKind(index.catalog);
  if (definition === undefined || key === undefined || owner === undefined || definition.scope === 'global') return [];
  if (has(index, keyOf({ kind: owner.kind, tenant: key.tenant, name: key.tenant }))) return [];
  if (index.offline && namesOf(index, owner.kind, undefined).length === 0) return [];
  return [diagnose(candidate, 'metadata', { ...missing(index, owner.kind, key.tenant, undefined), path: ['tenant'] })];
}

const ownerKind = (catalog: Catalog): KindDefinition | undefined => catalog.kinds.find(({ scope }) => scope === 'global');

function referenceFindings({ definition, key, candidate, resource, readable }: Checked, index: Index): Diagnostic[] {
  const spec = resource?.spec ?? readable;
  if (definition === undefined || key === undefined || spec === undefined) return [];
  const references = definition.references(spec).filter((reference) => typeof (reference.name as unknown) === 'string');
  return references.flatMap(({ kind, name, field }) => {
    const path = pathOf(field);
    const isGlobal = index.catalog.find(kind)?.scope === 'global';
    if (isGlobal && name !== key.tenant) {
      const message = `${keyOf(key)} cannot refer to the ${kind} ${quoted(name)}: a resource stays within its own tenant.`;
      return [diagnose(candidate, 'spec', { severity: 'error', code: 'foreign_tenant', message, hint: `Name "${key.tenant}".`, path })];
    }
    // The own tenant is looked for by `tenantFindings`.
    if (isGlobal || has(index, keyOf({ kind, tenant: key.tenant, name }))) return [];
    return [diagnose(candidate, 'spec', { ...missing(index, kind, name, key.tenant), path })];
  });
}

const pathOf = (field: string): (string | number)[] => field.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step));

function claimsOf(definition: KindDefinition, resource: Resource): readonly Claim[] {
  return definition.claims(resource.spec, resource.name);
}

interface Holder {
  readonly title: string;
  readonly source?: (() => Source | undefined) | undefined;
}

/** What only one may hold: the first in the set keeps it; what is known and not in the set holds it before all. */
function claimFindings(items: readonly Checked[], index: Index): Diagnostic[] {
  const holders = new Map<string, Holder>();
  const claimKey = ({ kind, tenant }: Resource, claim: string): string => JSON.stringify([kind, tenant, claim]);
  for (const resource of index.known.values()) {
    const definition = index.catalog.find(resource.kind);
    if (definition === undefined || index.named.has(keyOf(resource))) continue;
    for (const { claim } of claimsOf(definition, resource)) holders.set(claimKey(resource, claim), { title: keyOf(resource) });
  }
  return items.flatMap(({ definition, resource, candidate }) => {
    if (definition === undefined || resource === undefined) return [];
    return claimsOf(definition, resource).flatMap(({ claim, field }) => {
      const key = claimKey(resource, claim);
      const holder = holders.get(key);
      const path = pathOf(field);
      if (holder === undefined) holders.set(key, { title: keyOf(resource), source: () => candidate.locate?.(['spec', ...path]) });
      if (holder === undefined) return [];
      const message = `${keyOf(resource)} claims ${claim}, which ${holder.title} holds${at(holder.source?.())}.`;
      return [
        diagnose(candidate, 'spec', {
          severity: 'error',
          code: 'claim_taken',
          message,
          hint: 'Only one resource of a tenant may hold it: change one of them.',
          path,
        }),
      ];
    });
  });
}

/** Fields that are fixed at creation, against what is there. */
function immutableFindings({ definition, resource, candidate }: Checked, index: Index): Diagnostic[] {
  const before = resource === undefined ? undefined : index.known.get(keyOf(resource));
  if (definition === undefined || resource === undefined || before === undefined) return [];
  return immutableChanges(definition, before, resource).map(({ path, message }) =>
    diagnose(candidate, 'spec', {
      severity: 'error',
      code: 'immutable_field',
      message,
      hint: 'Delete the resource and create it anew, or give the new one another name.',
      path,
    }),
  );
}

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
