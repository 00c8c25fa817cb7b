/** Small files of the data directory that only their owner may read: keys and tokens. */
import { chmodSync, closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';

/** The text of a file, made by `make` when there is none. Written whole or not at all, mode 0600. */
export function readOrMakePrivateFile(file: string, make: () => string): string {
  if (!existsSync(file)) writePrivateFile(file, make());
  chmodSync(file, 0o600);
  return readFileSync(file, 'utf8').trim();
}

function writePrivateFile(file: string, text: string): void {
  const draft = `${file}.new`;
  const descriptor = openSync(draft, 'w', 0o600);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(draft, file);
}
