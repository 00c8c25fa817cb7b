/** One resource by itself: its kind, names, labels and spec. */
import type { Catalog } from './catalog.js';
import { checkSpec, type SpecFinding } from './check-spec.js';
import { checkText } from './check-text.js';
import { suggest } from './did-you-mean.js';
import type { Diagnostic } from './error.js';
import type { JsonObject, KindDefinition } from './kind.js';
import type { Locate } from './manifest.js';
import { resourceName } from './name.js';
import { fieldsOf, readableFields, traitsOf, withSortedSets } from './schema-walk.js';
import { keyOf, type Resource, type ResourceKey } from './resource.js';
import { fromVariable } from './variables.js';
import { pathText, quoted, shown } from './shown.js';

/** What is to be checked: a manifest, or a resource from the wire, which has no places. */
export interface Candidate {
  readonly kind: string;
  readonly tenant: string | undefined;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: unknown;
  readonly locate?: Locate | undefined;
  readonly variables?: ReadonlySet<string> | undefined;
  readonly unresolved?: ReadonlySet<string> | undefined;
}

export interface Checked {
  readonly candidate: Candidate;
  readonly diagnostics: readonly Diagnostic[];
  /** Undefined when the kind is not known. */
  readonly definition?: KindDefinition;
  /** Undefined when kind, name or tenant are not usable. The name stands for others to refer to, also when the spec is wrong. */
  readonly key?: ResourceKey;
  /** Undefined when anything of its own is wrong. */
  readonly resource?: Resource;
  /** The spec in the order in which it is written, as far as it can be read, for rules that look for references. */
  readonly readable?: JsonObject;
}

export type FindingPart = Omit<SpecFinding, 'part'> & { readonly part?: 'key' | 'value' };

/** A finding with place and resource. `root` is where its path begins: manifests say `spec.tier`, the wire says `tier`. */
export function diagnose(candidate: Candidate, root: 'spec' | 'metadata' | 'document', finding: FindingPart): Diagnostic {
  const { severity, code, message, hint, path, part } = finding;
  const whole = root === 'document' ? path : [root, ...path];
  const source = candidate.locate?.(whole, part);
  return {
    severity,
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    path: pathText(candidate.locate === undefined ? path : whole),
    resource: nameOf(candidate),
    ...(source === undefined ? {} : { source }),
  };
}

/** `API acme/payments`, as far as it is known. */
function nameOf({ kind, tenant, name }: Candidate): string {
  const text = tenant === undefined || tenant === name ? name : `${tenant}/${name}`;
  return quoted(`${kind} ${text}`.trim()).slice(1, -1);
}

/** Checks one candidate by itself. */
export function checkCandidate(catalog: Catalog, candidate: Candidate): Checked {
  const definition = catalog.find(candidate.kind);
  if (definition === undefined) return { candidate, diagnostics: [unknownKind(catalog, candidate)] };
  const { key, diagnostics: named } = checkNames(definition, candidate);
  const texts = [
    ...checkText(candidate.spec).map((finding) => diagnose(candidate, 'spec', finding)),
    ...checkText({ labels: candidate.labels, annotations: candidate.annotations }).map((finding) =>
      diagnose(candidate, 'metadata', finding),
    ),
  ];
  const isWalkable = !texts.some(({ code }) => code === 'value_limit' || code === 'unsafe_key');
  const { spec, findings } = isWalkable ? specOf(definition, candidate) : { spec: undefined, findings: [] };
  const own = findings.filter(({ path }) => candidate.unresolved?.has(['spec', ...path].join('.')) !== true);
  const diagnostics = [...named, ...texts, ...own.map((finding) => diagnose(candidate, 'spec', finding))];
  const identity = key === undefined ? {} : { key };
  if (key === undefined || spec === undefined || diagnostics.some(({ severity }) => severity === 'error')) {
    // Fields that their own schemas have read are JSON.
    const readable = isWalkable ? (readableFields(definition.spec, candidate.spec) as JsonObject) : undefined;
    return { candidate, definition, ...identity, ...(readable === undefined ? {} : { readable }), diagnostics };
  }
  const { labels, annotations } = candidate;
  return {
    candidate,
    definition,
    key,
    diagnostics,
    readable: spec,
    resource: { ...key, labels, annotations, spec: withSortedSets(definition.spec, spec) },
  };
}

/** What of a resource that is right by itself is worth a look all the same. */
export function remarksOf({ candidate, definition, resource }: Checked): Diagnostic[] {
  if (definition === undefined || resource === undefined) return [];
  return Object.entries(fieldsOf(definition.spec, resource.spec) ?? {}).flatMap(([name, field]) => {
    const remark = traitsOf(field).remark?.(resource.spec);
    return remark === undefined ? [] : [diagnose(candidate, 'spec', { severity: 'warning', ...remark, path: [name] })];
  });
}

function unknownKind(catalog: Catalog, candidate: Candidate): Diagnostic {
  const names = catalog.kinds.map(({ kind }) => kind);
  const nearest = suggest(candidate.kind, names) ?? catalog.kinds.find(({ plural }) => plural === candidate.kind.toLowerCase())?.kind;
  const hint = nearest === undefined ? `Known kinds: ${names.join(', ')}.` : `Did you mean "${nearest}"?`;
  return diagnose(candidate, 'document', {
    severity: 'error',
    code: 'unknown_kind',
    message: `The kind ${quoted(candidate.kind)} is not known.`,
    hint,
    path: ['kind'],
  });
}

/** The parsed spec. Where a number or boolean is wanted and a variable gave its text, the text is read as such. */
function specOf(definition: KindDefinition, { spec, variables }: Candidate): { spec?: JsonObject; findings: readonly SpecFinding[] } {
  const first = checkSpec(definition, spec);
  if (variables === undefined || first.spec !== undefined) return first;
  const converted = fromVariable(
    spec,
    first.findings.filter(({ code }) => code === 'wrong_type').map(({ path }) => path),
    variables,
  );
  return converted === undefined ? first : checkSpec(definition, converted);
}

interface Named {
  readonly key?: ResourceKey;
  readonly diagnostics: readonly Diagnostic[];
}

function checkNames(definition: KindDefinition, candidate: Candidate): Named {
  const { kind, name, tenant } = candidate;
  const diagnostics: Diagnostic[] = [];
  const report = (path: string, code: string, message: string, hint?: string): void => {
    diagnostics.push(
      diagnose(candidate, 'metadata', { severity: 'error', code, message, path: [path], ...(hint === undefined ? {} : { hint }) }),
    );
  };
  // A missing name was reported with the envelope of the manifest.
  if (name === '' && candidate.locate === undefined) report('name', 'missing_field', 'The name is missing, or is no text.');
  if (name !== '') reportName(definition.name, name, (message) => report('name', 'invalid_name', message));
  const isGlobal = definition.scope === 'global';
  if (isGlobal && tenant !== undefined && tenant !== name)
    report(
      'tenant',
      'foreign_tenant',
      `${kind} ${quoted(name)} cannot stand in the tenant ${quoted(tenant)}.`,
      'Remove "metadata.tenant".',
    );
  if (!isGlobal && tenant === undefined)
    report(
      'tenant',
      'missing_tenant',
      `${name === '' ? `This ${kind}` : `${kind} ${quoted(name)}`} does not say which tenant it belongs to.`,
      'Add "tenant" to its metadata.',
    );
  if (!isGlobal && tenant !== undefined) reportName(resourceName, tenant, (message) => report('tenant', 'invalid_name', message));
  const owner = isGlobal ? name : tenant;
  return name === '' || owner === undefined ? { diagnostics } : { key: { kind, tenant: owner, name }, diagnostics };
}

function reportName(schema: KindDefinition['name'], name: string, report: (message: string) => void): void {
  const result = schema.safeParse(name);
  const message = result.error?.issues[0]?.message;
  if (message !== undefined) report(`${shown(name)} cannot be a name. ${message}`);
}

/** How people are shown a checked resource: `API acme/payments`. */
export const titleOf = ({ key, candidate }: Checked): string => (key === undefined ? nameOf(candidate) : keyOf(key));
