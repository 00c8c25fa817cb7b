/** A lock between processes: a file that is made by whoever holds it. */
import { closeSync, linkSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StoaError } from '../schema/error.js';
import { fileReason } from './operations/file-error.js';

/**
 * Takes the lock and gives what releases it; undefined while another holds it. One that is older than `staleMs` was left by a process that died: it is
 * taken over. Throws `bad_request` where no file can be made.
 */
export function tryLock(path: string, staleMs: number): (() => void) | undefined {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'wx', 0o600));
    return () => rmSync(path, { force: true });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST')
      throw new StoaError('bad_request', `${path} cannot be made: ${fileReason(error)}.`, {
        hint: 'Make the directory writable, or name another one with XDG_CONFIG_HOME.',
        cause: error,
      });
  }
  if (isStale(path, staleMs)) putAway(path, staleMs);
  return undefined;
}

/** Of several that find a stale lock, one gets hold of it. A fresh one, made in between, is put back. */
function putAway(path: string, staleMs: number): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
    if (!isStale(aside, staleMs)) linkSync(aside, path);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(codeOf(error))) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function isStale(path: string, staleMs: number): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && Date.now() - found.mtimeMs > staleMs;
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '');
