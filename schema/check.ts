/** Manifests, or values from the wire, to checked resources and every finding about them: the same rules on both sides of the wire. */
import type { Catalog } from './catalog.js';
import { checkCandidate, remarksOf, type Candidate, type Checked } from './check-candidate.js';
import { crossFindings } from './check-cross.js';
import type { Diagnostic } from './error.js';
import type { Manifest } from './manifest.js';
import type { Resource } from './resource.js';

export interface CheckOptions {
  /** What is there already. With it every tenant and reference must be found in it or in the set. */
  readonly known?: readonly Resource[];
  /** What is there is not known: a set that declares no tenant may then live in any. The default without `known`. */
  readonly offline?: boolean;
}

interface Result {
  /** Every resource whose own fields are right, in the order of the input. */
  readonly resources: Resource[];
  /** All findings of one run, sorted by place, none twice. */
  readonly diagnostics: Diagnostic[];
}

/** Checks manifests: shape, references, uniqueness, secrets. Findings carry file, line and column. Never throws for what a manifest holds. */
export function check(catalog: Catalog, manifests: readonly Manifest[], options: CheckOptions = {}): Result {
  return checkAll(catalog, manifests, options, remarksOf);
}

/** The same rules for values that come over the wire. A finding's `path` is the REST field: `tier`, not `spec.tier`. */
export function checkResources(catalog: Catalog, resources: readonly Resource[], options: Pick<CheckOptions, 'known'> = {}): Result {
  const { resources: checked, diagnostics } = checkAll(catalog, resources, options);
  const digests = new Map(
    resources.flatMap((resource) => (resource.secretDigests === undefined ? [] : [[keyText(resource), resource.secretDigests] as const])),
  );
  const whole = checked.map((resource): Resource => {
    const secretDigests = digests.get(keyText(resource));
    return secretDigests === undefined ? resource : { ...resource, secretDigests };
  });
  return { resources: whole, diagnostics };
}

const keyText = ({ kind, tenant, name }: Resource): string => JSON.stringify([kind, tenant, name]);

function checkAll(
  catalog: Catalog,
  candidates: readonly Candidate[],
  { known, offline = known === undefined }: CheckOptions,
  remarks: typeof remarksOf = () => [],
): Result {
  const checked = candidates.map((candidate) => checkCandidate(catalog, candidate));
  const findings = [
    ...checked.flatMap(({ diagnostics }) => diagnostics),
    ...checked.flatMap((each) => remarks(each)),
    ...crossFindings(catalog, checked, { known: known ?? [], offline }),
  ];
  return { resources: checked.flatMap(resourceOf), diagnostics: sortDiagnostics(findings) };
}

const resourceOf = ({ resource }: Checked): Resource[] => (resource === undefined ? [] : [resource]);

/** Sorted by file, line and column, those without a place by resource; none twice. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const keyed = diagnostics.map((diagnostic, index) => ({ diagnostic, index }));
  keyed.sort((a, b) => compare(a.diagnostic, b.diagnostic) || a.index - b.index);
  const seen = new Set<string>();
  return keyed.flatMap(({ diagnostic }) => {
    const { code, message, path, resource, source } = diagnostic;
    const text = JSON.stringify([code, message, path, source ?? resource]);
    if (seen.has(text)) return [];
    seen.add(text);
    return [diagnostic];
  });
}

function compare(a: Diagnostic, b: Diagnostic): number {
  if (a.source === undefined || b.source === undefined)
    return a.source === b.source ? compareText(a.resource ?? '', b.resource ?? '') : a.source === undefined ? 1 : -1;
  return compareText(a.source.file, b.source.file) || a.source.line - b.source.line || a.source.column - b.source.column;
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
