/** Findings of the control plane, which knows resources and fields, traced to the files, lines and columns that they come from. */
import { StoaError, type Diagnostic, type Source } from '../../schema/error.js';
import type { Manifest } from '../../schema/manifest.js';
import { keyOf } from '../../schema/resource.js';
import type { ManifestSet } from './load.js';

/** How many errors a set has, and what to do; nothing was changed. */
export function invalidSet(diagnostics: readonly Diagnostic[]): StoaError {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  return new StoaError('validation_error', `The manifests have ${errors} ${errors === 1 ? 'error' : 'errors'}; nothing was changed.`, {
    diagnostics,
    hint: 'Mend them and run the command again; "stoactl validate" checks them without a server.',
  });
}

/** An error of the control plane about a set as this side tells it: the same findings where they were made here, too, and places for all. */
export function withPlaces(error: unknown, set: ManifestSet | undefined): unknown {
  if (!(error instanceof StoaError) || error.code !== 'validation_error' || set === undefined || error.diagnostics.length === 0)
    return error;
  const here = new Map(set.diagnostics.map((diagnostic) => [nameOf(diagnostic), diagnostic]));
  const manifests = new Map(set.manifests.map((manifest) => [keyOf({ ...manifest, tenant: manifest.tenant ?? manifest.name }), manifest]));
  const { hint } = error;
  return invalidSet(
    error.diagnostics.map(
      (finding) => here.get(nameOf(finding)) ?? { ...placed(finding, manifests), ...(hint === undefined ? {} : { hint }) },
    ),
  );
}

/** What is said, and of which field of which resource: on the wire in one path, in which fields of a spec come without that word. */
const nameOf = ({ resource, path, message }: Diagnostic): string =>
  JSON.stringify([[resource, path.replace(/^(spec|metadata)\./, '')].filter(Boolean).join(' '), message]);

/** `Subscription acme/mobile api` is the field `api` of that resource; a key holds one space. */
function placed(finding: Diagnostic, manifests: ReadonlyMap<string, Manifest>): Diagnostic {
  const [, resource = '', path = ''] = /^(\S+ \S+)(?: (.*))?$/s.exec(finding.path) ?? [];
  const manifest = manifests.get(resource);
  const source = manifest === undefined ? undefined : sourceOf(manifest, path);
  return source === undefined ? finding : { ...finding, path, resource, source };
}

/** Fields of a spec come without that word; what is in no spec is metadata. */
function sourceOf({ locate, spec }: Manifest, path: string): Source | undefined {
  const steps = path.split('.');
  const [first = ''] = steps;
  const isOfSpec = typeof spec === 'object' && spec !== null && Object.hasOwn(spec, first);
  return locate([isOfSpec ? 'spec' : 'metadata', ...steps]);
}
