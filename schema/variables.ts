/** Variables inside manifests (`${env:NAME}`, `${env:NAME:-default}`, `${file:path}`), and the values that `secret_ref` fields name. */
import type { PlanRequest } from './change.js';
import type { Diagnostic } from './error.js';
import type { KindDefinition } from './kind.js';
import { kinds } from './kinds/index.js';
import type { Manifest } from './manifest.js';
import { keyOf, type Resource } from './resource.js';
import { visitFields } from './schema-walk.js';
import { pathText, quoted } from './shown.js';
import { parseYaml, YAML_LIMITS } from './yaml.js';

/** Where values come from; pure code asks, the caller looks. */
export interface VariableSources {
  env(name: string): string | undefined;
  /** Text of a file; `from` is the manifest's file, which relative paths start at. */
  file(path: string, from: string): string | undefined;
}

const VARIABLE = /\$(\$?)\{([^{}]*)\}/g;
const WHOLE = /^\$\{[^{}]*\}$/;
const ENV = /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;
const FILE = /^file:(.+)$/;

/** Replaces the variables of every text of the manifests' names, labels, annotations and specs. `$${env:NAME}` stands for itself. */
export function resolveVariables(
  manifests: readonly Manifest[],
  sources: VariableSources,
): { manifests: Manifest[]; diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const resolved = manifests.map((manifest) => new Resolver(manifest, sources, diagnostics).run());
  return { manifests: resolved, diagnostics };
}

type Path = readonly (string | number)[];

/** Resolves one manifest; keeps what was whole, to be read as number or boolean where one is wanted. */
class Resolver {
  readonly #manifest: Manifest;
  readonly #sources: VariableSources;
  readonly #diagnostics: Diagnostic[];
  readonly #whole = new Set<string>();
  readonly #unresolved = new Set<string>();

  constructor(manifest: Manifest, sources: VariableSources, diagnostics: Diagnostic[]) {
    this.#manifest = manifest;
    this.#sources = sources;
    this.#diagnostics = diagnostics;
  }

  run(): Manifest {
    const { tenant, name, labels, annotations, spec } = this.#manifest;
    const metadata = { tenant, name, labels, annotations };
    if (!someText(metadata, mayHoldVariable) && !someText(spec, mayHoldVariable)) return this.#manifest;
    const newMetadata = this.#value(metadata, ['metadata']);
    const newSpec = this.#value(spec, ['spec']);
    if (this.#unresolved.size > 0)
      return { ...this.#manifest, ...newMetadata, spec: newSpec, variables: this.#whole, unresolved: this.#unresolved };
    if (newMetadata === metadata && newSpec === spec) return this.#manifest;
    return { ...this.#manifest, ...newMetadata, spec: newSpec, variables: this.#whole };
  }

  /** The value itself when nothing in it changed. */
  #value<T>(value: T, path: Path): T {
    if (typeof value === 'string') return (value.includes('${') ? this.#text(value, path) : value) as T;
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(
      ([key, child]: [string, unknown]) => [key, child, this.#value(child, [...path, Array.isArray(value) ? Number(key) : key])] as const,
    );
    if (entries.every(([, before, after]) => before === after)) return value;
    const values = entries.map(([key, , after]) => [key, after] as const);
    return (Array.isArray(value) ? values.map(([, after]) => after) : Object.fromEntries(values)) as T;
  }

  #text(text: string, path: Path): string {
    if (WHOLE.test(text)) this.#whole.add(path.join('.'));
    return text.replace(VARIABLE, (written, escape: string, name: string) =>
      escape === '' ? (this.#lookUp(name, path) ?? written) : written.slice(1),
    );
  }

  #lookUp(name: string, path: Path): string | undefined {
    const [, variable, fallback] = ENV.exec(name) ?? [];
    if (variable !== undefined) {
      const value = this.#sources.env(variable) ?? fallback;
      if (value === undefined)
        this.#report(
          'error',
          'unset_variable',
          path,
          `The variable "${variable}" is not set.`,
          `Set it, or write a default: \${env:${variable}:-value}.`,
        );
      return value;
    }
    const [, file] = FILE.exec(name) ?? [];
    if (file !== undefined) {
      const value = this.#sources.file(file, this.#manifest.file)?.replace(/\r?\n$/, '');
      if (value === undefined)
        this.#report(
          'error',
          'unreadable_file',
          path,
          `The file ${quoted(file)} cannot be read.`,
          'A relative path starts at the directory of the manifest.',
        );
      return value;
    }
    this.#report(
      'warning',
      'unknown_variable',
      path,
      `${quoted(`\${${name}}`)} is kept as it is.`,
      'Variables are written ${env:NAME}, ${env:NAME:-default} or ${file:path}.',
    );
    return undefined;
  }

  #report(severity: Diagnostic['severity'], code: string, path: Path, message: string, hint: string): void {
    const source = this.#manifest.locate(path);
    const { kind, tenant, name } = this.#manifest;
    if (severity === 'error') this.#unresolved.add(path.join('.'));
    this.#diagnostics.push({
      severity,
      code,
      message,
      hint,
      path: pathText(path),
      resource: keyOf({ kind, tenant: tenant ?? name, name }),
      ...(source === undefined ? {} : { source }),
    });
  }
}

const mayHoldVariable = (text: string): boolean => text.includes('${');
const mayBeSecretRef = (text: string): boolean => text.startsWith('env:') || text.startsWith('file:');

/** Whether some text inside a value passes a test. Most values hold none: asking first is what makes ten thousand of them quick. */
function someText(value: unknown, test: (text: string) => boolean): boolean {
  if (typeof value === 'string') return test(value);
  if (typeof value !== 'object' || value === null) return false;
  for (const child of Object.values(value)) if (someText(child, test)) return true;
  return false;
}

/** A copy of a spec in which the texts at these places, where a variable gave them, are read as what they say: numbers, booleans, documents. Undefined when there are none. */
export function fromVariable(spec: unknown, paths: readonly Path[], variables: ReadonlySet<string>): unknown {
  const wanted = new Set(paths.map((path) => ['spec', ...path].join('.')).filter((path) => variables.has(path)));
  return wanted.size === 0 ? undefined : converted(spec, ['spec'], wanted);
}

function converted(value: unknown, path: Path, wanted: ReadonlySet<string>): unknown {
  if (typeof value === 'string') return wanted.has(path.join('.')) ? read(value) : value;
  if (Array.isArray(value)) return value.map((child: unknown, index) => converted(child, [...path, index], wanted));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]: [string, unknown]) => [key, converted(child, [...path, key], wanted)]),
  );
}

function read(text: string): unknown {
  if (/^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text);
  if (text === 'true' || text === 'false') return text === 'true';
  return /^\s*\{|\n/.test(text) ? document(text) : text;
}

/** A file of JSON or YAML; one that cannot be read is a text still, and its place has the finding. */
function document(text: string): unknown {
  try {
    // A JSON file of a megabyte would take the YAML parser seconds.
    return JSON.parse(text) as unknown;
  } catch {
    const { documents } = parseYaml(text, { ...YAML_LIMITS, maxDocuments: 1 });
    const [found] = documents;
    return found === undefined || found.problems.length > 0 ? text : found.value;
  }
}

/** Reads the secrets that the resources refer to, by resource and field; those that cannot be read are findings. No message holds a value. */
export function collectSecrets(
  resources: readonly Resource[],
  manifests: readonly Manifest[],
  sources: VariableSources,
  definitions: readonly KindDefinition[] = kinds,
): { secrets: PlanRequest['secrets']; diagnostics: Diagnostic[] } {
  const byKind = new Map(definitions.map((definition) => [definition.kind, definition]));
  const byKey = new Map(
    manifests.map((manifest) => [keyOf({ kind: manifest.kind, tenant: manifest.tenant ?? manifest.name, name: manifest.name }), manifest]),
  );
  const secrets: Record<string, Record<string, string>> = {};
  const diagnostics: Diagnostic[] = [];
  for (const resource of resources) {
    const definition = byKind.get(resource.kind);
    if (definition === undefined || !someText(resource.spec, mayBeSecretRef)) continue;
    visitFields(definition.spec, undefined, resource.spec, ({ path, traits, after }) => {
      if (traits.secretRef !== true || typeof after !== 'string') return;
      const key = keyOf(resource);
      const manifest = byKey.get(key);
      const value = secretOf(after, manifest?.file ?? '', sources);
      if (value !== undefined && value !== '') (secrets[key] ??= {})[path.join('.')] = value;
      else diagnostics.push(unreadable(after, value, ['spec', ...path], key, manifest));
    });
  }
  return { secrets: Object.keys(secrets).length === 0 ? undefined : secrets, diagnostics };
}

function secretOf(reference: string, from: string, sources: VariableSources): string | undefined {
  const [source, ...rest] = reference.split(':');
  const name = rest.join(':');
  return source === 'env' ? sources.env(name) : sources.file(name, from)?.replace(/\r?\n$/, '');
}

function unreadable(
  reference: string,
  value: string | undefined,
  path: Path,
  resource: string,
  manifest: Manifest | undefined,
): Diagnostic {
  const source = manifest?.locate(path);
  const what = value === '' ? 'is empty' : reference.startsWith('env:') ? 'is not set' : 'cannot be read';
  return {
    severity: 'error',
    code: 'unset_secret',
    message: `The secret ${quoted(reference)} ${what}.`,
    hint: reference.startsWith('env:') ? 'Set the environment variable.' : 'A relative path starts at the directory of the manifest.',
    path: path.join('.'),
    resource,
    ...(source === undefined ? {} : { source }),
  };
}
