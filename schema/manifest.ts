/** YAML text to manifests: the envelope around every spec (apiVersion, kind, metadata), and the place of each value. */
import type { Diagnostic, Source } from './error.js';
import { suggest } from './did-you-mean.js';
import { pathText, quoted, shown } from './shown.js';
import { parseYaml, YAML_LIMITS, type YamlDocument, type YamlLimits } from './yaml.js';
import { placeFinder } from './yaml-exact.js';

/** What manifests are written in. */
export const API_VERSION = 'gostoa.dev/v1beta1';
export const OLDER_VERSIONS: ReadonlySet<string> = new Set(['gostoa.dev/v1', 'gostoa.dev/v1alpha1', 'stoa.io/v1', 'stoa.dev/v1']);
const GROUPS = ['gostoa.dev', 'stoa.io', 'stoa.dev'];

/** Finds the place of a value, or of the deepest part of the path that is there. `part` chooses a field's name instead of its value. */
export type Locate = (path: readonly (string | number)[], part?: 'key' | 'value') => Source | undefined;

export interface Manifest {
  readonly kind: string;
  /** Undefined for a kind without tenant, and when it is missing. */
  readonly tenant: string | undefined;
  /** Empty when it is missing; `parseManifests` has reported it. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: unknown;
  /** Number of the document in its file, from 1; empty ones are not counted. */
  readonly document: number;
  readonly file: string;
  readonly locate: Locate;
  /** Dotted places whose whole value came from a variable: they may stand for numbers and booleans. */
  readonly variables?: ReadonlySet<string>;
  /** Dotted places whose variables could not be resolved, which was reported. */
  readonly unresolved?: ReadonlySet<string>;
}

interface Parsed {
  readonly manifests: Manifest[];
  readonly diagnostics: Diagnostic[];
}

/** All manifests of a text and what is wrong with their syntax and envelope. What their specs hold is for `check`. Never throws. */
export function parseManifests(text: string, file: string, limits: YamlLimits = YAML_LIMITS): Parsed {
  const { documents, problem } = parseYaml(text, limits);
  const parsed = documents.map((document, index) => readDocument(document, index + 1, file));
  const whole: Diagnostic[] =
    problem === undefined
      ? []
      : [
          {
            severity: 'error',
            code: 'file_limit',
            message: problem,
            hint: 'Split the file.',
            path: '',
            source: { file, line: 1, column: 1 },
          },
        ];
  return {
    manifests: parsed.flatMap(({ manifest }) => (manifest === undefined ? [] : [manifest])),
    diagnostics: [...whole, ...parsed.flatMap(({ diagnostics }) => diagnostics)],
  };
}

interface ReadDocument {
  readonly manifest?: Manifest;
  readonly diagnostics: readonly Diagnostic[];
}

function readDocument(document: YamlDocument, number: number, file: string): ReadDocument {
  const { value, problems, lineOffset } = document;
  if (problems.length > 0)
    return {
      diagnostics: problems.map(({ line, column, ...problem }) => ({
        severity: 'error',
        path: '',
        ...problem,
        source: { file, line: line + lineOffset, column },
      })),
    };
  const envelope = new Envelope(locator(document, file));
  if (!isMapping(value)) {
    if (value === null || value === undefined) return { diagnostics: [] };
    envelope.error(
      'not_a_manifest',
      [],
      `The document is ${shown(value)}, not a mapping.`,
      `A manifest begins with "apiVersion: ${API_VERSION}".`,
    );
    return { diagnostics: envelope.diagnostics };
  }
  if (!isOurs(value, envelope)) return { diagnostics: envelope.diagnostics };
  const manifest = readEnvelope(value, envelope, number, file);
  return { ...(manifest === undefined ? {} : { manifest }), diagnostics: envelope.diagnostics };
}

type Mapping = Readonly<Record<string, unknown>>;
const isMapping = (value: unknown): value is Mapping => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Places of a document, computed at the first question. */
function locator({ text, lineOffset }: YamlDocument, file: string): Locate {
  let find: ReturnType<typeof placeFinder> | undefined;
  return (path, part = 'value') => {
    find ??= placeFinder(text);
    const { line, column } = find(path, part);
    return { file, line: line + lineOffset, column };
  };
}

/** Collects the findings about one envelope. */
class Envelope {
  readonly locate: Locate;
  readonly diagnostics: Diagnostic[] = [];

  constructor(locate: Locate) {
    this.locate = locate;
  }

  error(code: string, path: readonly string[], message: string, hint?: string, part: 'key' | 'value' = 'value'): void {
    this.add('error', code, path, message, hint, part);
  }

  add(
    severity: Diagnostic['severity'],
    code: string,
    path: readonly string[],
    message: string,
    hint?: string,
    part: 'key' | 'value' = 'value',
  ): void {
    const source = this.locate(path, part);
    this.diagnostics.push({
      severity,
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
      path: pathText(path),
      ...(source === undefined ? {} : { source }),
    });
  }
}

/** Whether a document is a manifest of ours; those of other systems are skipped with a note. */
function isOurs(value: Mapping, envelope: Envelope): boolean {
  const { apiVersion, kind } = value;
  if (apiVersion === undefined || apiVersion === null || typeof apiVersion !== 'string') {
    const message =
      apiVersion === undefined || apiVersion === null ? '"apiVersion" is missing.' : `"apiVersion" is a text, not ${shown(apiVersion)}.`;
    const hint =
      kind === undefined
        ? `If this is a manifest, begin it with "apiVersion: ${API_VERSION}" and a kind; if not, leave the file out.`
        : `Write "apiVersion: ${API_VERSION}".`;
    envelope.error(apiVersion === undefined ? 'missing_field' : 'wrong_type', ['apiVersion'], message, hint);
    return false;
  }
  if (apiVersion === API_VERSION) return true;
  if (OLDER_VERSIONS.has(apiVersion)) {
    envelope.add('warning', 'old_api_version', ['apiVersion'], `${quoted(apiVersion)} is an older spelling.`, `Write "${API_VERSION}".`);
    return true;
  }
  return isOursByGroup(apiVersion, kind, envelope);
}

function isOursByGroup(apiVersion: string, kind: unknown, envelope: Envelope): boolean {
  const [group = ''] = apiVersion.split('/');
  const isGroup = GROUPS.includes(group);
  if (isGroup || suggest(group, GROUPS) !== undefined) {
    envelope.error(
      'unknown_api_version',
      ['apiVersion'],
      `${quoted(apiVersion)} is not a known apiVersion.`,
      `Did you mean "${API_VERSION}"?`,
    );
    return false;
  }
  envelope.add('note', 'skipped', [], `${shown(kind)} of ${quoted(apiVersion)} is skipped: it belongs to another system.`);
  return false;
}

export const TOP_FIELDS = ['apiVersion', 'kind', 'metadata', 'spec'];
export const METADATA_FIELDS = ['name', 'tenant', 'namespace', 'labels', 'annotations'];

function readEnvelope(value: Mapping, envelope: Envelope, number: number, file: string): Manifest | undefined {
  unknownFields(value, TOP_FIELDS, [], envelope);
  const kind = textField(value, 'kind', [], envelope, 'Write the kind, such as "kind: API".');
  const metadata = value['metadata'] ?? {};
  if (!isMapping(metadata)) {
    envelope.error('wrong_type', ['metadata'], `"metadata" is a mapping, not ${shown(metadata)}.`);
    return undefined;
  }
  unknownFields(metadata, METADATA_FIELDS, ['metadata'], envelope);
  const name = textField(metadata, 'name', ['metadata'], envelope, 'Every resource has a name: lower-case letters, digits and hyphens.');
  const tenant = tenantOf(metadata, envelope);
  const labels = textMap(metadata, 'labels', envelope);
  const annotations = textMap(metadata, 'annotations', envelope);
  if (kind === undefined) return undefined;
  return {
    kind,
    tenant,
    name: name ?? '',
    labels,
    annotations,
    spec: value['spec'] ?? {},
    document: number,
    file,
    locate: envelope.locate,
  };
}

function unknownFields(value: Mapping, known: readonly string[], at: readonly string[], envelope: Envelope): void {
  for (const field of Object.keys(value)) {
    if (known.includes(field)) continue;
    const nearest = suggest(field, known);
    const hint = nearest === undefined ? `Known fields: ${known.join(', ')}.` : `Did you mean "${nearest}"?`;
    envelope.error(
      'unknown_field',
      [...at, field],
      `The field ${quoted(field)} is not known${at.length === 0 ? ' in a manifest' : ` in ${at.join('.')}`}.`,
      hint,
      'key',
    );
  }
}

function textField(value: Mapping, field: string, at: readonly string[], envelope: Envelope, hint: string): string | undefined {
  const found = value[field];
  const path = [...at, field];
  if (typeof found === 'string' && found !== '') return found;
  if (found === undefined || found === null || found === '') envelope.error('missing_field', path, `"${path.join('.')}" is missing.`, hint);
  else
    envelope.error(
      'wrong_type',
      path,
      `"${path.join('.')}" is a text, not ${shown(found)}.`,
      typeof found === 'object' ? hint : 'Put the value in quotes.',
    );
  return undefined;
}

/** `metadata.tenant`; `metadata.namespace` is read as the same. */
function tenantOf(metadata: Mapping, envelope: Envelope): string | undefined {
  const field = metadata['tenant'] === undefined && metadata['namespace'] !== undefined ? 'namespace' : 'tenant';
  const tenant = metadata[field];
  const { namespace } = metadata;
  if (field === 'tenant' && tenant !== undefined && namespace !== undefined && namespace !== tenant)
    envelope.error(
      'conflicting_fields',
      ['metadata', 'namespace'],
      `"metadata.namespace" is ${shown(namespace)} and "metadata.tenant" is ${shown(tenant)}.`,
      'Keep "tenant" and remove "namespace".',
    );
  return tenant === undefined ? undefined : textField(metadata, field, ['metadata'], envelope, 'Name the tenant.');
}

function textMap(metadata: Mapping, field: 'labels' | 'annotations', envelope: Envelope): Record<string, string> {
  const value = metadata[field] ?? {};
  if (!isMapping(value)) {
    envelope.error('wrong_type', ['metadata', field], `"metadata.${field}" is a mapping of texts, not ${shown(value)}.`);
    return {};
  }
  const texts: Record<string, string> = {};
  for (const [key, text] of Object.entries(value)) {
    if (typeof text === 'string') texts[key] = text;
    else
      envelope.error(
        'wrong_type',
        ['metadata', field, key],
        `"metadata.${field}.${quoted(key).slice(1, -1)}" is a text, not ${shown(text)}.`,
        'Put the value in quotes.',
      );
  }
  return texts;
}
