/** The file that a new key is written to, when a person does not want it on the screen. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { StoaError } from '../../schema/error.js';
import { fileReason } from './file-error.js';

export interface KeyFile {
  /** Puts the key in place, whole. */
  commit(key: string): void;
  /** Leaves what was there before. */
  discard(): void;
}

/**
 * A file that only its owner can read. It is made, under another name, before the key: one that could not be stored is never made,
 * and a call that fails leaves the old file alone. Throws `conflict` when a file is there already, unless it may be replaced: it may hold the only copy
 * of a key; `bad_request` when the place cannot be written.
 */
export function openKeyFile(path: string, mayReplace: boolean): KeyFile {
  if (!mayReplace && existsSync(path))
    throw new StoaError('conflict', `${path} is there already.`, {
      hint: 'No key was made. Replace the file with --overwrite, or name another with --to-file.',
    });
  const draft = `${path}.${process.pid}.new`;
  const descriptor = create(path, draft);
  return {
    commit(key) {
      writeSync(descriptor, `${key}\n`);
      fsyncSync(descriptor);
      closeSync(descriptor);
      renameSync(draft, path);
    },
    discard() {
      closeSync(descriptor);
      rmSync(draft, { force: true });
    },
  };
}

function create(path: string, draft: string): number {
  try {
    return openSync(draft, 'wx', 0o600);
  } catch (error) {
    throw new StoaError('bad_request', `${path} cannot be written: ${fileReason(error)}.`, {
      hint: 'No key was made. Name another file with --to-file.',
      cause: error,
    });
  }
}
