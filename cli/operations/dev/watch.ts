/** Notices edits below directories. Editors replace files, so directories are watched and every burst of events is one call. */
import { statSync, watch, type FSWatcher } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** An editor's save is several events; this long without one ends it. */
const QUIET_MS = 60;
/** A steady stream of events is answered at least this often. */
const LONGEST_WAIT_MS = 400;
/** Never of interest, and busy. */
const SKIPPED: ReadonlySet<string> = new Set(['.git', '.hg', '.stoa', '.svn', 'dist', 'node_modules']);
const MAX_DIRECTORIES = 5000;

export interface DirectoryWatch {
  /** Watches these instead: trees (with everything below) and single directories. */
  follow(places: WatchedPlaces): Promise<void>;
  close(): void;
}

export interface WatchedPlaces {
  readonly trees: readonly string[];
  readonly directories: readonly string[];
}

/** Calls `onChange` once after each burst of changes. `skip` names directories that are never watched, by absolute path. */
export function watchDirectories(onChange: () => void, skip: readonly string[] = []): DirectoryWatch {
  const watchers = new Map<string, { readonly watcher: FSWatcher; readonly identity: string }>();
  const burst = debounce(onChange);
  const ignored = new Set(skip);

  const open = (directory: string): void => {
    try {
      const identity = identityOf(directory);
      const watcher = watch(directory, (_event, file) => {
        if (file === null || !SKIPPED.has(basename(file))) burst.note();
      });
      // The directory itself went away; its parent tells.
      watcher.on('error', () => drop(directory));
      watchers.set(directory, { watcher, identity });
    } catch {
      // It went away, or the system's number of watches is used up: what is watched already stays so.
    }
  };
  const drop = (directory: string): void => {
    watchers.get(directory)?.watcher.close();
    watchers.delete(directory);
  };

  return {
    async follow({ trees, directories }) {
      const wanted = new Set(directories);
      for (const tree of trees) await collectDirectories(await nearestExisting(tree), tree, wanted, ignored);
      // A directory that was replaced has the same path and no events any more.
      for (const [directory, { identity }] of watchers) if (!wanted.has(directory) || identityOf(directory) !== identity) drop(directory);
      for (const directory of wanted) if (!watchers.has(directory)) open(directory);
    },
    close() {
      burst.cancel();
      for (const directory of [...watchers.keys()]) drop(directory);
    },
  };
}

/** Tells a directory from another that took its place: file systems use inode numbers again. */
function identityOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return `${stat?.ino}:${stat?.birthtimeMs}`;
}

function debounce(call: () => void): { note(): void; cancel(): void } {
  let timer: NodeJS.Timeout | undefined;
  let firstAt = 0;
  const fire = (): void => {
    timer = undefined;
    call();
  };
  return {
    note() {
      const now = performance.now();
      if (timer === undefined) firstAt = now;
      clearTimeout(timer);
      timer = setTimeout(fire, Math.max(0, Math.min(QUIET_MS, firstAt + LONGEST_WAIT_MS - now)));
    },
    cancel() {
      clearTimeout(timer);
    },
  };
}

/** A tree that is not there yet is awaited in the nearest directory above it. */
async function nearestExisting(directory: string): Promise<string> {
  if ((await subdirectories(directory)) !== undefined || dirname(directory) === directory) return directory;
  return nearestExisting(dirname(directory));
}

async function collectDirectories(directory: string, tree: string, found: Set<string>, ignored: ReadonlySet<string>): Promise<void> {
  if (found.size >= MAX_DIRECTORIES || ignored.has(directory)) return;
  found.add(directory);
  if (!directory.startsWith(tree)) return;
  for (const name of (await subdirectories(directory)) ?? []) await collectDirectories(join(directory, name), tree, found, ignored);
}

async function subdirectories(directory: string): Promise<string[] | undefined> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory() && !SKIPPED.has(entry.name)).map(({ name }) => name);
  } catch {
    return undefined;
  }
}
