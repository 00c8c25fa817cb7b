/** Formats manifest files: all are read and worked out first, then each that differs is written whole. */
import { resolve } from 'node:path';
import { catalog } from '../../gateway/catalog.js';
import { redactApiKeys } from '../../schema/api-key.js';
import { StoaError, type Diagnostic } from '../../schema/error.js';
import { formatManifests } from '../../schema/format.js';
import type { ConfigFile } from '../settings.js';
import { findFiles, readFiles, STDIN } from './files.js';
import { writeWhole } from './write-file.js';

export interface FormatRequest {
  /** Of -f and the arguments; empty for all that stoa.config.yaml names, overlays included. */
  readonly paths: readonly string[];
  readonly isRecursive: boolean;
  readonly upgrade: boolean;
  /** Find out, and write nothing. */
  readonly check: boolean;
  readonly configFile: ConfigFile | undefined;
  readonly cwd: string;
}

export interface FormatResult {
  readonly schema_version: 1;
  readonly files: number;
  /** Files that were written; with `check`, that would be. */
  readonly changed: readonly string[];
  readonly checked: boolean;
}

/** Throws `validation_error` with every finding, before anything is written, when a file is not YAML. */
export async function formatFiles(request: FormatRequest): Promise<FormatResult> {
  const { cwd, upgrade, check } = request;
  const files = filesOf(request).filter((file) => /\.ya?ml$/i.test(file));
  const texts = await readFiles(files, cwd, () => Promise.resolve(''));
  const done = texts.map(({ file, text }) => ({ file, text, formatted: formatManifests(text, file, catalog, { upgrade }) }));
  refuse(done.flatMap(({ formatted }) => formatted.problems));
  const changed = done.filter(({ text, formatted }) => formatted.text !== text);
  if (!check) for (const { file, formatted } of changed) writeWhole(resolve(cwd, file), formatted.text);
  return { schema_version: 1, files: files.length, changed: changed.map(({ file }) => file), checked: check };
}

/** The formatted text of stdin. Throws `validation_error` when it is not YAML, or holds an API key. */
export function formatText(text: string, upgrade: boolean): string {
  const formatted = formatManifests(text, '<stdin>', catalog, { upgrade });
  refuse(formatted.problems);
  if (redactApiKeys(text) !== text)
    throw new StoaError('validation_error', 'The text holds an API key, which is never printed.', {
      hint: 'A manifest holds none: remove it.',
    });
  return formatted.text;
}

function refuse(diagnostics: readonly Diagnostic[]): void {
  if (diagnostics.length === 0) return;
  throw new StoaError('validation_error', 'What is not YAML cannot be formatted.', {
    diagnostics,
    hint: 'Nothing was written. Mend it first.',
  });
}

function filesOf({ paths, isRecursive, configFile, cwd }: FormatRequest): string[] {
  if (paths.includes(STDIN))
    throw new StoaError('usage_error', '"-" is stdin alone: leave the other paths out.', { hint: 'stoactl fmt - < api.yaml' });
  if (paths.length > 0) return findFiles({ paths, base: cwd, isRecursive });
  const named = configFile === undefined ? [] : globsOf(configFile);
  if (configFile !== undefined && named.length > 0) return findFiles({ paths: named, base: configFile.directory, isRecursive: true });
  throw new StoaError('usage_error', 'There is nothing to format: no path, and no stoa.config.yaml that names manifests.', {
    hint: 'Name files or directories: stoactl fmt manifests/ -R.',
  });
}

/** Manifests and overlays of every environment. */
function globsOf({ config: { manifests = [], environments = {} } }: ConfigFile): string[] {
  const others = Object.values(environments).flatMap((environment) => [
    ...(environment.manifests ?? []),
    ...(environment.overlay === undefined ? [] : [environment.overlay]),
  ]);
  return [...new Set([...manifests, ...others])];
}
