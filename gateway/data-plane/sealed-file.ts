/** A file that is whole or not there: replaced atomically, sealed with a checksum, readable by its owner alone. */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** A document as the text of its JSON, in pieces, without the brace at its end; the seal is put in its place. */
export type Pieces = Iterable<string>;

export type SealedContent =
  | { readonly state: 'absent' }
  | { readonly state: 'whole'; readonly value: unknown }
  | { readonly state: 'damaged'; readonly reason: string };

const SEAL = ',"checksum":"';
const MODE = 0o600;

/** So many items of a list are made into one piece: less than a millisecond's work. */
const ITEMS_PER_PIECE = 250;

/** The items of a list as JSON, in pieces, with the commas between them. */
export function* jsonItems(values: Iterable<unknown>): Pieces {
  let piece: string[] = [];
  let comma = '';
  for (const value of values) {
    piece.push(JSON.stringify(value));
    if (piece.length < ITEMS_PER_PIECE) continue;
    yield comma + piece.join(',');
    piece = [];
    comma = ',';
  }
  if (piece.length > 0) yield comma + piece.join(',');
}

const sealOf = (hash: Hash): string => `${SEAL}${hash.digest('hex')}"}\n`;

/** Replaces a file piece by piece, with a turn of the event loop in between. What was there before stays until the new file is on the disk. */
export async function writeSealed(file: string, pieces: Pieces): Promise<void> {
  const temporary = `${file}.tmp`;
  const handle = await open(temporary, 'w', MODE);
  try {
    const hash = createHash('sha256');
    for (const piece of pieces) {
      hash.update(piece);
      await handle.write(piece);
      await nextTurn();
    }
    await handle.write(sealOf(hash));
    await handle.chmod(MODE);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  await syncDirectory(dirname(file));
}

/** The same at once, for what must be on the disk before an answer is given, or before the process ends. */
export function writeSealedSync(file: string, pieces: Pieces): void {
  const temporary = `${file}.tmp`;
  const descriptor = openSync(temporary, 'w', MODE);
  try {
    const hash = createHash('sha256');
    for (const piece of pieces) {
      hash.update(piece);
      writeSync(descriptor, piece);
    }
    writeSync(descriptor, sealOf(hash));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
  const directory = openSync(dirname(file), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Reads a sealed file. A damaged one is left as it is. */
export function readSealed(file: string): SealedContent {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { state: 'absent' };
    return { state: 'damaged', reason: `it cannot be read (${error instanceof Error ? error.message : String(error)})` };
  }
  const seal = text.lastIndexOf(SEAL);
  if (seal === -1) return { state: 'damaged', reason: 'it ends before its checksum' };
  const hash = createHash('sha256').update(text.slice(0, seal));
  if (text.slice(seal) !== sealOf(hash)) return { state: 'damaged', reason: 'its checksum does not match' };
  try {
    return { state: 'whole', value: JSON.parse(text) };
  } catch {
    return { state: 'damaged', reason: 'it is not JSON' };
  }
}
