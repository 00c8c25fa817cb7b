/** Writes a file whole or not at all. */
import { closeSync, fchmodSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { StoaError } from '../../schema/error.js';
import { fileReason } from './file-error.js';

/**
 * Puts a text in the place of a file: it is written beside it and renamed, so that a reader sees the old or the new one. A file that is there keeps
 * its mode, unless one is given, and a link stays a link. Throws `bad_request` when the place cannot be written; what was there is left alone.
 */
export function writeWhole(path: string, text: string, mode?: number): void {
  const target = realPath(path);
  const draft = `${target}.${process.pid}.new`;
  try {
    const kept = mode ?? statSync(target, { throwIfNoEntry: false })?.mode;
    const descriptor = openSync(draft, 'wx', kept === undefined ? 0o666 : 0o600);
    try {
      if (kept !== undefined) fchmodSync(descriptor, kept & 0o7777);
      writeFileSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { force: true });
    throw new StoaError('bad_request', `${path} cannot be written: ${fileReason(error)}.`, {
      hint: 'What was there is as it was.',
      cause: error,
    });
  }
}

const realPath = (path: string): string => (statSync(path, { throwIfNoEntry: false }) === undefined ? path : realpathSync(path));
