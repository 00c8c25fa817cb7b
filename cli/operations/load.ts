/** Manifests from disk or stdin to a checked set: read, parse, merge the overlay, fill in variables, check, find the secrets. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { catalog } from '../../gateway/catalog.js';
import type { PlanRequest } from '../../schema/change.js';
import { check, sortDiagnostics } from '../../schema/check.js';
import { StoaError, type Diagnostic } from '../../schema/error.js';
import { applyLint } from '../../schema/lint.js';
import { parseManifests, type Manifest } from '../../schema/manifest.js';
import { mergeOverlay } from '../../schema/overlay.js';
import type { Resource } from '../../schema/resource.js';
import { collectSecrets, resolveVariables } from '../../schema/variables.js';
import type { Environment, Settings } from '../settings.js';
import type { SourceLine } from '../views/diagnostics.js';
import { findFiles, readFiles, shownPath, STDIN_NAME, type TextFile } from './files.js';

export interface LoadOptions {
  /** Of -f; undefined to read what stoa.config.yaml names. */
  readonly paths: readonly string[] | undefined;
  readonly isRecursive: boolean;
  readonly settings: Settings;
  readonly env: Environment;
  readonly cwd: string;
  /** All of stdin; called when `-` is among the paths. */
  readonly stdin: () => Promise<string>;
}

export interface ManifestSet {
  readonly files: number;
  /** The files as they were read, overlay included. */
  readonly texts: readonly TextFile[];
  /** As they were written, with overlay and variables; what the resources come from. */
  readonly manifests: readonly Manifest[];
  /** Everything that is well formed, also when there are findings. */
  readonly resources: readonly Resource[];
  readonly secrets: NonNullable<PlanRequest['secrets']>;
  /** Every finding, errors and warnings alike, in the order of their places. */
  readonly diagnostics: readonly Diagnostic[];
  /** Findings about secrets that cannot be read here; validation alone does not need them. */
  readonly secretDiagnostics: readonly Diagnostic[];
  readonly sourceLine: SourceLine;
}

/** Reads and checks a set. Throws for wrong usage and unreadable files; what is wrong inside the files is in `diagnostics`. */
export async function load(options: LoadOptions): Promise<ManifestSet> {
  const { settings, cwd } = options;
  const base = await parseAll(sourcesOf(options), options);
  const overlay = settings.environment?.overlay === undefined ? undefined : await parseAll(overlayOf(settings), options);
  const merged = overlay === undefined ? base.manifests : mergeOverlay(base.manifests, only(base.manifests, overlay.manifests, options));
  const sources = variableSources(options);
  const resolved = resolveVariables(withTenant(merged, settings.tenant), sources);
  const checked = check(catalog, resolved.manifests, { offline: true });
  const { secrets, diagnostics: secretDiagnostics } = collectSecrets(checked.resources, resolved.manifests, sources);
  const texts = [...base.texts, ...(overlay?.texts ?? [])];
  refuseOtherTenants(resolved.manifests, settings, cwd);
  return {
    files: texts.length,
    texts,
    manifests: resolved.manifests,
    resources: checked.resources,
    secrets: secrets ?? {},
    diagnostics: applyLint(
      sortDiagnostics([...base.diagnostics, ...(overlay?.diagnostics ?? []), ...resolved.diagnostics, ...checked.diagnostics]),
      settings.configFile?.config.lint,
    ),
    secretDiagnostics,
    sourceLine: lineFinder(texts),
  };
}

interface Sources {
  readonly paths: readonly string[];
  readonly base: string;
  readonly isRecursive: boolean;
}

/** -f, else the globs of the environment, else those of the whole configuration. */
function sourcesOf({ paths, isRecursive, settings, cwd }: LoadOptions): Sources {
  if (paths !== undefined && paths.length > 0) return { paths, base: cwd, isRecursive };
  const { configFile, environment } = settings;
  const globs = environment?.manifests ?? configFile?.config.manifests ?? [];
  if (configFile !== undefined && globs.length > 0) return { paths: globs, base: configFile.directory, isRecursive: true };
  throw new StoaError(
    'usage_error',
    configFile === undefined
      ? 'There is nothing to read: no -f and no stoa.config.yaml.'
      : `There is nothing to read: no -f, and ${configFile.file} names no manifests.`,
    {
      hint: `Name a manifest file or directory with -f${configFile === undefined ? ', or begin a repository with "stoactl init"' : ''}.`,
    },
  );
}

function overlayOf({ configFile, environment }: Settings): Sources {
  return { paths: [environment?.overlay ?? ''], base: configFile?.directory ?? '', isRecursive: true };
}

interface Parsed {
  readonly texts: readonly TextFile[];
  readonly manifests: readonly Manifest[];
  readonly diagnostics: readonly Diagnostic[];
}

async function parseAll(sources: Sources, { cwd, stdin }: LoadOptions): Promise<Parsed> {
  const named = new Set(sources.paths.map((path) => shownPath(resolve(sources.base, path), cwd)));
  // Cases of "stoactl test" may lie among the manifests.
  const texts = (await readFiles(findFiles(sources), cwd, stdin)).filter(({ file, text }) => named.has(file) || !isTestFile(text));
  const parsed = texts.map(({ file, text }) => parseManifests(text, file));
  return { texts, manifests: parsed.flatMap(({ manifests }) => manifests), diagnostics: parsed.flatMap(({ diagnostics }) => diagnostics) };
}

const isTestFile = (text: string): boolean => /^cases:/m.test(text) && !/^(apiVersion|kind):/m.test(text);

const identity = ({ kind, tenant, name }: Manifest): string => JSON.stringify([kind, tenant, name]);

/** With -f an overlay changes what was named and adds nothing. */
function only(base: readonly Manifest[], overlay: readonly Manifest[], { paths }: LoadOptions): Manifest[] {
  if (paths === undefined || paths.length === 0) return [...overlay];
  const named = new Set(base.map(identity));
  return overlay.filter((manifest) => named.has(identity(manifest)));
}

/** A manifest that names no tenant belongs to the one of --tenant or the environment. */
function withTenant(manifests: readonly Manifest[], tenant: string | undefined): Manifest[] {
  return manifests.map((manifest) =>
    manifest.tenant === undefined && tenant !== undefined && catalog.find(manifest.kind)?.scope === 'tenant'
      ? { ...manifest, tenant }
      : manifest,
  );
}

/** The tenant guard: an environment that is one tenant's never touches another. */
function refuseOtherTenants(manifests: readonly Manifest[], { tenant, environmentName }: Settings, cwd: string): void {
  if (tenant === undefined) return;
  const foreign = manifests.filter(
    (manifest) => (catalog.find(manifest.kind)?.scope === 'global' ? manifest.name : (manifest.tenant ?? tenant)) !== tenant,
  );
  if (foreign.length === 0) return;
  const diagnostics = foreign.map((manifest): Diagnostic => {
    const source = manifest.locate(['metadata', 'tenant']) ?? manifest.locate(['metadata', 'name']);
    const owner = manifest.tenant ?? manifest.name;
    return {
      severity: 'error',
      code: 'tenant_guard',
      message: `${manifest.kind} "${manifest.name}" is of tenant "${owner}", not of "${tenant}".`,
      path: 'metadata.tenant',
      ...(source === undefined ? {} : { source }),
    };
  });
  throw new StoaError('guard_refused', `${foreign.length} of the manifests below ${cwd} are of another tenant than "${tenant}".`, {
    diagnostics,
    hint:
      environmentName === undefined
        ? 'Leave --tenant out, or name other files.'
        : `The environment "${environmentName}" is limited to tenant "${tenant}".`,
  });
}

/** The process's environment first, then the variables of the chosen environment; files are relative to the manifest that names them. */
export function variableSources({ env, settings, cwd }: Pick<LoadOptions, 'env' | 'settings' | 'cwd'>): {
  env(name: string): string | undefined;
  file(path: string, from: string): string | undefined;
} {
  const variables: Readonly<Record<string, unknown>> = settings.environment?.variables ?? {};
  return {
    env: (name) => env[name] ?? (Object.hasOwn(variables, name) ? String(variables[name]) : undefined),
    file: (path, from) => {
      try {
        return readFileSync(resolve(cwd, from === STDIN_NAME ? '.' : dirname(from), path), 'utf8');
      } catch {
        return undefined;
      }
    },
  };
}

/** Lines of files that were read. */
export function lineFinder(texts: readonly TextFile[]): SourceLine {
  const byFile = new Map(texts.map(({ file, text }) => [file, text]));
  const lines = new Map<string, readonly string[]>();
  return (file, line) => {
    const split = lines.get(file) ?? byFile.get(file)?.split(/\r?\n/) ?? [];
    lines.set(file, split);
    return split[line - 1];
  };
}
