import { dirname, resolve, sep } from 'node:path';
import type { Settings } from '../../settings.js';
import type { WatchedPlaces } from './watch.js';

const GLOB = /[*?{[]/;

/** Where an edit may change what `dev` applies: the directory of stoa.config.yaml, and the trees of its globs and its overlay. */
export function placesOf({ configFile, environment }: Settings): WatchedPlaces {
  if (configFile === undefined) return { trees: [], directories: [] };
  const globs = environment?.manifests ?? configFile.config.manifests ?? [];
  const overlay = environment?.overlay === undefined ? [] : [resolve(configFile.directory, environment.overlay)];
  const fixed = globs.map((glob) => fixedPart(glob, configFile.directory));
  const pathsOf = (isTree: boolean): string[] => fixed.filter((part) => part.isTree === isTree).map(({ path }) => path);
  return { trees: [...new Set([...pathsOf(true), ...overlay])], directories: [...new Set([configFile.directory, ...pathsOf(false)])] };
}

/** A directory and those above it: where a stoa.config.yaml may be. */
export function ancestorsOf(directory: string): string[] {
  const parent = dirname(directory);
  return parent === directory ? [directory] : [directory, ...ancestorsOf(parent)];
}

interface FixedPart {
  readonly path: string;
  readonly isTree: boolean;
}

/** The part of a glob before its first wildcard; `*` alone stays in one directory. A plain path may be a file or a directory. */
function fixedPart(glob: string, directory: string): FixedPart {
  const segments = glob.split('/');
  const wild = segments.findIndex((segment) => GLOB.test(segment));
  if (wild === -1) return { path: resolve(directory, glob), isTree: true };
  const path = resolve(directory, segments.slice(0, wild).join(sep));
  // "*.yaml" beside stoa.config.yaml must not make the whole repository a watched tree.
  return { path, isTree: wild < segments.length - 1 || path !== directory };
}
