/** Files of a command line: plain paths, directories, globs, stdin. */
import { readdirSync, readFileSync, statSync, type Dirent } from 'node:fs';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { StoaError } from '../../schema/error.js';
import { CONFIG_NAME } from './config.js';
import { fileReason } from './file-error.js';

export interface TextFile {
  /** As messages name it: relative to the working directory where it is below it. */
  readonly file: string;
  readonly text: string;
}

export const STDIN = '-';
export const STDIN_NAME = '<stdin>';

const MANIFEST = /\.(ya?ml|json)$/i;
const SKIPPED: ReadonlySet<string> = new Set(['node_modules', CONFIG_NAME, 'package.json', 'package-lock.json', 'plan.json']);
const GLOB = /[*?{[]/;

export interface FileQuery {
  /** Files, directories, globs, or `-`. */
  readonly paths: readonly string[];
  /** What relative paths are relative to. */
  readonly base: string;
  /** The working directory, for the names in messages. */
  readonly cwd: string;
  readonly isRecursive: boolean;
}

/**
 * The paths of all files that are meant, each once, in order. A directory gives its manifests, with `isRecursive` those below it too; hidden
 * directories are passed over. Throws `not_found` for a path, a directory or a glob that gives nothing.
 */
export function findFiles({ paths, base, isRecursive }: Omit<FileQuery, 'cwd'>): string[] {
  const found = paths.flatMap((path) => {
    if (path === STDIN) return [STDIN];
    const full = resolve(base, path);
    const stat = statSync(full, { throwIfNoEntry: false });
    if (stat?.isDirectory() === true) return requireSome(manifestsIn(full, isRecursive), path, full);
    if (stat !== undefined) return [full];
    const matches = GLOB.test(path) ? expandGlob(path, base) : [];
    if (matches.length === 0) throw noSuchFile(path);
    return matches;
  });
  return [...new Set(found)];
}

/** The text of each file. `stdin` is read when `-` is among them. Throws `not_found` or `bad_request` when a file cannot be read. */
export async function readFiles(files: readonly string[], cwd: string, stdin: () => Promise<string>): Promise<TextFile[]> {
  const texts: TextFile[] = [];
  for (const file of files)
    texts.push(file === STDIN ? { file: STDIN_NAME, text: await stdin() } : { file: shownPath(file, cwd), text: readText(file, cwd) });
  return texts;
}

/** A path as messages name it: relative where that is shorter to read, with forward slashes. */
export function shownPath(file: string, cwd: string): string {
  const path = relative(cwd, file);
  return (path.startsWith(`..${sep}..`) || isAbsolute(path) ? file : path).replaceAll(sep, '/');
}

function readText(file: string, cwd: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new StoaError('bad_request', `${shownPath(file, cwd)} cannot be read: ${fileReason(error)}.`, {
      hint: 'Make it readable, or leave it out.',
      cause: error,
    });
  }
}

/** Nothing read is nothing checked: a directory without manifests is a wrong path more often than a wish. */
function requireSome(files: string[], path: string, directory: string): string[] {
  if (files.length > 0) return files;
  const isBelow = manifestsIn(directory, true).length > 0;
  throw new StoaError('not_found', `There is no manifest in the directory "${path}": no .yaml, .yml or .json.`, {
    hint: isBelow ? 'There are some further below: add -R.' : 'Check the path.',
  });
}

function noSuchFile(path: string): StoaError {
  return GLOB.test(path)
    ? new StoaError('not_found', `No file matches "${path}".`, { hint: 'Check the pattern; quote it, so that the shell leaves it alone.' })
    : new StoaError('not_found', `There is no file or directory "${path}".`, { hint: 'Check the path.' });
}

const byName = (a: Dirent, b: Dirent): number => (a.name < b.name ? -1 : 1);

function manifestsIn(directory: string, isRecursive: boolean): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .sort(byName)
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      if (SKIPPED.has(entry.name) || entry.name.startsWith('.')) return [];
      if (entry.isDirectory()) return isRecursive ? manifestsIn(path, true) : [];
      return MANIFEST.test(entry.name) ? [path] : [];
    });
}

/** Files below the part of a glob that has no wildcard. `**` crosses directories, `*` and `?` do not. */
function expandGlob(pattern: string, base: string): string[] {
  const segments = pattern.split('/');
  const fixed = segments.slice(
    0,
    segments.findIndex((segment) => GLOB.test(segment)),
  );
  const root = resolve(base, fixed.join('/') === '' && isAbsolute(pattern) ? '/' : fixed.join('/'));
  const matcher = globExpression(segments.slice(fixed.length).join('/'));
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  const canDescend = pattern.includes('**') || segments.length - fixed.length > 1;
  return filesBelow(root, canDescend).filter((file) => matcher.test(relative(root, file).replaceAll(sep, '/')));
}

function filesBelow(directory: string, canDescend: boolean): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .sort(byName)
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      if (SKIPPED.has(entry.name) || entry.name.startsWith('.')) return [];
      if (entry.isDirectory()) return canDescend ? filesBelow(path, true) : [];
      return [path];
    });
}

/** A glob as an expression over a relative path with forward slashes. */
export function globExpression(glob: string): RegExp {
  const source = glob.replace(/\*\*\/|\*\*|\*|\?|\{[^{}]*\}|\[[^\]]*\]|[.+^$()|\\\]{}]/g, (token) => {
    if (token === '**/') return '(?:.*/)?';
    if (token === '**') return '.*';
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    if (token.length > 1 && token.startsWith('{'))
      return `(?:${token
        .slice(1, -1)
        .split(',')
        .map((part) => globExpression(part).source.slice(1, -1))
        .join('|')})`;
    if (token.length > 1 && token.startsWith('[')) return token.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    return `\\${token}`;
  });
  return new RegExp(`^${source}$`);
}
